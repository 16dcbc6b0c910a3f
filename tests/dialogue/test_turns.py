"""The dialogue over fake rooms: each test is a conversation and what became of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.understanding import Entity, EntityKind, Intent
from dialogue.conversation import Author, Channel, Floor, Then, Turn
from dialogue.handle_turn import Hotline
from dialogue.leak_question import LeakQuestions
from dialogue.ports import DialogueTx
from dialogue.state import DialogueState
from dialogue.unanswered import Unanswered
from fulfillment.outbox import Lane, Task
from fulfillment.profile import ProfileChoice
from fulfillment.ticket import TicketState
from kernel.errors import AlreadyTaken, BadInput, StaleEpoch, StoreBusy
from tests.dialogue.talk import Talk, means

KNOWN = "+8613800000001"  # 阳光花园 3号楼2单元501
LEASE = timedelta(seconds=30)
STRANGER = "+8613900000000"


def forwards(talk: Talk) -> bool:
    return talk.store.claim(Lane.EMERGENCY, talk.clock.now(), LEASE, "t") is not None


def test_the_first_sentence_is_the_standards_own() -> None:
    assert Talk().voice == "您好,华暖集团温心01号为您服务,请问有什么可以帮您?"


def test_a_known_caller_with_a_leak_is_told_what_to_do_before_anything_is_asked_and_the_alarm_is_due() -> None:
    talk = Talk(peer=KNOWN)
    talk.says("暖气爆了", Intent.LEAK_INSIDE)
    assert talk.scripts == ["safety.leak_inside", "ticket.emergency_forwarded", "ask.is_this_home"]
    assert not talk.reply.said[0].interruptible
    (ticket,) = talk.tickets
    assert (ticket.kind, ticket.household_id, ticket.details["address_unconfirmed"]) == ("leak_inside", 1, "yes")
    assert forwards(talk)
    talk.says("是的", Intent.AFFIRM)
    assert talk.scripts == ["greeting.anything_else"]
    assert "address_unconfirmed" not in talk.tickets[0].details
    assert "address_confirmed" in {e.key for e in talk.store.tables.timeline}


def test_a_leak_of_a_stranger_is_forwarded_as_soon_as_the_community_is_known() -> None:
    talk = Talk(peer=STRANGER)
    talk.says("暖气爆了", Intent.LEAK_INSIDE)
    assert talk.scripts == ["safety.leak_inside", "ticket.emergency_waiting_address", "ask.address_urgent"]
    assert not forwards(talk)
    talk.says("阳光花园", Intent.INFORM, community=1)
    assert talk.scripts == ["ticket.emergency_forwarded", "ask.building"]
    assert talk.tickets[0].number in talk.reply.said[0].chat  # now somebody is sent: by whom until when is told
    assert forwards(talk)
    talk.says("三号楼二单元501", Intent.INFORM, building=3, unit=2, room=501)
    assert talk.tickets[0].address.room == "501"
    assert talk.tickets[0].contact_phone == STRANGER


def test_a_leak_elsewhere_than_the_callers_home_moves_the_ticket() -> None:
    talk = Talk(peer=KNOWN)
    talk.says("暖气爆了", Intent.LEAK_INSIDE)
    talk.says("不是,是我妈家", Intent.DENY)
    assert talk.scripts == ["ask.address_urgent"]
    talk.says("翠湖苑1号楼1单元101", Intent.INFORM, community=2, building=1, unit=1, room=101)
    (ticket,) = talk.tickets
    assert ticket.address.community_id == 2


def test_no_unit_three_changes_the_unit_of_the_proposed_home_alone() -> None:
    talk = Talk(peer=KNOWN)
    talk.says("家里不热", Intent.NO_HEAT)
    assert talk.scripts == ["ask.is_this_home"]
    talk.says("不对,是三单元", Intent.DENY, unit=3)
    state = talk.store_state()
    assert (
        state["slots"]["community_id"],
        state["slots"]["building"],
        state["slots"]["unit"],
        state["slots"]["room"],
    ) == (1, "3", "3", "501")


def test_unsure_asks_one_short_question_and_a_second_unsure_answer_counts_as_yes() -> None:
    talk = Talk(peer=KNOWN)
    talk.says("暖器管报门", Intent.FALLBACK, perhaps=True)
    assert talk.voice.startswith("请问是暖气管道漏水吗?")
    talk.says("嗯那个", Intent.FALLBACK)
    assert talk.scripts[0] == "safety.leak_inside"
    assert talk.tickets[0].symptom == "暖器管报门"


def test_silence_after_the_leak_question_is_asked_once_more_and_then_counts_as_yes() -> None:
    talk = Talk(peer=KNOWN)
    talk.says("暖器管报门", Intent.FALLBACK, perhaps=True)
    talk.turn()
    assert talk.tickets == []
    talk.turn()
    assert [t.kind for t in talk.tickets] == ["leak_inside"]


def test_not_a_leak_after_all() -> None:
    talk = Talk()
    talk.says("暖器管报门", Intent.FALLBACK, perhaps=True)
    talk.says("不是", Intent.DENY)
    assert talk.tickets == []


def test_hanging_up_on_the_leak_question_counts_as_yes() -> None:
    talk = Talk()
    talk.says("暖器管报门", Intent.FALLBACK, perhaps=True)
    talk.hotline.hang_up(talk.id)
    assert [t.kind for t in talk.tickets] == ["leak_inside"]


def asked_in_the_chat() -> Talk:
    talk = Talk(channel=Channel.CHAT, peer="")
    talk.says("阀门崩了水喷出来了", Intent.FALLBACK, perhaps=True)
    return talk


def time_passes(talk: Talk, seconds: int) -> Task | None:
    talk.clock.advance(seconds=seconds)
    task = talk.store.claim(Lane.EMERGENCY, talk.clock.now(), LEASE, "t")
    if task is not None:
        LeakQuestions(talk.hotline).deliver(task)
    return task


def test_a_chat_that_falls_silent_on_the_leak_question_is_a_leak() -> None:
    talk = asked_in_the_chat()
    assert time_passes(talk, 59) is None
    task = time_passes(talk, 1)
    assert task is not None
    LeakQuestions(talk.hotline).deliver(task)  # it may run twice
    assert [(t.kind, t.symptom) for t in talk.tickets] == [("leak_inside", "阀门崩了水喷出来了")]
    with talk.store.read() as tx:
        said = [m.data["script"] for m in tx.messages(talk.id) if m.author is Author.BOT]
    assert said.count("safety.taken_for_leak") == said.count("safety.leak_inside") == 1
    talk.says("不是漏水", Intent.DENY)  # he comes back: the conversation goes on


def test_an_answered_leak_question_is_not_looked_at_again() -> None:
    talk = asked_in_the_chat()
    talk.says("不是", Intent.DENY)
    with talk.store.read() as tx:
        said = tx.conversation(talk.id).last_seq
    assert time_passes(talk, 60) is not None
    assert talk.tickets == []
    with talk.store.read() as tx:
        assert tx.conversation(talk.id).last_seq == said, "nothing more is said"


def test_whoever_has_written_something_since_is_answered_to_that() -> None:
    talk = asked_in_the_chat()
    with talk.store.write() as tx:
        tx.add_message(talk.id, author=Author.RESIDENT, text="不是,是自来水", at=talk.clock.now(), client_id="c9")
    assert time_passes(talk, 60) is not None, "it is being understood just now"
    assert talk.tickets == []


def test_a_leak_question_that_a_person_sees_is_his() -> None:
    talk = asked_in_the_chat()
    with talk.store.write() as tx:
        conversation = tx.conversation(talk.id)
        tx.move_floor(talk.id, to=Floor.OPERATOR, operator_id=1, epoch=conversation.epoch, at=talk.clock.now())
    assert time_passes(talk, 60) is not None
    assert talk.tickets == []


def test_who_waits_in_the_queue_keeps_his_place_when_silence_counts_as_yes() -> None:
    talk = asked_in_the_chat()
    with talk.store.write() as tx:
        conversation = tx.conversation(talk.id)
        tx.move_floor(talk.id, to=Floor.QUEUE, operator_id=None, epoch=conversation.epoch, at=talk.clock.now())
    offered = DialogueState.from_json(conversation.state).options
    assert time_passes(talk, 60) is not None
    assert [t.kind for t in talk.tickets] == ["leak_inside"]
    with talk.store.read() as tx:
        waiting = tx.conversation(talk.id)
        assert waiting.floor is Floor.QUEUE
        assert DialogueState.from_json(waiting.state).options == offered


def half_heard(talk: Talk, text: str, intent: Intent, *, turn: str = "turn-9", part: int = 0) -> None:
    talk.understander.table[text] = means(text, intent)
    talk.hotline.half_heard(Turn(talk.id, turn, text=text), part)


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
def test_what_was_said_before_the_line_broke_off_counts(*, late: bool) -> None:
    """The carrier drops the turn of whoever hangs up in the middle of it; its part may come after the end of the call."""
    talk = Talk(peer=KNOWN)
    if late:
        talk.hotline.hang_up(talk.id)
    half_heard(talk, "暖气爆", Intent.LEAK_INSIDE, part=1)
    half_heard(talk, "暖", Intent.FALLBACK, part=0)  # overtaken on its way
    if not late:
        assert talk.tickets == [], "the caller speaks on"
        talk.hotline.hang_up(talk.id)
    talk.hotline.hang_up(talk.id)
    assert [t.kind for t in talk.tickets] == ["leak_inside"]
    assert forwards(talk)
    with talk.store.read() as tx:
        assert [m.text for m in tx.messages(talk.id) if m.author is Author.RESIDENT] == ["暖气爆"]
        assert tx.conversation(talk.id).floor is Floor.ENDED


def test_a_part_that_comes_while_the_call_is_being_ended_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look for it and the end: the two webhooks race."""
    talk = Talk(peer=KNOWN)
    read = talk.store.read

    @contextmanager
    def and_then_the_part() -> Iterator[DialogueTx]:
        with read() as tx:
            yield tx
        monkeypatch.setattr(talk.store, "read", read)
        half_heard(talk, "暖气爆", Intent.LEAK_INSIDE)

    monkeypatch.setattr(talk.store, "read", and_then_the_part)
    talk.hotline.hang_up(talk.id)
    assert [t.kind for t in talk.tickets] == ["leak_inside"]
    with talk.store.read() as tx:
        assert tx.conversation(talk.id).floor is Floor.ENDED


