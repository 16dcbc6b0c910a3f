"""We ring residents, and a butler rings us: whole journeys against the real Rasa server, worker, web process and network.

The town's calling hours are all day, and no repair has to be two hours old: a journey must not depend on the hour it is run.
"""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
import yaml

from fulfillment.desk import Desk
from fulfillment.open_ticket import Learned, TicketRequest, open_ticket
from fulfillment.resident_calls import CallResult, CallState, Purpose, ResidentCall, ResidentTry, TryOutcome
from fulfillment.standard import Standard
from fulfillment.ticket import ClockState, Ticket, TicketState
from kernel.clock import SystemClock, local
from ops.town import HOME, Town
from simulator.play import Player, read_script
from storage import Store

HERE = Path(__file__).parent
RESIDENT, BUTLER, FOREIGN = "+8619911000001", "+8619900000011", "+8619955559999"
#: What each play leaves behind: the result and state of the call, and the state of the case.
LEAVES = {
    "satisfied": (CallResult.SATISFIED, CallState.DONE, TicketState.CLOSED),
    "dissatisfied": (CallResult.DISSATISFIED, CallState.DONE, TicketState.ACKNOWLEDGED),
    "wrong_person": (CallResult.WRONG_PERSON, CallState.GIVEN_UP, TicketState.RESOLVED),
    "not_now": (CallResult.NOTHING, CallState.PLANNED, TicketState.RESOLVED),
    "leak": (CallResult.NOTHING, CallState.PLANNED, TicketState.RESOLVED),
}

pytestmark = pytest.mark.nlu


def data_with(folder: Path, hours: list[str], **outgoing: object) -> Path:
    """The tables with other hours for every purpose: N7 holds at the hour of this test as well."""
    shutil.copytree(HOME / "data", folder)
    table = folder / "outgoing.yml"
    purposes = [purpose | {"hours": hours} for purpose in PURPOSES]
    content = yaml.safe_load(table.read_text(encoding="utf-8")) | {"purposes": purposes, **outgoing}
    table.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return folder


PURPOSES = [
    {"key": "satisfaction", "clause": "B7", "title": "维修后回访", "after": "PT0S", "tries": 3},
    {"key": "appointment", "clause": "F11", "title": "上门时间确认", "after": "PT0S", "tries": 3},
    {"key": "callback", "clause": "W6g", "title": "回拨", "after": "PT0S", "tries": 1},
]


@pytest.fixture(scope="module")
def open_town(tmp_path_factory: pytest.TempPathFactory, nlu_url: str) -> Iterator[Town]:
    """Calls at any hour; the next try is due a few seconds after the last."""
    folder = tmp_path_factory.mktemp("town")
    data = data_with(folder / "data", ["00:00-23:59"], between="PT3S")
    with Town(folder, nlu_url, environment={"DATA_DIR": str(data)}) as running:
        yield running


@pytest.fixture
def town(open_town: Town) -> Iterator[Town]:
    """Every journey starts with idle telephones and leaves nothing to be rung."""
    yield open_town
    with Store(open_town.database_url) as store, store.write() as tx:
        for ticket in tx.tickets(limit=200):
            # Never `ring_resident`: its try would stay under way, and nobody would ring this number beside it.
            tx.cancel_tasks(ticket.id, ["call_resident", "forward_emergency"])
            if ticket.is_open:
                tx.save_ticket(replace(tx.ticket(ticket.id), state=TicketState.CANCELLED))
    for number in (RESIDENT, BUTLER):
        httpx.put(f"{open_town.network}/api/phones/{number}", json={"state": "on"})
        httpx.post(f"{open_town.network}/api/phones/{number}/hangup", json={})


