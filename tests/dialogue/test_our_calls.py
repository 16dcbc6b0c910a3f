"""Calls of ours to residents, and staff who report: the real dialogue over fake rooms, the carrier a fake."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.understanding import Intent
from dialogue.conversation import Author, Channel, Expect, Floor, Then
from dialogue.our_calls import CallbackDelivery, OurCalls
from fulfillment.calling import ResidentCalls, ResidentRinging
from fulfillment.company import Staff
from fulfillment.desk import Desk
from fulfillment.open_ticket import Learned, TicketRequest, open_ticket
from fulfillment.outbox import Task, TaskKind, lane_of
from fulfillment.resident_calls import CallResult, CallState, Purpose, ResidentCall, ResidentTry, TryOutcome
from fulfillment.ticket import Address, ClockState, Ticket, TicketClock, TicketState
from fulfillment.worker import LEASE
from kernel.errors import CallImpossible
from tests.dialogue.talk import BOOK, STANDARD, Talk

HOME = Address(1, "3", "2", "501")
PHONE = "+8613800000001"


class Called(Talk):
    """陈静 is rung by us about a cold room of hers, and has picked up."""

    def __init__(self, purpose: Purpose = Purpose.SATISFACTION, *, visit: str = "", name: str = "陈静") -> None:
        super().__init__(call="CA-another")
        self.desk = Desk(self.store, STANDARD, self.clock)
        self.events = ResidentCalls(self.store, STANDARD, self.clock)
        request = TicketRequest("cold_room", "卧室不热", None, Learned(HOME, 1, contact_name=name, contact_phone=PHONE))
        with self.store.write() as tx:
            ticket, _ = open_ticket(tx, request, standard=STANDARD, now=self.clock.now())
            if not name:
                tx.save_ticket(replace(tx.ticket(ticket.id), contact_name="", household_id=None))
        self.ticket_id = ticket.id
        if purpose is Purpose.SATISFACTION:
            self.desk.change_state(ticket.id, TicketState.RESOLVED, by="王管家")
        self.desk.call_resident(ticket.id, purpose, by="小李", operator_id=1, visit=visit)
        self.deliver(TaskKind.CALL_RESIDENT)
        self.deliver(TaskKind.RING_RESIDENT)
        self.ours = OurCalls(self.hotline, self.store, STANDARD, self.clock)
        conversation, self.reply = self.ours.answered(self.one.id, "CA-ours")
        self.id = conversation.id

    def deliver(self, kind: TaskKind) -> list[Task]:
        """Carries out what is due of one kind; returns it."""
        ringing = ResidentRinging(self.store, self.carrier, STANDARD, self.clock)
        done = []
        lane = lane_of(kind)
        while task := self.store.claim(lane, self.clock.now(), LEASE, "test"):
            if task.kind is kind:
                done.append(task)
                if kind is TaskKind.CALL_RESIDENT:
                    ringing.plan(task)
                if kind is TaskKind.RING_RESIDENT:
                    ringing.dial(task)
        return done

    def hangs_up(self) -> None:
        self.ours.hang_up("CA-ours")
        self.events.call_event(self.one.id, status="completed", sid="CA-ours")

    @property
    def one(self) -> ResidentTry:
        return max(self.store.tables.of_calls.tries.values(), key=lambda t: t.n)

    @property
    def call(self) -> ResidentCall:
        return max(self.store.tables.of_calls.calls.values(), key=lambda c: c.id)

    @property
    def ticket(self) -> Ticket:
        return self.store.tables.tickets[self.ticket_id]

    @property
    def told(self) -> str:
        """Everything that was said to whoever is on the line."""
        lines = self.store.tables.messages[self.id]
        return " ".join(m.text for m in lines if m.author is Author.BOT)


@pytest.fixture
def called() -> Called:
    return Called()


def test_who_is_it_before_anything_is_told(called: Called) -> None:
    """G4b, word for word; nothing of the case."""
    assert [s.chat for s in called.reply.said] == ["您好,我是华暖集团温心01号,请问您是陈静先生/女士么?"]
    assert called.reply.expect is Expect.YES_NO
    for secret in ("卧室", "阳光花园", "501", called.ticket.number, "室温"):
        assert secret not in called.told


def test_picked_up_twice_it_is_one_conversation(called: Called) -> None:
    again = called.ours.answered(called.one.id, "CA-ours")
    assert again[0].id == called.id
    assert again[1] == called.reply


@pytest.mark.parametrize(
    ("heard", "result"),
    [("1", CallResult.SATISFIED), ("2", CallResult.FAIRLY), ("3", CallResult.DISSATISFIED)],
)
def test_the_survey_by_key(called: Called, heard: str, result: CallResult) -> None:
    called.presses("1")
    assert called.scripts == ["outgoing.survey"]
    called.presses(heard)
    assert called.call.result is result
    assert called.call.state is CallState.DONE


@pytest.mark.parametrize(
    ("words", "intent", "result"),
    [
        ("满意", Intent.THANK, CallResult.SATISFIED),
        ("挺好的谢谢", Intent.THANK, CallResult.SATISFIED),
        ("嗯", Intent.AFFIRM, CallResult.SATISFIED),
        ("还可以吧", Intent.AFFIRM, CallResult.FAIRLY),
        ("基本满意", Intent.THANK, CallResult.FAIRLY),
        ("不满意", Intent.COMPLAINT, CallResult.DISSATISFIED),
        ("还是不热啊", Intent.COLD_ROOM, CallResult.DISSATISFIED),
        ("没修好", Intent.FALLBACK, CallResult.DISSATISFIED),
        ("师傅态度恶劣", Intent.COMPLAINT, CallResult.DISSATISFIED),
    ],
)
def test_the_survey_by_voice(called: Called, words: str, intent: Intent, result: CallResult) -> None:
    called.says("我就是", Intent.AFFIRM)
    called.says(words, intent)
    assert called.call.result is result


@pytest.mark.parametrize("words", ["不好意思刚才没听清,我挺满意的", "没有什么不满意的,修好了"])
def test_courtesy_and_double_negation_reopen_nothing(called: Called, words: str) -> None:
    called.says("我在上班,是我,你说", Intent.FALLBACK)
    called.says(words, Intent.THANK)
    assert called.call.result is CallResult.SATISFIED
    assert called.ticket.state is TicketState.CLOSED


def test_two_meanings_are_asked_again_and_settle_nothing(called: Called) -> None:
    called.says("他爸上班去了", Intent.AFFIRM)
    assert called.scripts == ["hearing.not_heard", "outgoing.who"]
    called.says("我就是", Intent.AFFIRM)
    called.says("我不满意,他们非说修好了", Intent.THANK)
    assert called.scripts == ["hearing.not_heard", "outgoing.survey"]
    assert called.call.result is CallResult.NOTHING
    assert called.ticket.state is TicketState.RESOLVED
    called.says("不满意", Intent.THANK)
    assert called.ticket.state is TicketState.ACKNOWLEDGED


def test_satisfied_is_thanked_asked_for_more_and_closed(called: Called) -> None:
    called.presses("1")
    called.presses("1")
    assert called.scripts == ["outgoing.thanks", "greeting.anything_else"]
    assert called.ticket.state is TicketState.CLOSED
    called.says("没有了", Intent.DENY)
    assert called.reply.then is Then.HANG_UP
    called.hangs_up()
    assert called.one.outcome is TryOutcome.SETTLED


def test_after_the_survey_it_is_a_conversation_like_any_other(called: Called) -> None:
    called.presses("1")
    called.presses("1")
    called.says("怎么交费", Intent.BILL_PAY)
    assert "knowledge.bill_pay" in called.scripts


def test_dissatisfied_is_reopened_at_once_and_asked_why(called: Called) -> None:
    called.presses("1")
    called.presses("3")
    assert called.scripts == ["outgoing.why"]
    assert called.ticket.state is TicketState.ACKNOWLEDGED
    called.says("师傅没来,孩子屋还是凉的", Intent.COLD_ROOM)
    assert called.scripts == ["ticket.answer_later", "greeting.anything_else"]
    words = [e.params["words"] for e in called.store.tables.timeline if e.key == "resident_said"]
    assert words == ["师傅没来,孩子屋还是凉的"]
    assert [t for t in called.store.tables.tickets.values() if t.id != called.ticket_id] == [], "no second case"


def test_dissatisfied_and_gone(called: Called) -> None:
    called.presses("1")
    called.presses("3")
    called.hangs_up()
    assert called.ticket.state is TicketState.ACKNOWLEDGED


@pytest.mark.parametrize(
    ("words", "intent"), [("你打错了", Intent.OUT_OF_SCOPE), ("不是", Intent.DENY), ("没有这个人", Intent.DENY)]
)
def test_a_wrong_person_hears_an_apology_and_nothing_else(called: Called, words: str, intent: Intent) -> None:
    called.says(words, intent)
    assert called.scripts == ["outgoing.wrong_person"]
    assert called.reply.then is Then.HANG_UP
    assert called.call.result is CallResult.WRONG_PERSON
    for secret in ("卧室", "阳光花园", "室温", "维修", "处理"):
        assert secret not in called.told


@pytest.mark.parametrize(
    ("words", "intent"), [("我现在不方便", Intent.DENY), ("在开会", Intent.INFORM), ("等会儿再打", Intent.GOODBYE)]
)
def test_not_now_is_g4c_and_another_time(called: Called, words: str, intent: Intent) -> None:
    called.says(words, intent)
    assert [s.chat for s in called.reply.said] == ["打扰您了,再见"]
    assert called.reply.then is Then.HANG_UP
    assert called.one.outcome is TryOutcome.NOT_NOW
    assert called.call.state is CallState.PLANNED


@pytest.mark.parametrize("words", ["我是他爱人", "不是,我是他女儿"])
def test_the_family_may_answer(called: Called, words: str) -> None:
    called.says(words, Intent.DENY)
    assert called.scripts == ["outgoing.survey"]


def test_an_answering_machine_is_not_talked_at(called: Called) -> None:
    called.says("您拨打的电话暂时不能接通,请在嘟声后录音", Intent.COMPLAINT)
    assert called.scripts == ["hearing.not_heard", "outgoing.who"]
    called.turn()
    assert called.scripts == ["outgoing.not_now"]
    assert called.reply.then is Then.HANG_UP
    called.hangs_up()
    assert called.one.outcome is TryOutcome.NO_ANSWER
    assert "卧室" not in called.told


def test_hello_is_no_answer(called: Called) -> None:
    called.says("喂", Intent.GREET)
    assert called.scripts == ["hearing.not_heard", "outgoing.who"]
    called.says("对我是", Intent.AFFIRM)
    assert called.scripts == ["outgoing.survey"]


def test_a_leak_in_the_survey_is_an_emergency_of_this_home(called: Called) -> None:
    """Danger words go first in our own calls, too; the home is known, nothing is asked twice."""
    called.presses("1")
    called.says("刚修完又漏水了", Intent.LEAK_INSIDE)
    assert called.scripts[0] == "safety.leak_inside"
    leak = next(t for t in called.store.tables.tickets.values() if t.kind == "leak_inside")
    assert (leak.address.room, leak.household_id, leak.contact_phone) == ("501", 1, PHONE)
    assert any(row.task.kind is TaskKind.FORWARD_EMERGENCY for row in called.store.tables.tasks.values())
    assert "ask.address_urgent" not in called.scripts
    called.hangs_up()
    assert called.call.state is CallState.PLANNED, "the survey is still owed, another time"


def test_a_leak_before_he_has_said_who_he_is(called: Called) -> None:
    called.says("家里暖气爆了", Intent.LEAK_INSIDE)
    assert called.scripts[0] == "safety.leak_inside"
    leak = next(t for t in called.store.tables.tickets.values() if t.kind == "leak_inside")
    assert leak.details["address_unconfirmed"] == "yes"


def test_perhaps_a_leak_is_asked_and_then_the_survey_goes_on(called: Called) -> None:
    called.presses("1")
    called.says("有点水汽", Intent.LEAK_INSIDE, perhaps=True)
    assert called.scripts == ["safety.is_it_a_leak"]
    called.says("不是", Intent.DENY)
    assert called.scripts == ["outgoing.survey"]
    called.presses("1")
    assert called.call.result is CallResult.SATISFIED


def test_a_person_can_be_asked_for(called: Called) -> None:
    called.presses("1")
    called.says("转人工", Intent.ASK_HUMAN)
    assert called.reply.then is Then.WAIT
    with called.store.read() as tx:
        assert tx.conversation(called.id).floor is Floor.QUEUE


def test_a_person_can_be_asked_for_before_anything_else(called: Called) -> None:
    called.says("转人工", Intent.ASK_HUMAN)
    assert called.reply.then is Then.WAIT
    assert "卧室" not in called.told


@pytest.mark.parametrize("intent", [Intent.REPEAT, Intent.ASK_HUMAN])
def test_an_announcement_that_sounds_like_a_wish_is_none(called: Called, intent: Intent) -> None:
    called.says("您好请在嘟声后说话,如需人工请挂机", intent, confidence=0.64)
    assert called.scripts == ["hearing.not_heard", "outgoing.who"]


def test_again_says_it_again(called: Called) -> None:
    called.presses("1")
    called.says("再说一遍", Intent.REPEAT)
    assert called.scripts == ["outgoing.survey"]
    called.presses("1")
    assert called.call.result is CallResult.SATISFIED


def test_without_a_name_only_the_community_is_said() -> None:
    called = Called(name="")
    assert called.reply.said[0].chat == "您好,我是华暖集团温心01号,请问您是阳光花园的住户么?"


# --- appointments and ringing back -----------------------------------------------------------------------------------


def test_the_proposed_time_is_confirmed() -> None:
    called = Called(Purpose.APPOINTMENT, visit="明天下午三点")
    called.presses("1")
    assert called.scripts == ["outgoing.visitor", "outgoing.visit"]
    assert "明天下午三点" in called.voice
    called.says("可以", Intent.AFFIRM)
    assert called.ticket.details["appointment"] == "明天下午三点"
    assert "谢谢" in called.voice


def test_another_time_is_taken_down() -> None:
    called = Called(Purpose.APPOINTMENT, visit="明天下午三点")
    called.presses("1")
    called.says("不行", Intent.DENY)
    assert called.scripts == ["ask.visit_time"]
    called.says("周六上午吧", Intent.INFORM, time="周六上午")
    assert called.ticket.details["visit_time"] == "周六上午吧"
    assert called.call.result is CallResult.ANOTHER_TIME


def test_another_time_in_one_breath() -> None:
    called = Called(Purpose.APPOINTMENT, visit="明天下午三点")
    called.presses("1")
    called.says("后天上午行不行", Intent.INFORM, time="后天上午")
    assert called.ticket.details["visit_time"] == "后天上午行不行"


def test_without_a_proposal_g9_asks() -> None:
    called = Called(Purpose.APPOINTMENT)
    called.presses("1")
    assert called.scripts == ["outgoing.visitor", "ask.visit_time"]
    called.says("周三下午", Intent.INFORM, time="周三下午")
    assert called.call.result is CallResult.ANOTHER_TIME


class Line:
    """dialogue.conference.Conferences, as far as ringing back needs it."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.connected: list[tuple[str, int]] = []
        self.failure = failure

    def connect(self, conversation_id: str, operator_id: int) -> None:
        if self.failure:
            raise self.failure
        self.connected.append((conversation_id, operator_id))