def test_a_turn_that_was_heard_to_its_end_makes_its_parts_idle() -> None:
    talk = Talk(peer=KNOWN)
    half_heard(talk, "暖气爆", Intent.LEAK_INSIDE, turn="t1")
    talk.understander.table["暖气爆米花是什么"] = means("暖气爆米花是什么", Intent.OUT_OF_SCOPE)
    talk.hotline.handle_turn(Turn(talk.id, "t1", text="暖气爆米花是什么"))
    half_heard(talk, "暖气爆", Intent.LEAK_INSIDE, turn="t1", part=7)
    talk.hotline.hang_up(talk.id)
    assert talk.tickets == []


def test_a_cold_room_of_a_known_caller_is_confirmed_not_interrogated() -> None:
    talk = Talk(peer=KNOWN)
    talk.says("屋里只有十四度", Intent.COLD_ROOM, temperature=14)
    assert talk.scripts == ["ask.is_this_home"]
    talk.says("对", Intent.AFFIRM)
    assert talk.scripts == ["ask.visit_time"]
    talk.says("明天下午", Intent.INFORM, time="明天下午")
    assert talk.scripts == ["ticket.opened", "greeting.anything_else"]
    (ticket,) = talk.tickets
    assert (ticket.kind, ticket.contact_phone, ticket.details["temperature"]) == ("cold_room", KNOWN, "14")
    assert ticket.number.replace("-", " , ")[0] in talk.voice
    talk.says("没有了", Intent.DENY)
    assert talk.reply.then is Then.HANG_UP


