"""Openings, announcements, repeating, keys and who comes first, over fake rooms: what is said and what is written down."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.understanding import Intent
from dialogue.conversation import Author, Channel, Expect
from fulfillment.announcement import Announcement, Scope
from tests.dialogue.talk import Talk
from tests.fakes import A_WINTER_DAY, FakeStore, small_company

KNOWN = "+8613800000001"  # 阳光花园 3号楼2单元501
STRANGER = "+8613900000000"
BURST = Announcement(
    0,
    "东站主管道抢修,暂停供暖",
    A_WINTER_DAY,
    "周主管",
    Scope(frozenset({1})),
    expected_end=A_WINTER_DAY + timedelta(hours=8),
)


@pytest.fixture
def store() -> FakeStore:
    return small_company(FakeStore())


def announce(store: FakeStore, announcement: Announcement = BURST) -> Announcement:
    with store.write() as tx:
        return tx.add_announcement(announcement)


def test_a_known_caller_hears_what_concerns_his_community_before_the_greeting(store: FakeStore) -> None:
    announce(store)
    talk = Talk(peer=KNOWN, store=store)
    assert talk.voice == "东站主管道抢修,暂停供暖,预计今天18点恢复。 您好,华暖集团温心01号为您服务,请问有什么可以帮您?"
    assert all(s.interruptible for s in talk.reply.said)
    talk.says("家里不热", Intent.NO_HEAT)
    assert talk.scripts == ["ask.is_this_home"], "once"


def test_a_stranger_hears_it_when_he_has_said_where_he_lives(store: FakeStore) -> None:
    announce(store)
    talk = Talk(Channel.CHAT, peer="", store=store)
    assert talk.scripts == ["greeting.incoming", "greeting.incoming_chat_hint"]
    talk.says("家里不热", Intent.NO_HEAT)
    talk.says("翠湖苑", Intent.INFORM, community=2)
    assert talk.scripts == ["ask.building"]
    talk.says("不对,是阳光花园", Intent.INFORM, community=1)
    assert talk.scripts == ["announcement.until", "ask.building"]
    assert "今天18:00" in talk.reply.said[0].chat


def test_a_notice_for_a_building_is_told_to_its_homes_alone(store: FakeStore) -> None:
    """3号楼 hears it before the greeting; a stranger when he has said his building, and only if it is that one."""
    announce(store, replace(BURST, scope=Scope(frozenset({1}), buildings=frozenset({"3"}))))
    assert Talk(peer=KNOWN, store=store).scripts[0] == "announcement.until"
    for building, told in ((5, False), (3, True)):
        talk = Talk(Channel.CHAT, peer="", store=store, call=f"chat {building}")
        talk.says("家里不热", Intent.NO_HEAT)
        talk.says("阳光花园", Intent.INFORM, community=1)
        assert talk.scripts == ["ask.building"]
        talk.says("几号楼", Intent.INFORM, building=building)
        assert ("announcement.until" in talk.scripts) is told


def test_what_is_over_late_or_ended_promises_nothing_wrong(store: FakeStore) -> None:
    late = announce(
        store, replace(BURST, from_at=A_WINTER_DAY - timedelta(hours=9), expected_end=A_WINTER_DAY - timedelta(hours=1))
    )
    talk = Talk(peer=KNOWN, store=store)
    assert talk.reply.said[0].voice == "东站主管道抢修,暂停供暖。", "the time that was told has passed"
    with store.write() as tx:
        tx.save_announcement(replace(late, ended_at=A_WINTER_DAY))
    assert Talk(peer=KNOWN, store=store, call="CA2").scripts == ["greeting.incoming"]


@pytest.mark.parametrize(
    ("local", "first"),
    [
        ("2026-11-22T15:00", "greeting.season_night"),
        ("2026-10-13T02:00", "greeting.before_season"),
        ("2026-06-30T15:00", "greeting.closed"),
    ],
)
def test_the_opening_knows_the_clock(store: FakeStore, local: str, first: str) -> None:
    talk = Talk(store=store)
    talk.clock.set(datetime.fromisoformat(local).replace(tzinfo=UTC))
    _, reply = talk.hotline.open(Channel.PHONE, "CA2", STRANGER)
    assert [s.script for s in reply.said] == [first, "greeting.incoming"]


def test_safety_words_can_be_heard_again_and_are_again_not_talked_over() -> None:
    talk = Talk(peer=KNOWN)
    talk.says("暖气爆了", Intent.LEAK_INSIDE)
    first = talk.reply.said
    talk.presses("*")
    assert talk.reply.said == first
    assert (talk.reply.expect, talk.reply.quick_replies[0].digit) == (Expect.YES_NO, "1")
    talk.says("再说一遍", Intent.REPEAT)
    assert talk.reply.said == first
    talk.presses("1")
    assert talk.store_state()["home_confirmed"]


def test_not_heard_says_the_question_once_more_and_only_that() -> None:
    talk = Talk(peer=KNOWN)
    talk.says("家里不热", Intent.NO_HEAT)
    question = talk.reply.said[-1]
    talk.turn()
    assert [s.script for s in talk.reply.said] == ["hearing.not_heard", "ask.is_this_home"]
    assert talk.reply.said[-1] == question
    talk.turn()
    assert [s.script for s in talk.reply.said] == ["hearing.not_heard_noise", "hearing.keys_yes_no", "ask.is_this_home"]


def test_numbers_are_spoken_as_they_are_dictated() -> None:
    talk = Talk(peer=STRANGER)
    talk.says("家里不热", Intent.NO_HEAT, community=1, building=3, unit=1, room="A1203", part="radiator", time="今晚")
    talk.says("我姓刘", Intent.INFORM)
    assert "阳光花园3号楼1单元A幺二零三" in talk.voice
    assert "1 3 9 , 0 0 0 0 , 0 0 0 0" in talk.voice
    assert "1单元A1203" in talk.reply.said[0].chat
    assert "13900000000" in talk.reply.said[0].chat


def test_who_must_come_first_is_on_the_ticket_and_its_timeline() -> None:
    talk = Talk(peer=KNOWN)
    talk.says("家里只有十四度,屋里有个婴儿", Intent.COLD_ROOM, temperature=14)
    assert talk.scripts == ["hearing.care_noted", "ask.is_this_home"]
    talk.says("对", Intent.AFFIRM)
    talk.says("明天", Intent.INFORM, time="明天")
    (ticket,) = talk.tickets
    assert (ticket.details["vulnerable"], ticket.details["care_for"]) == ("yes", "婴儿")
    assert "vulnerable_household" in {e.key for e in talk.store.tables.timeline}


def test_an_open_alarm_learns_who_must_come_first() -> None:
    talk = Talk(peer=STRANGER)
    talk.says("暖气爆了", Intent.LEAK_INSIDE)
    talk.says("等一下,家里有瘫痪的老人", Intent.FALLBACK)
    assert talk.tickets[0].details["care_for"] == "瘫痪的老人"


def test_an_alarm_is_not_called_off_by_never_mind() -> None:
    talk = Talk(peer=KNOWN)
    talk.says("暖气爆了", Intent.LEAK_INSIDE)
    talk.says("没事了", Intent.GOODBYE)
    assert talk.voice.startswith("请问现在还有危险吗?")
    talk.presses("2")
    (ticket,) = talk.tickets
    assert ticket.is_open
    assert ticket.details["story"] == "没事了"


def test_what_is_told_to_be_said_is_understood_without_a_model() -> None:
    talk = Talk(peer=KNOWN)
    talk.says("家里不热", Intent.NO_HEAT)
    talk.says("再说一遍", Intent.FALLBACK, model=False)
    assert talk.scripts == ["ask.is_this_home"]
    talk.says("转人工。", Intent.FALLBACK, model=False)
    assert talk.scripts[0].startswith("handoff.")


def test_a_name_is_noted_as_a_name() -> None:
    talk = Talk(Channel.CHAT, peer="")
    talk.says(
        "家里一直不热", Intent.NO_HEAT, community=1, building=3, unit=1, room=201, phone="13812345678", part="radiator"
    )
    talk.says("免贵姓欧阳,明天在家", Intent.INFORM, time="明天")
    talk.taps("yes")
    assert [(t.contact_name, t.details["visit_time"]) for t in talk.tickets] == [("欧阳", "明天")]


def test_a_repeated_delivery_of_the_opening_says_the_same(store: FakeStore) -> None:
    talk = Talk(peer=KNOWN, store=store)
    announce(store)
    _, again = talk.hotline.open(Channel.PHONE, "CA1", KNOWN)
    assert again == talk.reply
    with store.read() as tx:
        assert len([m for m in tx.messages(talk.id) if m.author is Author.BOT]) == 1


def test_a_number_means_what_was_asked_for() -> None:
    talk = Talk(peer=STRANGER)
    talk.says("家里有点凉", Intent.COLD_ROOM, community=1, building=3, unit=1, room=201, part="radiator")
    assert talk.scripts == ["ask.temperature"]
    talk.says("138", Intent.INFORM, room=138)
    assert talk.store_state()["slots"]["room"] == "201", "a strange temperature is no room"
    warm = Talk(peer=STRANGER, call="CA2")
    warm.says("家里有点凉", Intent.COLD_ROOM, community=1, building=3, unit=1, room=201, part="radiator")
    warm.says("十六", Intent.INFORM)
    assert warm.store_state()["slots"]["temperature"] == "16"


def test_what_is_asked_after_hesitation_and_silence_is_the_question_itself() -> None:
    talk = Talk(peer=STRANGER)
    talk.says("家里不热", Intent.NO_HEAT)
    question = talk.reply.said[-1]
    talk.says("嗯", Intent.AFFIRM)
    talk.says("喂", Intent.GREET)
    assert [s.script for s in talk.reply.said] == ["hearing.here", "ask.address"]
    assert talk.reply.said[-1] == question
    talk.turn()
    assert talk.reply.said[-1] == question
    talk.presses("*")
    assert talk.reply.said == (question,), "the excuse is not said again"


def test_again_after_an_operator_gave_the_call_back() -> None:
    talk = Talk(Channel.CHAT, peer="")
    talk.clock.advance(seconds=5)
    talk.handoff.take_over(talk.id, 1)
    talk.clock.advance(seconds=5)
    talk.handoff.hand_back(talk.id, 1)
    talk.says("再说一遍", Intent.REPEAT)
    assert talk.scripts == ["handoff.back"]


def test_a_leak_hears_of_its_address_when_it_is_whole() -> None:
    talk = Talk(peer=STRANGER)
    talk.says("暖气爆了", Intent.LEAK_INSIDE)
    talk.says("翠湖苑", Intent.INFORM, community=2)
    assert talk.scripts == ["ticket.emergency_forwarded", "ask.building"]
    talk.says("一", Intent.INFORM)
    assert talk.scripts == ["ask.room"]
    assert talk.tickets[0].address.building == "1", "whoever is rung knows it at once"
    talk.says("一单元", Intent.INFORM, unit=1)
    assert talk.scripts == ["ask.room_alone"]
    talk.says("101", Intent.INFORM, room=101)
    assert talk.scripts[0] == "ticket.address_updated"


def test_a_number_alone_is_the_part_that_was_asked_for() -> None:
    talk = Talk(peer=STRANGER)
    talk.says("家里不热", Intent.NO_HEAT)
    talk.says("阳光花园", Intent.INFORM, community=1)
    talk.says("三", Intent.INFORM)
    assert talk.scripts == ["ask.room"]
    talk.says("五零一", Intent.AFFIRM)
    assert talk.scripts == ["ask.visit_time"]
    slots = talk.store_state()["slots"]
    assert (slots["building"], slots["room"]) == ("3", "501")