@pytest.mark.parametrize("failure", [None, CallImpossible("no telephone")])
def test_rung_back_he_gets_the_operator_who_is_ready(failure: Exception | None) -> None:
    called = Called(Purpose.CALLBACK)
    called.presses("1")
    assert called.scripts == ["outgoing.connecting"]
    assert called.reply.then is Then.WAIT
    assert called.call.result is CallResult.CONNECTED
    [task] = called.deliver(TaskKind.CONNECT_CALLBACK)
    line = Line(failure)
    delivery = CallbackDelivery(called.handoff, line)
    for _ in range(2):  # every step may run twice
        delivery.connect(task)
    with called.store.read() as tx:
        conversation = tx.conversation(called.id)
    assert (conversation.floor, conversation.operator_id) == (Floor.OPERATOR, 1)
    assert set(line.connected) == (set() if failure else {(called.id, 1)})


def test_the_operator_is_not_disturbed_by_a_wrong_person() -> None:
    called = Called(Purpose.CALLBACK)
    called.presses("2")
    assert called.deliver(TaskKind.CONNECT_CALLBACK) == []


# --- staff who report ------------------------------------------------------------------------------------------------


def test_a_butler_reports_a_leak_for_a_resident() -> None:
    """G7e: the ticket names him, the address is the resident's, and his own number is not taken for the resident's."""
    talk = Talk(call="CA-another")
    ours = OurCalls(talk.hotline, talk.store, STANDARD, talk.clock)
    butler = Staff(1, "01", "王管家", "+8613900000001", 1)
    conversation, talk.reply = ours.report("CA-butler", butler)
    talk.id = conversation.id
    assert talk.scripts == ["staff.report"]
    talk.says("有户人家暖气爆了", Intent.LEAK_INSIDE)
    assert talk.scripts[0] == "safety.leak_inside"
    assert talk.scripts[-1] == "ask.address_urgent"
    talk.says("阳光花园三号楼二单元五零一", Intent.INFORM, community=1, building="3", unit="2", room="501")
    assert talk.scripts[-1] == "ask.contact_phone"
    talk.says("13811112222", Intent.INFORM, phone="13811112222")
    [ticket] = talk.tickets
    assert (ticket.contact_phone, ticket.address.room) == ("+8613811112222", "501")
    assert ticket.details["reported_by"] == "王管家"
    opened = next(e for e in talk.store.tables.timeline if e.key == "opened")
    assert opened.actor == "王管家"


