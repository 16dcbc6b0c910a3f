"""Incidents in the console: the bar that suggests one, and what people make of it."""

from fulfillment.ticket import Ticket
from tests.console.conftest import Person
from tests.console.sample_incidents import report
from tests.fakes import FakeStore, FixedClock


def reported(store: FakeStore, clock: FixedClock, rooms: int = 3) -> list[Ticket]:
    return [report(store, clock, room) for room in range(1, rooms + 1)]


def test_three_homes_bring_the_bar_to_operators_and_supervisors(
    xiaoli: Person, zhuguan: Person, store: FakeStore, clock: FixedClock
) -> None:
    before = xiaoli.get("/events?topics=incidents&now").json
    reported(store, clock, 2)
    assert "疑似事件" not in xiaoli.get("/").text
    reported(store, clock)
    assert xiaoli.get("/events?topics=incidents&now").json != before, "open pages fetch the bar anew"
    for person in (xiaoli, zhuguan):
        page = person.get("/").text
        assert "疑似事件: 翠湖苑9号楼1单元供暖异常" in page
        assert "3 户反映" in page
        assert "疑似事件" in person.get("/parts/incidents").text
        assert "翠湖苑9号楼1单元" in person.get("/incidents").text


def test_the_list_says_when_residents_must_have_been_told(xiaoli: Person, store: FakeStore, clock: FixedClock) -> None:
    assert "现在没有进行中的事件" in xiaoli.get("/incidents").text
    reported(store, clock)
    page = xiaoli.get("/incidents").text
    assert "停暖三小时以上告知用户" in page
    assert "待告知" in page
    clock.advance(hours=3, minutes=1)
    assert "未按时告知" in xiaoli.get("/incidents").text
    assert "已过告知时限" in xiaoli.get("/").text