class Case:
    """A cold room of 罗芳, opened and (perhaps) repaired in the town's database, as the console does it."""

    def __init__(self, town: Town, purpose: Purpose = Purpose.SATISFACTION, visit: str = "") -> None:
        self.town = town
        standard = Standard(Path(town.environment.get("DATA_DIR", str(HOME / "data"))))
        with Store(town.database_url) as store:
            with store.write() as tx:
                [home] = tx.households_by_phone(RESIDENT)
                request = TicketRequest("cold_room", "卧室不热", None, Learned(household_id=home.id))
                self.id = open_ticket(tx, request, standard=standard, now=SystemClock().now())[0].id
            desk = Desk(store, standard, SystemClock())
            if purpose is Purpose.SATISFACTION:
                desk.change_state(self.id, TicketState.RESOLVED, by="王建军")
            else:
                desk.call_resident(self.id, purpose, by="苏晓雯", operator_id=1, visit=visit)

    def play(self, script: str) -> str:
        return play(self.town, (HERE / "rung" / f"{script}.txt").read_text(encoding="utf-8"), RESIDENT, rung=True)

    @property
    def ticket(self) -> Ticket:
        with Store(self.town.database_url) as store, store.read() as tx:
            return tx.ticket(self.id)

    @property
    def call(self) -> ResidentCall:
        with Store(self.town.database_url) as store, store.read() as tx:
            return tx.resident_calls(self.id)[-1]

    @property
    def tries(self) -> list[ResidentTry]:
        call = self.call
        with Store(self.town.database_url) as store, store.read() as tx:
            return list(tx.resident_tries(call.id))

    @property
    def story(self) -> list[str]:
        with Store(self.town.database_url) as store, store.read() as tx:
            return [e.key for e in tx.timeline(self.id)]


def play(town: Town, script: str, number: str, *, rung: bool = False) -> str:
    """Plays it and returns the transcript; no webhook may have been answered differently the second time."""
    heard: list[str] = []
    try:
        Player(town.network, number, heard.append, limit_seconds=30).play(read_script(script.splitlines()), rung=rung)
    except Exception as exc:
        raise AssertionError(f"{exc}\n" + "\n".join(heard) + town.logs()) from exc
    assert httpx.get(f"{town.network}/violations.json").json() == []
    return "\n".join(heard)


@pytest.mark.parametrize("script", sorted(LEAVES))
def test_after_a_repair(town: Town, script: str) -> None:
    case = Case(town)
    heard = case.play(script)
    result, call_state, ticket_state = LEAVES[script]
    town.wait(lambda: case.tries[-1].finished_at is not None or len(case.tries) > 1)
    assert (case.call.result, case.call.state, case.ticket.state) == (result, call_state, ticket_state), heard
    if script == "dissatisfied":
        texts = f"{town.network}/api/texts"
        town.wait(lambda: any("回访不满意" in t["body"] for t in httpx.get(texts).json()))
        assert "resident_said" in case.story
    if script == "wrong_person":
        for secret in ("卧室", "翠湖", "501", "维修"):
            assert secret not in heard
    if script == "leak":
        with Store(town.database_url) as store, store.read() as tx:
            leak = max(tx.tickets(kind="leak_inside"), key=lambda t: t.id)
        assert (leak.address.room, leak.acknowledged_by) == ("501", "王建军")


def test_an_appointment(town: Town) -> None:
    case = Case(town, Purpose.APPOINTMENT, visit="明天下午三点")
    heard = case.play("visit")
    assert case.call.result is CallResult.ANOTHER_TIME, heard
    assert "周六上午" in case.ticket.details["visit_time"]


def test_rung_back_by_an_operator(town: Town) -> None:
    """W6g: the resident first, then the operator who pressed the button; both talk."""
    case = Case(town, Purpose.CALLBACK)
    case.play("callback")
    assert case.call.result is CallResult.CONNECTED
    assert "resident_reached" in case.story


@pytest.mark.parametrize("state", ["no-answer", "voicemail"])
def test_nobody_answers_three_times(town: Town, state: str) -> None:
    httpx.put(f"{town.network}/api/phones/{RESIDENT}", json={"state": state})
    case = Case(town)
    town.wait(lambda: case.call.state is CallState.GIVEN_UP, 180)
    assert [t.n for t in case.tries] == [1, 2, 3]
    assert {t.outcome for t in case.tries} == {TryOutcome.NO_ANSWER}
    assert case.story[-1] == "resident_call_given_up"
    calls = httpx.get(f"{town.network}/api/calls", params={"number": RESIDENT}).json()
    heard = " ".join(line["text"] for c in calls[-3:] for line in c["lines"] if line["who"] == "hotline")
    assert "卧室" not in heard
    assert httpx.get(f"{town.network}/violations.json").json() == []