def reports_a_cold_home() -> Talk:
    """A butler has said everything about an ordinary case, up to when he was told."""
    talk = Talk(call="CA-another")
    butler = Staff(1, "01", "王管家", "+8613900000001", 1)
    conversation, talk.reply = OurCalls(talk.hotline, talk.store, STANDARD, talk.clock).report("CA-butler", butler)
    talk.id = conversation.id
    talk.says("阳光花园三号楼二单元五零三暖气一直不热", Intent.NO_HEAT, community=1, building="3", unit="2", room="503")
    talk.says("暖气片", Intent.INFORM, part="radiator")
    talk.says("13811112222", Intent.INFORM, phone="13811112222")
    talk.says("王女士", Intent.INFORM)
    talk.says("明天下午", Intent.INFORM, time="明天下午")
    assert talk.scripts == ["staff.told"]
    return talk


def hour_of(talk: Talk) -> TicketClock | None:
    return next((c for c in talk.store.tables.clocks.values() if c.clause == "G7g"), None)


@pytest.mark.parametrize(
    ("answer", "minutes", "state"),
    [("1", 0, ClockState.KEPT), ("2", 30, ClockState.KEPT), ("4", 120, ClockState.BROKEN), ("四十分钟以前", 40, ClockState.KEPT)],
)  # fmt: skip
def test_an_ordinary_case_by_telephone_has_its_hour_on_record(answer: str, minutes: int, state: ClockState) -> None:
    """G7g: from when the resident told the butler until his ticket stands."""
    talk = reports_a_cold_home()
    if answer.isdecimal():
        talk.presses(answer)
    else:
        talk.says(answer, Intent.NO_HEAT)  # whatever the model makes of it
    assert talk.scripts == ["ask.read_back"]
    assert "明天下午" in talk.voice
    talk.says("对", Intent.AFFIRM)
    [ticket] = talk.tickets
    assert (ticket.kind, ticket.details["reported_by"]) == ("no_heat", "王管家")
    hour = hour_of(talk)
    assert hour is not None
    assert (hour.state, hour.ticket_id, hour.started_at) == (
        state,
        ticket.id,
        talk.clock.now() - timedelta(minutes=minutes),
    )
    told = next(e for e in talk.store.tables.timeline if e.key == "reported")
    assert (told.actor, told.params["minutes"]) == ("王管家", minutes)