def test_a_stranger_is_asked_everything_once_and_hears_it_read_back() -> None:
    talk = Talk(Channel.CHAT, peer="")
    talk.says("家里一直不热", Intent.NO_HEAT)
    asked = [*talk.scripts]
    for text, more in (
        ("阳光花园3号楼1单元201", {"community": 1, "building": 3, "unit": 1, "room": 201}),
        ("暖气片", {"part": "radiator"}),
        ("13812345678", {"phone": "13812345678"}),
        ("我姓刘", {}),
        ("周六上午", {"time": "周六上午"}),
    ):
        talk.says(text, Intent.INFORM, **more)
        asked += talk.scripts
    assert asked == [
        "ask.address",
        "ask.part",
        "ask.contact_phone",
        "ask.contact_name",
        "ask.visit_time",
        "ask.read_back",
    ]
    assert "阳光花园3号楼1单元201" in talk.reply.said[0].chat
    assert "13812345678" in talk.reply.said[0].chat
    talk.taps("yes")
    (ticket,) = talk.tickets
    assert (ticket.contact_name, ticket.contact_phone, ticket.symptom) == ("刘", "+8613812345678", "家里一直不热")


def test_a_correction_at_the_read_back_is_read_back_again() -> None:
    talk = Talk(Channel.CHAT, peer="")
    talk.says(
        "家里一直不热",
        Intent.NO_HEAT,
        community=1,
        building=3,
        unit=1,
        room=201,
        phone="13812345678",
        part="radiator",
        time="今晚",
    )
    talk.says("老王", Intent.INFORM)
    assert talk.scripts == ["ask.read_back"]
    talk.says("不对,是三单元", Intent.DENY, unit=3)
    assert talk.scripts == ["ask.read_back"]
    assert "3单元201" in talk.reply.said[0].chat
    talk.says("对了", Intent.AFFIRM)
    assert talk.tickets[0].address.unit == "3"


def test_a_second_matter_is_taken_and_the_first_one_resumed() -> None:
    talk = Talk(peer=STRANGER)
    talk.says("家里不热", Intent.NO_HEAT)
    talk.says("对了先问一下怎么交费", Intent.BILL_PAY)
    assert talk.scripts == ["knowledge.bill_pay", "ask.address"]


def test_an_emergency_in_the_middle_of_another_matter_comes_first() -> None:
    talk = Talk(peer=STRANGER)
    talk.says("家里不热", Intent.NO_HEAT)
    talk.says("哎呀喷水了", Intent.LEAK_INSIDE)
    assert talk.scripts[0] == "safety.leak_inside"
    talk.says("阳光花园3号楼2单元501", Intent.INFORM, community=1, building=3, unit=2, room=501)
    assert [t.kind for t in talk.tickets] == ["leak_inside"]
    assert talk.scripts[-1].startswith("ask.")  # back at the cold room, the address is known


def test_two_equal_communities_are_offered() -> None:
    talk = Talk(Channel.CHAT, peer="")
    talk.says("某花园不热", Intent.NO_HEAT, community=[1, 2])
    assert talk.scripts == ["ask.which_community"]
    assert [q.label for q in talk.reply.quick_replies][:2] == ["阳光花园", "翠湖苑"]
    talk.taps("community:2")
    assert talk.scripts == ["ask.building"]


def test_silence_is_asked_about_twice_then_the_keypad_then_a_person() -> None:
    talk = Talk()
    seen = []
    for _ in range(4):
        talk.turn()
        seen.append(talk.scripts[0])
    assert seen[:3] == ["hearing.not_heard", "hearing.not_heard_noise", "hearing.which_matter"]
    assert seen[3].startswith("handoff.")
    assert talk.reply.then is Then.WAIT


def test_without_the_model_the_keypad_menu_leads_everywhere() -> None:
    talk = Talk(peer=KNOWN)
    talk.says("呜哩哇啦", Intent.FALLBACK, model=False)
    assert talk.scripts == ["hearing.which_matter"]
    talk.presses("1")
    assert talk.scripts[0] == "safety.leak_inside"


def test_the_fee_menu_by_keypad() -> None:
    talk = Talk()
    talk.says("呜哩哇啦", Intent.FALLBACK, model=False)
    talk.presses("4")
    assert talk.scripts == ["hearing.which_fee"]
    talk.presses("2")
    assert talk.scripts[0] == "knowledge.bill_price"


def test_low_confidence_asks_did_you_mean() -> None:
    talk = Talk()
    talk.says("那个票", Intent.FALLBACK, runner_up=Intent.BILL_INVOICE)
    assert "开发票" in talk.voice
    talk.says("对", Intent.AFFIRM)
    assert talk.scripts[0] == "knowledge.bill_invoice"


def test_out_of_scope_names_the_unit_in_the_standards_words_and_offers_help() -> None:
    talk = Talk(Channel.CHAT, peer="")
    talk.says("我家停电了", Intent.OUT_OF_SCOPE, other_unit="electricity")
    first = talk.reply.said[0].chat
    assert first.startswith("对不起,您反映的问题不在我集团公司的管理权限之内,应由")
    assert "95598" in first
    assert talk.reply.said[1].chat == "如果需要协调,我帮您反映一下"
    talk.taps("yes")
    assert talk.scripts == ["ask.contact_phone"]


