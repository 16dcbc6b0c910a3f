"""Today's pictures: every number in them is counted once more from the tickets, waits and clocks."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from fulfillment.report import Outcome, day_period, outcome_of
from fulfillment.ticket import Address
from kernel.clock import local
from tests.console.conftest import Person
from tests.console.sample import STANDARD, Day
from tests.fakes import FakeStore, FixedClock


@pytest.fixture
def busy(store: FakeStore, clock: FixedClock, day: Day) -> Day:
    """Beside the sample day: five cold homes at eight o'clock in the other community, one ticket without an address."""
    with store.write() as tx:
        cold = tx.ticket(day.cold)
        for n in range(6):
            address = Address(text="桥头") if n == 5 else Address(2, "1", "1", str(101 + n))
            opened = clock.now() - timedelta(hours=2, minutes=n)  # 10:00 is now
            tx.add_ticket(replace(cold, id=0, number="", opened_at=opened, address=address, household_id=None))
    return day


def total(page: str, word: str) -> int:
    found = re.search(rf"<dt>{word}[^<]*</dt><dd[^>]*>(\d+)</dd>", page)
    assert found, word
    return int(found[1])


def test_the_totals_and_the_columns_are_todays_tickets(
    zhuguan: Person, store: FakeStore, clock: FixedClock, busy: Day
) -> None:
    assert busy
    page = zhuguan.get("/supervision/today").text
    period = day_period(local(clock.now()).date())
    today = [t for t in store.tables.tickets.values() if period.has(t.opened_at)]
    category = {t.id: STANDARD.kind(t.kind).category for t in today}
    assert 0 < len(today) < len(store.tables.tickets), "something is of yesterday"
    for word, wanted in (("今日不热", "cold_room"), ("今日漏水", "leak")):
        assert total(page, word) == list(category.values()).count(wanted)
    tips = re.findall(r"<title>(\d+) 时: 不热 (\d+), 漏水 (\d+), 其他 (\d+)</title>", page)
    assert len(tips) == 24
    for hour, *shown in tips:
        then = [category[t.id] for t in today if local(t.opened_at).hour == int(hour)]
        cold, leaks = then.count("cold_room"), then.count("leak")
        assert [int(n) for n in shown] == [cold, leaks, len(then) - cold - leaks], hour
    clocks = [c for c in store.tables.clocks.values() if period.has(c.started_at)]
    assert total(page, "今日超时项") == sum(outcome_of(c, clock.now()) is Outcome.BROKEN for c in clocks)
    assert total(page, "正在等待人工") == 2


def test_the_board_of_stations_and_communities(zhuguan: Person, busy: Day) -> None:
    assert busy
    page = zhuguan.get("/supervision/today/pictures").text
    rows = re.findall(
        r'<tr class="of-(\w+)"><td data-name="\S+">(?:<a[^>]*>)?([^<]+)(?:</a>)?</td><td data-name="不热">(\d+)</td>',
        page,
    )
    assert rows[0][:2] == ("station", "东城站")
    assert rows[1][1] == "翠湖苑", "the most cold homes first"
    assert int(rows[0][2]) == sum(int(n) for level, _, n in rows if level == "community")
    assert rows[-1] == ("station", "地址待核实", "1")
    link = re.search(r'href="/console(/tickets\?[^"]*community=2[^"]*)"', page)
    assert link
    shown = zhuguan.get(link[1].replace("&amp;", "&")).text
    in_row = int(next(n for _, name, n in rows if name == "翠湖苑"))
    assert len(re.findall(r'<td data-name="工单号">', shown)) == in_row


def test_only_supervisors_see_it(xiaoli: Person, busy: Day) -> None:
    assert busy
    assert xiaoli.get("/supervision/today").status_code == 403
    assert xiaoli.get("/supervision/today/pictures").status_code == 403


def test_an_empty_morning(zhuguan: Person, clock: FixedClock, day: Day) -> None:
    assert day
    clock.advance(days=3)
    page = zhuguan.get("/supervision/today").text
    assert "今天还没有开始计时的工单" in page
    assert total(page, "今日不热") == 0