def test_who_does_not_say_when_he_was_told_is_not_kept_and_no_clock_is_made_up() -> None:
    talk = reports_a_cold_home()
    for _ in range(2):
        talk.says("说不上来", Intent.FALLBACK, confidence=0.2)
    assert talk.scripts == ["ask.read_back"]
    talk.says("对", Intent.AFFIRM)
    assert len(talk.tickets) == 1
    assert hour_of(talk) is None
    assert next(e for e in talk.store.tables.timeline if e.key == "reported").params["minutes"] is None


def test_a_resident_is_never_asked_when_he_told_somebody() -> None:
    talk = Talk(peer=PHONE)
    talk.says("暖气一直不热", Intent.NO_HEAT)
    talk.says("对", Intent.AFFIRM)
    assert talk.scripts == ["ask.visit_time"]
    talk.says("明天下午", Intent.INFORM, time="明天下午")
    assert len(talk.tickets) == 1
    assert "reported" not in [e.key for e in talk.store.tables.timeline]


def test_reporting_after_the_greeting_is_the_same_call() -> None:
    """From another telephone he came through the resident's greeting."""
    talk = Talk(peer="+8613899999999", call="CA-1")
    ours = OurCalls(talk.hotline, talk.store, STANDARD, talk.clock)
    conversation, _ = ours.report("CA-1", Staff(1, "01", "王管家", "+8613900000001", 1))
    assert conversation.id == talk.id
    assert conversation.peer == ""
    assert BOOK.say("staff.report").chat in [m.text for m in talk.store.tables.messages[talk.id]]
    with talk.store.read() as tx:
        assert tx.conversation_by_external_id(Channel.PHONE, "CA-1") == conversation