def test_gas_sends_people_out_of_the_room_first() -> None:
    talk = Talk()
    talk.says("有煤气味", Intent.GAS_SMELL)
    assert talk.voice.startswith("请马上离开屋子")
    assert talk.tickets == []


def test_a_callback_instead_of_waiting() -> None:
    talk = Talk(peer=STRANGER)
    talk.says("转人工", Intent.ASK_HUMAN)
    talk.presses("1")
    assert talk.scripts == ["handoff.callback_noted", "greeting.anything_else"]
    assert [t.contact_phone for t in talk.tickets] == [STRANGER]


def test_exactly_one_operator_has_the_floor_and_the_bot_is_silent() -> None:
    talk = Talk(Channel.CHAT, peer="")
    talk.handoff.take_over(talk.id, 1)
    with pytest.raises(AlreadyTaken, match="小李"):
        talk.handoff.take_over(talk.id, 2)
    talk.says("怎么交费", Intent.BILL_PAY)
    assert talk.reply.said == ()
    talk.handoff.say(talk.id, 1, "您好", "c1")
    talk.handoff.say(talk.id, 1, "您好", "c1")
    with pytest.raises(StaleEpoch):
        talk.handoff.say(talk.id, 2, "抢答", "c2")
    with pytest.raises(BadInput):
        talk.handoff.say(talk.id, 1, "   ", "c3")
    with talk.store.read() as tx:
        assert [m.text for m in tx.messages(talk.id) if m.author is Author.OPERATOR] == ["您好"]
    talk.handoff.hand_back(talk.id, 1)
    talk.says("怎么交费", Intent.BILL_PAY)
    assert talk.scripts[0] == "knowledge.bill_pay"


def test_a_leak_said_to_an_operator_still_opens_its_ticket() -> None:
    talk = Talk(Channel.PHONE, peer=KNOWN)
    talk.handoff.take_over(talk.id, 1)
    talk.says("现在开始漏水了", Intent.LEAK_INSIDE)
    assert talk.scripts == ["safety.leak_inside"], "an emergency waits for nobody's attention"
    assert talk.reply.then is Then.WAIT
    assert [t.kind for t in talk.tickets] == ["leak_inside"]
    assert forwards(talk)
    talk.says("水越来越多", Intent.LEAK_INSIDE)
    assert talk.reply.said == (), "said once; then the operator speaks"


def test_an_operator_who_vanishes_loses_the_floor_to_the_queue() -> None:
    talk = Talk(Channel.CHAT, peer="")
    talk.handoff.take_over(talk.id, 1)
    talk.clock.advance(seconds=91)
    task = talk.store.claim(Lane.ORDINARY, talk.clock.now(), LEASE, "t")
    assert task is not None
    talk.deliveries.release_conversation(task)
    with talk.store.read() as tx:
        assert tx.conversation(talk.id).floor is Floor.QUEUE


def test_a_repeated_turn_gets_the_same_reply_and_nothing_twice() -> None:
    talk = Talk(peer=KNOWN)
    first = talk.says("暖气爆了", Intent.LEAK_INSIDE)
    again = talk.hotline.handle_turn(Turn(talk.id, "turn-1", text="暖气爆了"))
    assert again == first
    assert len(talk.tickets) == 1
    with talk.store.read() as tx:
        assert [m.text for m in tx.messages(talk.id) if m.author is Author.RESIDENT] == ["暖气爆了"]


def test_a_hang_up_in_the_middle_leaves_a_ticket_with_what_is_known() -> None:
    talk = Talk(peer=STRANGER)
    talk.says("家里不热", Intent.NO_HEAT)
    talk.hotline.hang_up(talk.id)
    talk.hotline.hang_up(talk.id)
    (ticket,) = talk.tickets
    assert (ticket.kind, ticket.contact_phone, ticket.state) == ("no_heat", STRANGER, TicketState.NEW)


def test_a_hang_up_after_the_greeting_leaves_nothing() -> None:
    talk = Talk(peer=STRANGER)
    talk.hotline.hang_up(talk.id)
    assert talk.tickets == []


def test_a_street_leak_is_thanked_for_in_the_standards_words() -> None:
    talk = Talk(peer=STRANGER)
    talk.says("人民路井盖那里冒热气", Intent.LEAK_STREET)
    assert "请放心,我们会立即安排查漏抢修" in talk.voice
    assert talk.tickets[0].address.text == "人民路井盖那里冒热气"
    assert forwards(talk)
    talk.says("人民路和建设街交叉口", Intent.INFORM)
    assert talk.tickets[0].address.text == "人民路和建设街交叉口"


def test_an_unknown_community_is_asked_once_more_and_then_taken_as_words() -> None:
    talk = Talk(peer=STRANGER)
    talk.says("家里不热", Intent.NO_HEAT)
    talk.says("老机械厂家属院", Intent.FALLBACK)
    assert talk.scripts == ["ask.community_unknown"]
    talk.says("就是老机械厂家属院", Intent.FALLBACK)
    assert talk.store_state()["slots"]["place"] == "就是老机械厂家属院"
    assert talk.scripts == ["ask.part"]


def test_a_building_of_an_unknown_community_is_not_asked_for_in_the_same_words() -> None:
    talk = Talk(peer=STRANGER)
    talk.says("家里不热", Intent.NO_HEAT)
    talk.says("芙蓉里小区3号楼2单元501", Intent.INFORM, building="3", unit="2", room="501")
    assert talk.scripts == ["ask.community_unknown"]
    talk.says("芙蓉里小区3号楼2单元501啊", Intent.INFORM, building="3", unit="2", room="501")
    assert talk.store_state()["slots"]["place"] == "芙蓉里小区3号楼2单元501"
    assert talk.scripts == ["ask.part"], "never a trap"


