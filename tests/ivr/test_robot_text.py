"""What chat robots and notices say: short enough, no telephone number, every link its own."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dialogue.script_book import ScriptBook
from fulfillment.company import Staff
from fulfillment.ports import Alarm
from fulfillment.staff_notices import Occasion, StaffNotice
from fulfillment.ticket import Address, Attempt, Ticket, TicketClock, TicketState
from ivr.alarm_text import SEGMENT, units
from ivr.robot_text import notice_message, notice_text, robot_text
from kernel.settings import HOME

NOW = datetime(2026, 11, 22, 2, tzinfo=UTC)
BOOK = ScriptBook(HOME / "scripts_zh", company="华暖示例热力", number="01")
WANG = Staff(1, "11", "王建军", "+8619900000011", 1, robot="wecombot://secret")
LEAK = Ticket(
    id=1,
    number="1122-0007",
    kind="leak_inside",
    state=TicketState.NEW,
    emergency=True,
    opened_at=NOW,
    conversation_id=None,
    household_id=None,
    address=Address(1, "3", "2", "501"),
    contact_name="罗芳",
    contact_phone="+8619911000001",
    symptom="家里暖气管爆了\n水喷得到处都是",
)
WECOM_BYTES = 2048


def alarm(n: int = 1, **changes: object) -> Alarm:
    attempt = Attempt(f"{n:032x}", n, 1, 1, "butler", WANG.phone, "robot", NOW)
    return Alarm(attempt, replace(LEAK, id=n, **changes), "翠湖花园")  # type: ignore[arg-type] # fields of Ticket, by name


def link(attempt_id: str) -> str:
    return f"https://hotline.example.cn/w/{attempt_id}{'x' * 90}"


def test_one_alarm_names_the_person_the_place_and_the_link() -> None:
    said = robot_text(BOOK, link)([alarm()], WANG)
    for needed in ("王建军", "翠湖花园3号楼2单元501", "家里暖气管爆了 水喷得到处都是", "1122-0007", link(f"{1:032x}")):
        assert needed in said
    for secret in ("19911000001", "罗芳", "wecombot"):
        assert secret not in said


@pytest.mark.parametrize("count", [2, 3, 7])
def test_several_alarms_have_a_link_each_and_fit_the_smallest_robot(count: int) -> None:
    alarms = [alarm(n, symptom="漏" * 500, address=Address(text="某" * 300)) for n in range(1, count + 1)]
    said = robot_text(BOOK, link)(alarms, WANG)
    assert len(said.encode()) <= WECOM_BYTES
    assert said.count("https://") == min(count, 3)
    assert ("还有4张" in said) is (count == 7)


def notice(**changes: object) -> StaffNotice:
    clock = TicketClock(1, 1, "repair_contact", "B6", NOW, datetime(2026, 11, 22, 2, 30, tzinfo=UTC))
    known = StaffNotice(
        alarm().attempt,
        LEAK,
        WANG,
        "室温不达标",
        "翠湖花园",
        Occasion.WARNING,
        clock,
        "联系用户并约定时间",
        given=False,
    )
    return replace(known, **changes)  # type: ignore[arg-type] # fields of StaffNotice, by name


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "须在11-22 10:30前完成"),
        ({"occasion": Occasion.BREACH}, "已超时"),
        ({"occasion": Occasion.BREACH, "given": True}, "改由您处理"),
    ],
)
def test_a_notice_says_what_until_when_and_where(changes: dict[str, object], words: str) -> None:
    told = notice_text(BOOK)(notice(**changes))
    assert words in told
    assert "1122-0007" in told
    assert "翠湖花园" in told
    assert units(told) <= SEGMENT
    message = notice_message(BOOK, link)(notice(**changes))
    assert message.startswith("王建军:")
    assert words in message
    assert link(f"{1:032x}") in message


def test_a_long_place_gives_way_in_a_text() -> None:
    told = notice_text(BOOK)(notice(ticket=replace(LEAK, address=Address(text="长" * 200))))
    assert units(told) == SEGMENT
    assert "11-22 10:30" in told
