"""H3: homes are visited between 9 and 18, not at noon; other times are agreed with whoever comes, and overtime is told first."""

from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest

from bot.understanding import Intent
from fulfillment.business_calendar import Span
from fulfillment.visit_rules import VisitingHours
from kernel.clock import BEIJING
from tests.dialogue.talk import STANDARD, Talk

KNOWN = "+8613800000001"  # 阳光花园 3号楼2单元501
HOURS = STANDARD.visit.visiting_hours
DAY = datetime(2026, 11, 23, tzinfo=BEIJING)


@pytest.mark.parametrize(
    ("start", "end", "inside"),
    [(8, 9, False), (8, 10, True), (9, 12, True), (12, 14, False), (13, 15, True), (17, 18, True), (18, 21, False), (0, 24, True)],
)  # fmt: skip
def test_the_hours_and_the_break(start: int, end: int, inside: bool) -> None:
    assert HOURS.has(DAY + timedelta(hours=start), DAY + timedelta(hours=end)) is inside


def test_a_company_without_such_hours_comes_at_any_time() -> None:
    assert VisitingHours("H3").has(DAY, DAY + timedelta(hours=1))
    assert not VisitingHours("H3", (Span(time(9), time(10)),)).has(DAY, DAY + timedelta(hours=1))


def visited(when: str) -> Talk:
    talk = Talk(peer=KNOWN)
    talk.says("屋里十四度", Intent.COLD_ROOM, temperature=14)
    talk.says("是的", Intent.AFFIRM)
    talk.says(when, Intent.INFORM, time=when)
    return talk


@pytest.mark.parametrize("when", ["明天晚上八点", "明天中午", "明天早上七点"])
def test_a_time_beside_the_hours_is_agreed_with_whoever_comes_and_overtime_is_told_first(when: str) -> None:
    talk = visited(when)
    assert talk.scripts == ["ticket.opened", "ticket.other_visiting_hours", "greeting.anything_else"]
    assert "一般9点到12点、14点到18点上门" in talk.voice
    assert "如有加班费会事先讲明" in talk.voice
    assert talk.tickets[0].details["visit_time"] == when, "what he wants is noted all the same"


@pytest.mark.parametrize("when", ["明天下午", "周六上午", "随时", "明天"])
def test_a_time_within_them_needs_no_word(when: str) -> None:
    assert visited(when).scripts == ["ticket.opened", "greeting.anything_else"]


def test_a_time_that_is_said_afterwards() -> None:
    talk = visited("明天下午")
    talk.says("还是明天晚上八点吧", Intent.INFORM, time="明天晚上八点")
    assert talk.scripts == ["outgoing.visit_noted", "ticket.other_visiting_hours", "greeting.anything_else"]


def test_an_emergency_comes_at_any_hour() -> None:
    talk = Talk(peer=KNOWN)
    talk.says("今天晚上八点开始暖气爆了", Intent.LEAK_INSIDE, time="今天晚上八点")
    assert "ticket.other_visiting_hours" not in talk.scripts


def test_what_overtime_costs_is_told_where_the_company_has_said_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """H3: before anybody sets out, and the resident decides."""
    monkeypatch.setattr(
        STANDARD, "visit", replace(STANDARD.visit, visiting_hours=replace(HOURS, overtime="每小时30元"))
    )
    talk = visited("明天晚上八点")
    assert "加班费是每小时30元,您同意了再去" in talk.voice
    assert "如有加班费" not in talk.voice