def test_words_of_an_unknown_community_are_forgotten_when_it_is_known() -> None:
    talk = Talk(peer=STRANGER)
    talk.says("家里不热", Intent.NO_HEAT)
    talk.says("朝阳花苑3号楼2单元501", Intent.INFORM, building="3", unit="2", room="501")
    talk.says("阳光花园", Intent.INFORM, community="1")
    slots = talk.store_state()["slots"]
    assert (slots["community_id"], slots["building"], slots["room"], slots["place"]) == (1, "3", "501", "")


def test_whoever_is_rung_has_the_words_of_an_unknown_community_at_once() -> None:
    talk = Talk(peer=STRANGER)
    talk.says("暖气爆了", Intent.LEAK_INSIDE)
    talk.says("芙蓉里小区3号楼2单元501", Intent.INFORM, building="3", unit="2", room="501")
    assert talk.tickets[0].address.text == "芙蓉里小区3号楼2单元501"
    assert "ask.community_unknown" in talk.scripts, "and is asked once more"
    talk.says("就是芙蓉里", Intent.FALLBACK)
    assert talk.tickets[0].address.text == "芙蓉里小区3号楼2单元501 就是芙蓉里"


def test_repeat_says_the_last_reply_again() -> None:
    talk = Talk(peer=STRANGER)
    talk.says("怎么交费", Intent.BILL_PAY)
    before = talk.voice
    talk.says("再说一遍", Intent.REPEAT)
    assert talk.voice == before


def test_ticket_status_and_nudge() -> None:
    talk = Talk(peer=KNOWN)
    talk.says("暖气爆了", Intent.LEAK_INSIDE)
    talk.says("是", Intent.AFFIRM)
    talk.says("我的工单到哪了", Intent.TICKET_STATUS)
    assert talk.scripts[0] == "ticket.status"
    talk.says("快点啊", Intent.TICKET_NUDGE)
    assert talk.scripts[0] == "ticket.nudged"
    assert talk.tickets[0].nudges == 1


def test_card_number_only_for_the_registered_number() -> None:
    talk = Talk(peer=KNOWN)
    talk.says("卡号多少", Intent.BILL_CARD_NUMBER)
    assert "100001" in talk.voice.replace(" ", "")
    stranger = Talk(Channel.CHAT, peer="")
    stranger.says("卡号多少", Intent.BILL_CARD_NUMBER)
    assert "100001" not in stranger.voice.replace(" ", "")
    assert stranger.scripts == ["knowledge.bill_card_number", "ask.contact_phone"]


def test_butler_and_station_only_for_the_registered_number() -> None:
    talk = Talk(peer=KNOWN)
    talk.says("我家管家是谁", Intent.ASK_BUTLER)
    assert "王管家" in talk.voice
    assert "东城站" in talk.voice
    stranger = Talk(Channel.CHAT, peer="")
    stranger.says("我家管家是谁", Intent.ASK_BUTLER)
    assert stranger.scripts == ["ask.card"], "its home has to be proven first"


def test_what_is_said_about_leaks_is_what_the_company_has_chosen() -> None:
    talk = Talk(peer=KNOWN)
    talk.says("漏水了怎么办", Intent.LEAK_ADVICE)
    assert "40分钟" in talk.voice
    with talk.store.write() as tx:
        tx.add_profile_choice(ProfileChoice(0, "leak_on_site", "K", talk.clock.now(), talk.clock.now(), "周主管"))
    talk.says("漏水了怎么办", Intent.LEAK_ADVICE)
    assert "1小时" in talk.voice
    assert "40分钟" not in talk.voice


def test_suspension_is_explained_and_noted_on_request() -> None:
    talk = Talk(peer=KNOWN)
    talk.says("想报停", Intent.BILL_SUSPEND)
    assert talk.scripts == ["knowledge.bill_suspend", "ask.offer_ticket"]
    talk.says("要", Intent.AFFIRM)
    assert talk.scripts == ["ask.is_this_home"]
    talk.says("是", Intent.AFFIRM)
    assert [t.kind for t in talk.tickets] == ["suspend"]


def test_yes_and_no_are_words_on_their_buttons() -> None:
    talk = Talk(peer=KNOWN)
    talk.says("家里不热", Intent.NO_HEAT)
    assert [q.label for q in talk.reply.quick_replies] == ["是的", "不是", "转人工"]


def test_a_callback_is_not_promised_to_somebody_without_a_number() -> None:
    talk = Talk(Channel.CHAT, peer="")
    talk.says("转人工", Intent.ASK_HUMAN)
    talk.taps("callback")
    assert talk.scripts == ["ask.contact_phone"]
    assert talk.tickets == []
    talk.says("13812345678", Intent.INFORM, phone="13812345678")
    assert "地址" not in talk.reply.said[0].chat
    talk.taps("yes")
    assert [(t.kind, t.contact_phone) for t in talk.tickets] == [("callback", "+8613812345678")]


def test_who_leaves_the_queue_goes_on_where_he_was() -> None:
    talk = Talk(Channel.CHAT, peer="")
    talk.says("家里不热", Intent.NO_HEAT)
    talk.says("转人工", Intent.ASK_HUMAN)
    talk.taps("back")
    assert talk.scripts == ["ask.address"]


def test_something_learnt_between_two_read_backs_is_progress_and_not_a_failed_try() -> None:
    talk = Talk(Channel.CHAT, peer="")
    everything = {"community": 1, "building": 3, "unit": 1, "room": 201, "phone": "13812345678", "part": "radiator"}
    talk.says("家里一直不热", Intent.NO_HEAT, time="今晚", **everything)
    talk.says("老王", Intent.INFORM)
    for unit in (2, 3, 4):
        talk.says(f"不对,是{unit}单元", Intent.DENY, unit=unit)
        assert talk.scripts == ["ask.read_back"]
    talk.says("什么跟什么", Intent.FALLBACK)
    assert talk.scripts == ["hearing.not_heard"]  # not the menu


