"""A supervisor sees where nobody is, and changes the rota without leaving an emergency to nobody."""

import re
from datetime import timedelta

from structlog.testing import capture_logs

from fulfillment.rota import key_of
from kernel.clock import local
from tests.console.conftest import Person
from tests.fakes import BUTLER, DEPUTY, STATION_DUTY_BY_DAY, SUPERVISOR, FakeStore, FixedClock

CHIEF = {"role": "supervisor", "staff": str(SUPERVISOR), "station": "", "weekday": [*"1234567"], "start": "00:00", "until": "00:00"}  # fmt: skip


def key_of_chief(store: FakeStore) -> str:
    with store.read() as tx:
        return key_of(next(d for d in tx.duties() if d.staff_id == SUPERVISOR))


def absence(clock: FixedClock, **more: str) -> dict[str, str]:
    now = local(clock.now())
    return {"from_at": f"{now:%Y-%m-%dT%H:%M}", "until_at": f"{now + timedelta(days=2):%Y-%m-%dT%H:%M}", **more}


def test_only_supervisors_change_it(xiaoli: Person, store: FakeStore) -> None:
    assert xiaoli.get("/rota").status_code == 403
    assert xiaoli.post("/rota/lines", **CHIEF).status_code == 403
    assert xiaoli.post(f"/rota/lines/{key_of_chief(store)}/end").status_code == 403


def test_what_leaves_nobody_is_not_kept_and_says_so(zhuguan: Person, store: FakeStore) -> None:
    key = key_of_chief(store)
    answer = zhuguan.post(f"/rota/lines/{key}", **CHIEF | {"weekday": [*"123456"]})
    assert answer.status_code == 400
    assert "叫不到足够的人" in answer.text
    assert "没有主管, 只能叫到" in answer.text
    assert key_of_chief(store) == key
    typed = re.search(rf'action="/console/rota/lines/{key}".*?</form>', answer.text, re.DOTALL)
    assert typed
    assert 'value="6" checked' in typed[0]
    assert 'value="7" checked' not in typed[0], "shown once more as it was typed"


def test_a_line_is_added_changed_and_restored(zhuguan: Person, store: FakeStore) -> None:
    with capture_logs() as logs:
        assert "已保存" in zhuguan.told(zhuguan.post("/rota/lines", **CHIEF | {"staff": str(DEPUTY)}))
    assert [one["operator"] for one in logs if one["event"] == "audit.company_changed"] == ["zhuguan"]
    assert "可在改动记录里恢复" in zhuguan.told(zhuguan.post(f"/rota/lines/{key_of_chief(store)}/end"))
    with store.read() as tx:
        assert SUPERVISOR not in [d.staff_id for d in tx.duties()]
    page = zhuguan.get("/rota").text
    assert "周主管" in page
    assert "导入" in page
    assert "已恢复" in zhuguan.told(zhuguan.post("/rota/editions/1"))
    with store.read() as tx:
        assert [d.staff_id for d in tx.duties()].count(SUPERVISOR) == 1
        assert len(tx.duties()) == 4


def test_a_line_that_somebody_else_changed(zhuguan: Person) -> None:
    assert "别人改过" in zhuguan.told(zhuguan.post("/rota/lines/0000000000000000", **CHIEF))


def test_somebody_is_ill(zhuguan: Person, clock: FixedClock) -> None:
    refused = zhuguan.post("/rota/absences", **absence(clock, staff=str(SUPERVISOR)))
    assert refused.status_code == 400
    assert "先安排接替的人" in refused.text
    ill = absence(clock, staff=str(STATION_DUTY_BY_DAY), stand_in=str(BUTLER))
    assert "已登记" in zhuguan.told(zhuguan.post("/rota/absences", **ill))
    page = zhuguan.get("/rota").text
    assert "替张值班" in page
    assert "请假中" in page
    board = re.search(r'id="duty".*?</ul>', zhuguan.get("/").text, re.DOTALL)
    assert board
    assert "王管家" in board[0]
    assert "张值班" not in board[0], "the board shows who is there"
    assert "请假已结束" in zhuguan.told(zhuguan.post("/rota/absences/1/cancel"))
    assert "替张值班" not in zhuguan.get("/rota").text


def test_a_gap_is_red_and_an_empty_rota_says_what_to_do(zhuguan: Person, store: FakeStore) -> None:
    assert "都叫得到人" in zhuguan.get("/rota").text
    with store.write() as tx:
        tx.replace_duties([])
    page = zhuguan.get("/rota?week=2026-11-25").text
    assert "请补上" in page
    assert "无人" in page
    assert "还没有值班表" in page
    assert zhuguan.get("/rota?week=nonsense").status_code == 200
