"""Contradictions: another community in the middle, two answers in one breath, one household with two cases of a kind."""

import pytest

from bot.understanding import Intent
from dialogue.conversation import Channel
from fulfillment.ticket import Address, Ticket
from tests.dialogue.talk import Talk

KNOWN = "+8613800000001"  # 阳光花园 3号楼2单元501
STRANGER = "+8613900000000"
THERE = 3  # Household.id
OTHER = {"community": 2, "building": 1, "unit": 1, "room": 101}


def test_another_community_in_the_middle_makes_the_old_address_meaningless() -> None:
    talk = Talk(Channel.CHAT, peer="")
    talk.says("家里不热", Intent.NO_HEAT, community=1, building=3, unit=2, room=501, part="radiator")
    assert talk.scripts == ["ask.contact_phone"]
    talk.says("等等,是翠湖苑的房子", Intent.INFORM, community=2)
    assert talk.scripts == ["ask.building"]
    talk.says("1号楼1单元101", Intent.INFORM, building=1, unit=1, room=101)
    talk.says("13700000000", Intent.INFORM, phone="13700000000")
    talk.says("我姓王", Intent.INFORM)
    talk.says("明天下午", Intent.INFORM, time="明天下午")
    assert "翠湖苑1号楼1单元101" in talk.reply.said[0].chat
    talk.taps("yes")
    [ticket] = talk.tickets
    assert (ticket.address, ticket.household_id) == (Address(2, "1", "1", "101"), THERE)


@pytest.mark.parametrize("at_once", [True, False], ids=["whole", "community first"])
def test_a_confirmed_home_is_not_that_of_a_case_elsewhere(*, at_once: bool) -> None:
    """The registered home was confirmed, and then it is his mother's: her case is not his household's."""
    talk = Talk(peer=KNOWN)
    talk.says("屋里十四度", Intent.COLD_ROOM, temperature=14)
    talk.says("是的", Intent.AFFIRM)
    if at_once:
        talk.says("不对,是翠湖苑1号楼1单元101", Intent.INFORM, **OTHER)
    else:
        talk.says("不对,是翠湖苑", Intent.DENY, community=2)
        assert talk.scripts == ["ask.building"]
        talk.says("1号楼1单元101", Intent.INFORM, building=1, unit=1, room=101)
    while not talk.tickets:
        before = talk.scripts
        talk.says("对", Intent.AFFIRM)
        assert talk.scripts != before
    [ticket] = talk.tickets
    assert (ticket.address, ticket.household_id) == (Address(2, "1", "1", "101"), THERE)
    assert "ask.read_back" in said(talk), "what was confirmed was another home"


def said(talk: Talk) -> list[str]:
    with talk.store.read() as tx:
        return [m.data["script"] for m in tx.messages(talk.id) if "script" in m.data]


def test_after_the_ticket_the_case_moves_with_its_household() -> None:
    talk = Talk(peer=KNOWN)
    talk.says("突然停暖了", Intent.NO_HEAT)
    talk.says("是的", Intent.AFFIRM)
    assert talk.tickets[0].household_id == 1
    talk.says("说错了,是翠湖苑1号楼1单元101", Intent.INFORM, **OTHER)
    assert talk.scripts == ["ticket.corrected", "greeting.anything_else"]
    [ticket] = talk.tickets
    assert (ticket.address, ticket.household_id) == (Address(2, "1", "1", "101"), THERE)


def test_the_last_of_two_answers_in_one_breath_counts_and_is_read_back() -> None:
    talk = Talk(Channel.CHAT, peer="")
    talk.says("家里不热", Intent.NO_HEAT, community=1, building=[5, 3], unit=1, room=201, part="radiator")
    talk.says("13700000000", Intent.INFORM, phone="13700000000")
    talk.says("我姓王", Intent.INFORM)
    talk.says("明天下午", Intent.INFORM, time="明天下午")
    assert "阳光花园3号楼1单元201" in talk.reply.said[0].chat


@pytest.mark.parametrize("said", ["是的,不对,是三单元", "对,三单元"])
def test_yes_with_another_unit_is_no_yes(said: str) -> None:
    talk = Talk(peer=KNOWN)
    talk.says("屋里十四度", Intent.COLD_ROOM, temperature=14)
    talk.says(said, Intent.AFFIRM, unit=3, part="radiator", time="明天下午")
    talk.says("我姓王", Intent.INFORM)
    assert talk.scripts == ["ask.read_back"]
    assert "阳光花园3号楼3单元五零幺" in talk.voice