def test_the_time_of_the_visit_is_read_back() -> None:
    talk = Talk(Channel.CHAT, peer="")
    everything = {"community": 1, "building": 3, "unit": 1, "room": 201, "phone": "13812345678", "part": "radiator"}
    talk.says("家里一直不热", Intent.NO_HEAT, time="明天下午", **everything)
    talk.says("老王", Intent.INFORM)
    assert "上门时间:明天下午" in talk.reply.said[0].chat
    talk.says("好的谢谢", Intent.THANK)
    assert [t.kind for t in talk.tickets] == ["no_heat"]


def test_nobody_is_asked_whether_he_means_something_of_another_unit() -> None:
    talk = Talk()
    talk.says("唔哩", Intent.FALLBACK, runner_up=Intent.OUT_OF_SCOPE)
    assert talk.scripts == ["hearing.not_heard"]


def test_an_open_manhole_after_a_leak_is_an_emergency_of_its_own() -> None:
    talk = Talk(peer=KNOWN)
    talk.says("暖气爆了", Intent.LEAK_INSIDE)
    talk.says("楼下井盖也没了", Intent.MANHOLE_COVER)
    assert talk.scripts[0] == "safety.manhole_cover"
    assert {t.kind for t in talk.tickets} == {"leak_inside", "manhole_cover"}


def test_water_in_the_street_is_not_answered_with_the_valve_at_home() -> None:
    talk = Talk(Channel.CHAT, peer="")
    talk.says("路上冒水", Intent.LEAK_STREET)
    talk.says("水越冒越大", Intent.LEAK_STREET)
    assert talk.scripts[0] == "safety.leak_street_again"


def test_the_spot_in_the_street_is_kept_in_the_residents_words() -> None:
    talk = Talk(Channel.CHAT, peer="")
    talk.says("路上冒水", Intent.LEAK_STREET)
    talk.says("东风路阳光花园门口", Intent.INFORM, community=1)
    assert talk.tickets[0].address.text == "东风路阳光花园门口"
    assert "阳光花园东风路阳光花园" not in talk.reply.said[0].chat


def test_a_matter_that_is_taken_up_again_is_named() -> None:
    talk = Talk(peer=KNOWN)
    talk.says("屋里只有十四度", Intent.COLD_ROOM, temperature=14)
    talk.says("先投诉一下昨天来的师傅,约了三次都没有来,态度也不好", Intent.COMPLAINT)
    talk.says("对", Intent.AFFIRM)
    assert talk.scripts[0] == "ticket.opened"
    assert talk.scripts[1:] == ["hearing.back_to", "ask.visit_time"]


def test_who_reports_again_hears_what_is_being_done_until_when() -> None:
    talk = Talk(peer=KNOWN)
    talk.says("家里不热", Intent.NO_HEAT)
    talk.hotline.hang_up(talk.id)
    again = Talk(peer=KNOWN, store=talk.store, call="CA2")
    again.says("家里还是不热", Intent.NO_HEAT)
    assert again.scripts[0] == "ticket.known_already"
    assert "前与您联系" in again.voice


def test_yes_and_no_are_understood_without_a_model() -> None:
    """Questions say "say yes": the answer may not lead into the menu, where the question is lost."""
    talk = Talk(peer=KNOWN)
    talk.says("家里不热", Intent.COLD_ROOM)
    assert talk.scripts == ["ask.is_this_home"]
    talk.says("是的。", Intent.FALLBACK, model=False)
    assert "hearing.which_matter" not in talk.scripts
    assert talk.store_state()["home_confirmed"]
    other = Talk(peer=KNOWN, call="CA2")
    other.says("家里不热", Intent.COLD_ROOM)
    other.says("不是", Intent.FALLBACK, model=False)
    assert "hearing.which_matter" not in other.scripts
    assert other.store_state()["home_denied"]


def test_an_address_that_the_resident_said_himself_is_not_doubtful() -> None:
    talk = Talk(Channel.CHAT, peer="")
    talk.says("家里漏水", Intent.LEAK_INSIDE, community=1, building=3, unit=2, room=501)
    assert "address_unconfirmed" not in talk.tickets[0].details
    other = Talk(peer=KNOWN, call="CA2")
    other.says("家里漏水", Intent.LEAK_INSIDE)
    assert "address_unconfirmed" in other.tickets[0].details
    other.says("不对,是三单元", Intent.DENY, unit=3)
    assert "address_unconfirmed" not in other.tickets[0].details


def test_what_was_said_with_the_wish_for_a_person_is_on_the_callback() -> None:
    talk = Talk(peer=KNOWN)
    talk.says("找人工,退费一直没到账", Intent.ASK_HUMAN)
    talk.presses("1")
    assert talk.tickets[0].symptom == "找人工,退费一直没到账"


def test_a_leak_in_another_language_is_asked_after_before_chinese_is_asked_for() -> None:
    talk = Talk(peer=KNOWN)
    talk.says("pipe burst", Intent.FALLBACK, perhaps=True)
    assert talk.scripts == ["safety.is_it_a_leak"]


def test_a_story_that_was_asked_for_is_not_interrupted_by_a_faint_suspicion() -> None:
    talk = Talk(peer=KNOWN)
    talk.says("我要投诉", Intent.COMPLAINT)
    assert talk.scripts == ["ask.what_happened"]
    talk.says("修完暖气还是不热,把地板踩脏了", Intent.COLD_ROOM, confidence=0.8, model_only=True)
    assert talk.scripts == ["ask.is_this_home"]
    talk.says("是的", Intent.AFFIRM)
    assert [t.kind for t in talk.tickets] == ["complaint"]


