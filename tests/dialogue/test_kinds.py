"""Kinds that no intent tells apart: by words of data/ticket_kinds.yml, by a question, by the time of the year."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.understanding import Intent
from dialogue.conversation import Channel
from dialogue.draft import Tables
from fulfillment.standard import TicketKind
from tests.dialogue.talk import KNOWLEDGE, STANDARD, Talk

KNOWN = "+8613800000001"  # 阳光花园 3号楼2单元501
SUMMER = datetime(2026, 6, 10, 2, tzinfo=UTC)


def connected(words: str, *, summer: bool = True) -> Talk:
    """Somebody who asked how to be connected and wants it noted."""
    talk = Talk(peer=KNOWN)
    if summer:
        talk.clock.set(SUMMER)
    talk.says(words, Intent.BILL_NEW_CONNECTION)
    assert talk.scripts == ["knowledge.bill_new_connection", "ask.offer_ticket"]
    talk.says("好的", Intent.AFFIRM)
    return talk


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("我家想装暖气怎么开户", "new_connection"),
        ("我们整栋老楼想接暖气", "new_connection_building"),
        ("我是开发商,新小区怎么报装", "new_connection_estate"),
    ],
)
def test_who_is_connected_is_told_by_his_words(words: str, kind: str) -> None:
    """F1, F2, F3: three courses with stages of their own."""
    talk = connected(words)
    talk.says("对", Intent.AFFIRM)
    assert [t.kind for t in talk.tickets] == [kind]
    [ticket] = talk.tickets
    with talk.store.read() as tx:
        rules = {c.rule for c in tx.clocks([ticket.id])[ticket.id]}
    assert rules == {STANDARD.kind(kind).clocks[0]}, "its first stage runs"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("既有楼宇", "new_connection_building"),
        ("第三个", "new_connection_estate"),
        ("就我家一户", "new_connection"),
        ("是个新楼盘", "new_connection_estate"),
    ],
)
def test_who_has_not_said_it_is_asked(answer: str, kind: str) -> None:
    talk = connected("想申请用暖气")
    assert talk.scripts == ["ask.which_kind"]
    assert talk.voice == "请问是单户补装请按1,既有楼宇请按2,新建小区请按3。也可以直接说。"
    talk.says(answer, Intent.FALLBACK)
    talk.says("对", Intent.AFFIRM)
    assert [t.kind for t in talk.tickets] == [kind]


def test_by_key_and_by_button() -> None:
    talk = connected("想申请用暖气")
    talk.presses("2")
    assert talk.store_state()["matter"] == "new_connection_building"
    chat = Talk(Channel.CHAT, peer="")
    chat.says("想申请用暖气", Intent.BILL_NEW_CONNECTION)
    chat.taps("yes")
    chat.taps("kind:new_connection_estate")
    assert chat.store_state()["matter"] == "new_connection_estate"


def test_what_is_no_answer_is_asked_again_and_nothing_is_opened() -> None:
    talk = connected("想申请用暖气")
    talk.says("那个什么呢", Intent.FALLBACK)
    assert talk.scripts == ["hearing.not_heard", "ask.which_kind"]
    assert talk.tickets == []


def test_a_single_home_is_not_connected_in_winter_and_hears_when() -> None:
    """F3: May to September; he may leave his number all the same (W6g)."""
    talk = connected("我家想装暖气怎么开户", summer=False)
    assert talk.scripts == ["ticket.not_accepted_now", "ask.offer_ticket"]
    assert "5月1日到9月30日受理" in talk.voice
    talk.says("好", Intent.AFFIRM)
    assert talk.scripts == ["ask.read_back"]
    talk.says("对", Intent.AFFIRM)
    assert [(t.kind, t.symptom) for t in talk.tickets] == [("question", "我家想装暖气怎么开户")]


def test_a_building_is_connected_all_the_year() -> None:
    talk = connected("我们整栋老楼想接暖气", summer=False)
    assert talk.store_state()["matter"] == "new_connection_building"


def test_a_new_kind_is_a_row_of_data() -> None:
    """No line of code knows the kind."""
    noise = TicketKind(
        "noise", "管道异响", "cold_room", ("B6",), ("repair_contact",), ("contact_phone",),
        instead_of=("no_heat",), words=("响声|咣咣",),
    )  # fmt: skip
    tables = Tables(KNOWLEDGE.matters, {**STANDARD.kinds, "noise": noise}, {}, KNOWLEDGE.phrases)
    assert tables.finer("no_heat", "不热还咣咣响") == "noise"
    assert tables.finer("no_heat", "不热") == "no_heat"
    assert tables.choices("no_heat") == ()
    assert not replace(noise, words=()).is_named_in("咣咣")