def test_yes_and_no_in_one_breath_confirm_nothing() -> None:
    talk = Talk(Channel.CHAT, peer="")
    talk.says(
        "家里不热",
        Intent.NO_HEAT,
        community=1,
        building=3,
        unit=1,
        room=201,
        part="radiator",
        phone="13700000000",
        time="今晚",
    )
    talk.says("我姓王", Intent.INFORM)
    assert talk.scripts == ["ask.read_back"]
    talk.says("对,不对", Intent.AFFIRM)
    assert talk.tickets == []


# --- two open cases of one kind -----------------------------------------------------------------------------------


def test_the_second_home_of_a_caller_is_a_case_of_its_own() -> None:
    """He has reported one home; the same kind at another address is not asked after, it is opened."""
    talk = Talk(peer=KNOWN)
    talk.says("突然停暖了", Intent.NO_HEAT)
    talk.says("是的", Intent.AFFIRM)
    talk.says("我妈家翠湖苑1号楼1单元101也突然停暖了", Intent.NO_HEAT, **OTHER)
    talk.says("我姓王", Intent.INFORM)
    talk.says("对", Intent.AFFIRM)
    assert [(t.household_id, t.nudges) for t in oldest_first(talk)] == [(1, 0), (THERE, 0)]


def two_complaints() -> Talk:
    talk = Talk(peer=KNOWN)
    for story in (
        "师傅没穿鞋套把地板踩脏了说话还难听,我很生气很生气",
        "缴费大厅排队一个小时没人管,态度也差,你们好好地管一管",
    ):
        talk.clock.advance(minutes=10)
        talk.says(story, Intent.COMPLAINT)
        if talk.scripts == ["ask.is_this_home"]:
            talk.says("是的", Intent.AFFIRM)
    assert [t.kind for t in talk.tickets] == ["complaint", "complaint"]
    return talk


def oldest_first(talk: Talk) -> list[Ticket]:
    return sorted(talk.tickets, key=lambda t: t.id)


def nudges(talk: Talk) -> list[int]:
    return [t.nudges for t in oldest_first(talk)]


@pytest.mark.parametrize(
    ("answer", "nudged"),
    [("第二个", [1, 0]), ("1", [0, 1]), ("两个都催", [1, 1])],
)
def test_of_two_of_a_kind_the_one_that_is_meant_is_asked_after(answer: str, nudged: list[int]) -> None:
    talk = two_complaints()
    talk.says("我的投诉怎么还没人理", Intent.TICKET_NUDGE)
    assert talk.scripts == ["ask.which_case"]
    assert nudges(talk) == [0, 0]
    assert "今天10点20分登记的投诉请按1,今天10点10分登记的投诉请按2" in talk.voice, "the newest first"
    talk.presses(answer) if answer.isdigit() else talk.says(answer, Intent.INFORM)
    assert nudges(talk) == nudged
    assert talk.scripts[0] == "ticket.nudged"


def test_no_answer_to_which_one_is_asked_again() -> None:
    talk = two_complaints()
    talk.says("我的投诉怎么还没人理", Intent.TICKET_NUDGE)
    talk.says("哎呀就是那个嘛真是的", Intent.FALLBACK)
    assert talk.scripts == ["hearing.not_heard", "ask.which_case"]
    assert nudges(talk) == [0, 0]


def test_what_it_is_about_tells_cases_apart_without_a_question() -> None:
    talk = Talk(peer=KNOWN)
    talk.says("突然停暖了", Intent.NO_HEAT)
    talk.says("是的", Intent.AFFIRM)
    talk.says("师傅没穿鞋套把地板踩脏了说话还难听,我很生气很生气", Intent.COMPLAINT)
    talk.says("我的投诉怎么样了快点", Intent.TICKET_NUDGE)
    assert talk.scripts[0] == "ticket.nudged"
    assert nudges(talk) == [0, 1]


def test_two_homes_are_told_apart_by_the_address() -> None:
    talk = Talk(peer=KNOWN)
    talk.says("突然停暖了", Intent.NO_HEAT)
    talk.says("是的", Intent.AFFIRM)
    talk.says("我妈家翠湖苑1号楼1单元101也突然停暖了", Intent.NO_HEAT, **OTHER)
    talk.says("我姓王", Intent.INFORM)
    talk.says("对", Intent.AFFIRM)
    again = Talk(peer=KNOWN, store=talk.store, call="CA2")
    again.says("催一下", Intent.TICKET_NUDGE)
    assert again.scripts == ["ask.which_case"]
    assert "翠湖苑1号楼1单元幺零幺" in again.voice
    again.says("翠湖苑的", Intent.INFORM, community=2)
    assert nudges(talk) == [0, 1]