@pytest.mark.parametrize(("sure", "follows"), [(0.44, "ask.is_this_home"), (0.2, "safety.is_it_a_leak")])
def test_a_muddled_story_is_interrupted_only_where_nothing_is_heard_before_the_leak(sure: float, follows: str) -> None:
    talk = Talk(peer=KNOWN)
    talk.says("我要投诉", Intent.COMPLAINT)
    talk.says("电话一直打不通,整个单元都没电", Intent.FALLBACK, confidence=sure, model_only=True)
    assert talk.scripts == [follows]


def test_after_no_leak_the_open_matter_goes_on_with_what_was_told() -> None:
    talk = Talk(peer=KNOWN)
    talk.says("我要投诉", Intent.COMPLAINT)
    talk.says("他们来修的时候弄得到处都是", Intent.FALLBACK, confidence=0.2, perhaps=True)
    assert talk.scripts == ["safety.is_it_a_leak"]
    talk.says("不是", Intent.DENY)
    assert talk.scripts == ["ask.is_this_home"]
    talk.says("是的", Intent.AFFIRM)
    (ticket,) = talk.tickets
    assert (ticket.kind, ticket.symptom) == ("complaint", "我要投诉 他们来修的时候弄得到处都是")


def test_after_no_leak_the_words_are_taken_as_what_they_otherwise_meant() -> None:
    talk = Talk(peer=KNOWN)
    talk.says("暖气片里哗哗响", Intent.COLD_ROOM, confidence=0.6, perhaps=True)
    talk.says("不是", Intent.DENY)
    assert talk.scripts == ["ask.is_this_home"]
    talk.says("是的", Intent.AFFIRM)
    assert talk.store_state()["symptom"] == "暖气片里哗哗响"


def test_an_answer_that_was_asked_for_is_interrupted_by_danger_words_only() -> None:
    for suspicion, follows in (({"model_only": True}, "ask.contact_phone"), ({"perhaps": True}, "safety.is_it_a_leak")):
        talk = Talk(Channel.CHAT, peer="")
        talk.says("家里一直不热", Intent.NO_HEAT, community=1, building=3, unit=1, room=201)
        assert talk.scripts == ["ask.part"]
        talk.says("暖气片", Intent.INFORM, part="radiator", **suspicion)
        assert talk.scripts == [follows]


def test_who_has_named_a_time_is_not_promised_another() -> None:
    """A visit "tomorrow at three" and "at the door by noon today" contradict each other."""
    talk = Talk(peer=KNOWN)
    talk.says("家里不暖和", Intent.COLD_ROOM, temperature="16", part="radiator")
    talk.says("是的", Intent.AFFIRM)
    talk.says("明天下午三点", Intent.INFORM, time="明天下午三点")
    assert talk.scripts[0] == "ticket.opened"
    assert "与您联系,按您方便的时间上门" in talk.reply.said[0].voice
    assert "到现场" not in talk.voice
    talk.says("师傅什么时候来", Intent.TICKET_STATUS)
    assert "按您方便的时间上门" in talk.voice
    assert "到现场" not in talk.voice


def test_who_is_always_at_home_is_promised_our_own_time() -> None:
    talk = Talk(peer=KNOWN)
    talk.says("家里不暖和", Intent.COLD_ROOM, temperature="16", part="radiator")
    talk.says("是的", Intent.AFFIRM)
    talk.says("随时都行", Intent.INFORM, time="随时")
    assert "到现场" in talk.voice


def test_a_time_in_a_leak_or_a_complaint_is_no_visit() -> None:
    leak = Talk(peer=KNOWN)
    leak.says("暖气管今天早上爆了", Intent.LEAK_INSIDE, time="今天早上")
    assert "到现场" in leak.voice
    assert "visit_time" not in leak.tickets[0].details
    complaint = Talk(peer=STRANGER)
    complaint.says("我要投诉,约好的师傅到现在也没有来,电话也没有人接,太不像话了", Intent.COMPLAINT, time="现在")
    complaint.says("阳光花园3号楼1单元201", Intent.INFORM, community=1, building=3, unit=1, room=201)
    complaint.says("就这个电话", Intent.INFORM)
    assert complaint.scripts == ["ask.read_back"]
    assert "上门时间" not in complaint.voice
    complaint.says("对", Intent.AFFIRM)
    assert [(t.kind, t.contact_name, t.details.get("visit_time")) for t in complaint.tickets] == [
        ("complaint", "", None)
    ]


def test_a_story_that_sounds_like_a_question_after_a_ticket_is_the_story() -> None:
    talk = Talk(peer=KNOWN)
    talk.says("我要投诉", Intent.COMPLAINT)
    talk.says("师傅约好十点来,没来", Intent.TICKET_NUDGE)
    assert talk.scripts == ["ask.is_this_home"]
    talk.says("是的", Intent.AFFIRM)
    assert talk.tickets[0].symptom == "我要投诉 师傅约好十点来,没来"


def test_an_address_is_no_story() -> None:
    talk = Talk(peer=STRANGER)
    talk.says("我要投诉", Intent.COMPLAINT)
    where = Entity(EntityKind.COMMUNITY, "1", "阳光花园", 0, 4)
    talk.understander.table["阳光花园"] = replace(means("阳光花园", Intent.INFORM), entities=(where,))
    talk.turn(text="阳光花园")
    assert talk.scripts == ["ask.what_happened"]


