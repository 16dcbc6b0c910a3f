"""Who looked at which resident's data is on record (N17, X1), and a supervisor reads it without asking for the log."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from console.ports import PATIENCE_SECONDS
from fulfillment.look import Look, LookedAt, by_staff
from kernel.errors import StoreBusy
from tests.console.conftest import Person
from tests.console.sample import Day
from tests.fakes import BUTLER, DEPUTY, FakeStore, FixedClock

TICKETS = re.compile(r'<td data-name="对象"><a href="/console/tickets/(\d+)"')


def looked(store: FakeStore) -> list[tuple[str, str, str]]:
    with store.read() as tx:
        return [(look.who, str(look.what), look.subject) for look in reversed(tx.looks())]


def test_every_way_to_see_it_is_on_record(xiaoli: Person, zhuguan: Person, store: FakeStore, day: Day) -> None:
    assert looked(store) == []
    assert xiaoli.get(f"/tickets/{day.cold}").status_code == 200
    xiaoli.post(f"/reveal/ticket/{day.cold}")
    xiaoli.get(f"/tickets/{day.cold}/sheet")
    xiaoli.get(f"/conversations/{day.waiting}")
    zhuguan.get("/tickets.csv?state=all")
    assert looked(store) == [
        ("xiaoli", LookedAt.TICKET, f"ticket:{day.cold}"),
        ("xiaoli", LookedAt.NUMBER, f"ticket:{day.cold}"),
        ("xiaoli", LookedAt.SHEET, f"ticket:{day.cold}"),
        ("xiaoli", LookedAt.CONVERSATION, f"conversation:{day.waiting}"),
        ("zhuguan", LookedAt.EXPORT, f"tickets:{len(store.tables.tickets)}"),
    ]


def test_what_is_not_there_was_not_seen(xiaoli: Person, store: FakeStore, day: Day) -> None:
    assert day
    assert xiaoli.get("/tickets/999").status_code == 404
    assert xiaoli.post("/reveal/ticket/999").status_code == 404
    assert looked(store) == []


def test_a_supervisor_reads_who_saw_a_ticket(xiaoli: Person, zhuguan: Person, day: Day) -> None:
    xiaoli.get(f"/tickets/{day.cold}")
    xiaoli.get(f"/tickets/{day.leak}")
    page = zhuguan.get(f"/tickets/{day.cold}").text
    link = re.search(r'href="/console(/looks\?[^"]+)">谁看过', page)
    assert link
    shown = zhuguan.get(link[1]).text
    assert shown.count('data-name="人员"') == 2, "the operator and the supervisor"
    assert TICKETS.findall(shown) == [str(day.cold)] * 2
    assert TICKETS.findall(zhuguan.get("/looks?who=xiaoli").text) == [str(day.leak), str(day.cold)]


def test_butlers_are_shown_by_name_and_chosen_like_operators(
    xiaoli: Person, zhuguan: Person, store: FakeStore, clock: FixedClock, day: Day
) -> None:
    xiaoli.get(f"/tickets/{day.cold}")
    with store.write() as tx:
        tx.add_look(Look(0, clock.now(), by_staff(BUTLER), LookedAt.WORK_ORDER, f"ticket:{day.leak}"))
        tx.add_look(Look(0, clock.now(), by_staff(DEPUTY), LookedAt.WORK_ORDER_LINK, f"ticket:{day.leak}"))
    page = zhuguan.get("/looks").text
    seen = re.findall(
        r'<td data-name="人员">([^<]+) <span class="dim">([^<]+)</span></td><td data-name="看了什么">([^<]+)', page
    )
    assert seen == [
        ("李管家", "02", "管家工单页(凭链接,未验证 PIN)"),
        ("王管家", "01", "管家工单页"),
        ("小李", "xiaoli", "工单内容"),
    ]
    assert '<option value="staff:1">王管家 (01)</option>' in page
    his = zhuguan.get("/looks?who=staff:1").text
    assert TICKETS.findall(his) == [str(day.leak)]
    assert '<option value="staff:1" selected>' in his


def test_the_page_says_how_long_it_knows_them(zhuguan: Person, day: Day) -> None:
    assert day
    assert "保存 365 天" in zhuguan.get("/looks").text


def test_a_page_that_is_reloaded_was_looked_at_once(
    xiaoli: Person, zhuguan: Person, store: FakeStore, clock: FixedClock, day: Day
) -> None:
    xiaoli.get(f"/tickets/{day.cold}")
    for person in (xiaoli, zhuguan):
        person.get(f"/tickets/{day.leak}")
    xiaoli.get(f"/tickets/{day.cold}/sheet")
    clock.advance(seconds=59)
    commits = store.commits
    for _ in range(3):
        assert xiaoli.get(f"/tickets/{day.cold}").status_code == 200
    assert store.commits == commits, "no reload waits for whoever writes"
    clock.advance(seconds=1)
    xiaoli.get(f"/tickets/{day.cold}")
    assert looked(store) == [
        ("xiaoli", LookedAt.TICKET, f"ticket:{day.cold}"),
        ("xiaoli", LookedAt.TICKET, f"ticket:{day.leak}"),
        ("zhuguan", LookedAt.TICKET, f"ticket:{day.leak}"),
        ("xiaoli", LookedAt.SHEET, f"ticket:{day.cold}"),
        ("xiaoli", LookedAt.TICKET, f"ticket:{day.cold}"),
    ]


def test_each_export_is_another_file(zhuguan: Person, store: FakeStore, day: Day) -> None:
    assert day
    zhuguan.get("/tickets.csv?kind=cold_room")
    zhuguan.get("/tickets.csv?kind=cold_room")
    assert len(looked(store)) == 2


def test_homes_and_staff_are_told_by_the_companys_own_numbers(xiaoli: Person, zhuguan: Person, day: Day) -> None:
    assert day
    xiaoli.post("/reveal/household/3")
    xiaoli.post("/reveal/staff/4")
    page = zhuguan.get("/looks").text
    assert re.findall(r'<td data-name="对象">([^ ]+) <span class="dim">([^<]+)', page) == [
        ("员工", "04"),
        ("住户", "卡号 100003"),
    ]


def test_older_ones_are_a_page_away(zhuguan: Person, store: FakeStore, clock: FixedClock, day: Day) -> None:
    with store.write() as tx:
        for _ in range(101):
            tx.add_look(Look(0, clock.now(), "xiaoli", LookedAt.NUMBER, f"ticket:{day.cold}"))
    first = zhuguan.get("/looks").text
    assert first.count('data-name="人员"') == 100
    older = re.search(r'href="/console(/looks\?before=\d+)">更早的记录', first)
    assert older
    assert zhuguan.get(older[1]).text.count('data-name="人员"') == 1


def test_only_supervisors_read_it(xiaoli: Person, day: Day) -> None:
    assert xiaoli.get("/looks").status_code == 403
    assert "谁看过" not in xiaoli.get(f"/tickets/{day.cold}").text


def test_a_busy_database_keeps_nobody_from_a_ticket(
    xiaoli: Person, store: FakeStore, day: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience: list[float | None] = []

    @contextmanager
    def busy(*, within: float | None = None) -> Iterator[Any]:
        patience.append(within)
        raise StoreBusy("locked")
        yield

    monkeypatch.setattr(store, "write", busy)
    assert xiaoli.get(f"/tickets/{day.leak}").status_code == 200
    assert patience == [PATIENCE_SECONDS] * 2, "that he is there, that he looked: the page waits no longer for either"