def test_outside_the_hours_it_is_postponed(tmp_path: Path, nlu_url: str) -> None:
    now = local(SystemClock().now())
    begins = (now + timedelta(hours=3)).replace(minute=0)
    hours = [f"{begins:%H}:00-{begins:%H}:30"]
    data = data_with(tmp_path / "data", hours)
    with Town(tmp_path, nlu_url, environment={"DATA_DIR": str(data)}) as town:
        case = Case(town)
        planned = local(case.call.next_at)
        assert (planned.hour, planned.minute) == (begins.hour, 0)
        # Whoever forces the time of the row does not get past the hours either.
        with Store(town.database_url) as store, store.write() as tx:
            tx.save_resident_call(replace(case.call, next_at=SystemClock().now()))
            tx.bring_forward(f"resident-{case.call.id}-1", SystemClock().now())
        town.wait(lambda: "resident_call_postponed" in case.story)
        assert case.tries == []
        assert datetime.fromisoformat(str(local(case.call.next_at))).hour == begins.hour


# --- a butler calls in -----------------------------------------------------------------------------------------------

CLEARS_HIS_LIST = """
? 王建军您好
? 1张工单在办
# 1
? 第1个,共1个
> 我到现场了
? 已经到场
> 修好了
? 已经修好
? 没有其他工单了
hang up
"""
REPORTS = """
? 王建军您好
# 2
? 住户家里的情况
> 翠湖花园三号楼二单元五零二有户人家暖气爆了
? 关掉漏水暖气片前面的阀门
? 手机号
# 13811112222#
? 还有其他问题
> 没有了
over?
"""
SIGNS_IN = """
? 请问有什么可以帮您
# #
? 请输入您的温心号
# 11#
? 请输入您的密码
# {pin}#
"""


def test_from_his_own_number(town: Town) -> None:
    case = Case(town, Purpose.APPOINTMENT)
    httpx.put(f"{town.network}/api/phones/{RESIDENT}", json={"state": "no-answer"})
    with Store(town.database_url) as store, store.write() as tx:
        tx.cancel_tasks(case.id, ["call_resident"])
    play(town, CLEARS_HIS_LIST, BUTLER)
    assert case.ticket.state is TicketState.RESOLVED
    assert case.ticket.acknowledged_by == "王建军"


def test_he_reports_for_a_resident(town: Town) -> None:
    httpx.put(f"{town.network}/api/phones/{BUTLER}", json={"state": "on"})
    play(town, REPORTS, BUTLER)
    with Store(town.database_url) as store, store.read() as tx:
        leak = max(tx.tickets(kind="leak_inside"), key=lambda t: t.id)
    assert (leak.address.room, leak.contact_phone) == ("502", "+8613811112222")
    assert leak.details["reported_by"] == "王建军"


def test_he_reports_an_ordinary_case_and_when_he_was_told(town: Town) -> None:
    heard = play(town, (HERE / "staff" / "no_heat.txt").read_text(encoding="utf-8"), BUTLER)
    with Store(town.database_url) as store, store.read() as tx:
        case = max(tx.tickets(kind="no_heat"), key=lambda t: t.id)
        [hour] = [clock for clock in tx.clocks([case.id])[case.id] if clock.clause == "G7g"]
    assert (case.details["reported_by"], case.contact_phone) == ("王建军", "+8613811112222"), heard
    assert hour.state is ClockState.KEPT
    assert hour.stopped_at is not None
    assert hour.stopped_at - hour.started_at == timedelta(minutes=20)


def test_from_another_number_with_the_right_and_a_wrong_pin(town: Town) -> None:
    town.run("flask", "--app", "app", "pin", "11", "--pin", "246813")
    play(town, SIGNS_IN.format(pin="111111") + "? 温心号或者密码不对\nhang up", FOREIGN)
    heard = play(town, SIGNS_IN.format(pin="246813") + "? 王建军您好\nhang up", FOREIGN)
    assert "246813" not in town.logs(), heard