@pytest.mark.parametrize("time", ["现在", "晚上"])
def test_when_it_is_cold_is_not_when_somebody_is_at_home(time: str) -> None:
    talk = Talk(peer=KNOWN)
    talk.says(f"家里{time}才十五度", Intent.COLD_ROOM, temperature="15", part="radiator", time=time)
    talk.says("是的", Intent.AFFIRM)
    assert talk.scripts == ["ask.visit_time"]
    talk.says(time, Intent.INFORM, time=time)
    assert talk.tickets[0].details["visit_time"] == time


def test_a_time_said_after_the_ticket_was_opened_reaches_whoever_comes() -> None:
    talk = Talk(peer=KNOWN)
    talk.says("家里不暖和", Intent.COLD_ROOM, temperature="16", part="radiator", time="今晚")
    talk.says("是的", Intent.AFFIRM)
    talk.says("还是后天上午吧", Intent.INFORM, time="后天上午")
    assert talk.scripts == ["outgoing.visit_noted", "greeting.anything_else"]
    assert talk.tickets[0].details["visit_time"] == "后天上午"
    leak = Talk(peer=KNOWN, call="CA2")
    leak.says("暖气爆了", Intent.LEAK_INSIDE)
    leak.says("是的", Intent.AFFIRM)
    leak.says("后天上午", Intent.INFORM, time="后天上午")
    assert "outgoing.visit_noted" not in leak.scripts


# --- nobody answered: the process died, or found the database locked --------------------------------------------------


def dies_before_the_answer(talk: Talk, monkeypatch: pytest.MonkeyPatch, turn: Turn) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(Hotline, "_answer", lambda *_: (_ for _ in ()).throw(StoreBusy("locked")))
        with pytest.raises(StoreBusy):
            talk.hotline.handle_turn(turn)


def answer_what_was_left(talk: Talk) -> int:
    done = 0
    while task := talk.store.claim(Lane.WATCH, talk.clock.now(), LEASE, "t"):
        Unanswered(talk.store, talk.hotline).deliver(task)
        Unanswered(talk.store, talk.hotline).deliver(task)
        with talk.store.write() as tx:
            tx.task_done(task)
        done += 1
    return done


@pytest.mark.parametrize("channel", [Channel.PHONE, Channel.CHAT])
def test_a_leak_that_was_heard_and_not_answered_is_answered_all_the_same(
    monkeypatch: pytest.MonkeyPatch, channel: Channel
) -> None:
    talk = Talk(channel=channel, peer=KNOWN)
    talk.understander.table["暖气爆了"] = means("暖气爆了", Intent.LEAK_INSIDE)
    dies_before_the_answer(talk, monkeypatch, Turn(talk.id, "t7", text="暖气爆了"))
    assert answer_what_was_left(talk) == 0, "the channel may deliver it again"
    talk.clock.advance(seconds=20)
    assert answer_what_was_left(talk) == 1
    assert [(t.kind, t.nudges) for t in talk.tickets] == [("leak_inside", 0)]
    assert forwards(talk)
    with talk.store.read() as tx:
        assert [m.text for m in tx.messages(talk.id) if m.author is Author.RESIDENT] == ["暖气爆了"]
        assert tx.conversation(talk.id).floor is Floor.BOT


def test_a_pressed_button_is_answered_as_what_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    talk = Talk(channel=Channel.CHAT, peer=KNOWN)
    dies_before_the_answer(talk, monkeypatch, Turn(talk.id, "t7", text="漏水了", choice="intent:leak_inside"))
    talk.clock.advance(seconds=20)
    assert answer_what_was_left(talk) == 1
    assert [t.kind for t in talk.tickets] == ["leak_inside"]


def test_who_was_answered_is_not_answered_again() -> None:
    talk = Talk(peer=KNOWN)
    half_heard(talk, "暖气爆", Intent.LEAK_INSIDE, turn="t1")
    talk.says("你好", Intent.GREET)
    talk.understander.table["暖气爆米花"] = means("暖气爆米花", Intent.OUT_OF_SCOPE)
    talk.hotline.handle_turn(Turn(talk.id, "t1", text="暖气爆米花"))
    talk.clock.advance(seconds=200)
    assert answer_what_was_left(talk) == 0
    assert talk.tickets == []


def test_a_cry_whose_call_and_end_both_got_lost_is_heard_after_a_while() -> None:
    talk = Talk(peer=KNOWN)
    half_heard(talk, "暖气", Intent.FALLBACK, turn="t1", part=0)
    half_heard(talk, "暖气爆了", Intent.LEAK_INSIDE, turn="t1", part=1)
    talk.clock.advance(seconds=89)
    assert answer_what_was_left(talk) == 0, "he may be speaking still"
    talk.clock.advance(seconds=1)
    assert answer_what_was_left(talk) == 1
    assert [t.symptom for t in talk.tickets] == ["暖气爆了"]


def test_a_turn_answered_after_the_end_of_its_call_leaves_it_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    talk = Talk(peer=KNOWN)
    talk.understander.table["暖气爆了"] = means("暖气爆了", Intent.LEAK_INSIDE)
    dies_before_the_answer(talk, monkeypatch, Turn(talk.id, "t7", text="暖气爆了"))
    talk.hotline.hang_up(talk.id)
    talk.clock.advance(seconds=20)
    assert answer_what_was_left(talk) == 1
    assert [t.kind for t in talk.tickets] == ["leak_inside"]
    with talk.store.read() as tx:
        assert tx.conversation(talk.id).floor is Floor.ENDED


def test_words_of_another_turn_are_not_answered_for_it() -> None:
    talk = Talk(peer=KNOWN)
    half_heard(talk, "暖气", Intent.FALLBACK, turn="t1")
    half_heard(talk, "你好", Intent.GREET, turn="t2")
    talk.clock.advance(seconds=90)
    assert answer_what_was_left(talk) == 2
    with talk.store.read() as tx:
        assert tx.stored_reply(talk.id, "t1") is None
        assert tx.stored_reply(talk.id, "t2") is not None
