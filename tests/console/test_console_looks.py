"""Who looked at which resident's data is on record (N17, X1), and a supervisor reads it without asking for the log."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from fulfillment.look import LookedAt
from kernel.errors import StoreBusy
from tests.console.conftest import Person
from tests.console.sample import Day
from tests.fakes import FakeStore

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


def test_the_page_says_how_long_it_knows_them(zhuguan: Person, day: Day) -> None:
    assert day
    assert "保存 365 天" in zhuguan.get("/looks").text


def test_older_ones_are_a_page_away(xiaoli: Person, zhuguan: Person, day: Day) -> None:
    for _ in range(101):
        xiaoli.post(f"/reveal/ticket/{day.cold}")
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
    @contextmanager
    def busy() -> Iterator[Any]:
        raise StoreBusy("locked")
        yield

    monkeypatch.setattr(store, "write", busy)
    assert xiaoli.get(f"/tickets/{day.leak}").status_code == 200
