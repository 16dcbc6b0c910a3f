"""A call's audio over fake rooms: a carrier that answers late, twice, out of order or not at all."""

import random
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from dialogue.conference import Participant
from dialogue.conference_deliveries import ConferenceDeliveries
from dialogue.conversation import Author, Channel, Floor
from dialogue.leg import Leg, LegMode, LegRole, LegState, Phase, Talk
from fulfillment.company import Operator, OperatorRole
from fulfillment.outbox import Lane, Task, TaskKind
from kernel.errors import CallImpossible, CarrierBusy, CarrierRefused, CarrierUnknown, StaleEpoch
from tests.dialogue.talk import Talk as Spoken

XIAOLI, SUPERVISOR, ADMIN, WANGFANG = 1, 2, 3, 4
LEASE = timedelta(seconds=30)
KNOWN = "+8613800000001"


@dataclass
class Call:
    """A call that operator 1 has taken over; the test plays the telephone network."""

    spoken: Spoken = field(default_factory=lambda: Spoken(Channel.PHONE, peer=KNOWN))

    def __post_init__(self) -> None:
        talk = self.spoken
        self.talks, self.id, self.carrier, self.clock = talk.conferences, talk.id, talk.carrier, talk.clock
        self.sequence = 0
        with talk.store.write() as tx:
            for n in (XIAOLI, SUPERVISOR, ADMIN):
                tx.upsert_operator(_with_phone(tx.operator(n), f"+861370000000{n}"))
            tx.upsert_operator(Operator(0, "wangfang", "王芳", OperatorRole.OPERATOR, "+8613700000004", "x"))
        self.deliveries = ConferenceDeliveries(talk.store, talk.carrier, talk.conferences, talk.clock)
        talk.handoff.take_over(self.id, XIAOLI)

    # --- what is there

    @property
    def now(self) -> Talk:
        with self.spoken.store.read() as tx:
            return Talk(tx.legs(self.id), tx.conversation(self.id).operator_id)

    @property
    def floor(self) -> tuple[Floor, int | None, int]:
        with self.spoken.store.read() as tx:
            c = tx.conversation(self.id)
            return c.floor, c.operator_id, c.epoch

    def leg(self, role: LegRole) -> Leg:
        return next(leg for leg in reversed(self.now.legs) if leg.role is role)

    def said(self, author: Author) -> list[str]:
        with self.spoken.store.read() as tx:
            return [m.data.get("script", m.text) for m in tx.messages(self.id) if m.author is author]

    # --- what happens

    def work(self) -> None:
        """The worker does what is due."""
        while task := self.spoken.store.claim(Lane.TALK, self.clock.now(), LEASE, "t"):
            self.deliver(task)
            with self.spoken.store.write() as tx:
                tx.task_done(task)

    def deliver(self, task: Task) -> None:
        deliver: dict[str, Callable[[Task], None]] = {
            TaskKind.RING_LEG: self.deliveries.ring,
            TaskKind.SETTLE_LEG: self.deliveries.settle,
            TaskKind.WATCH_LEG: self.deliveries.watch,
        }
        deliver[task.kind](task)

    def reports(self, leg: Leg, event: str, mode: LegMode = LegMode.TALK) -> None:
        self.sequence += 1
        report = Participant(event, leg.call_sid, "CF" + leg.conference, self.sequence, mode)
        self.talks.told_of_participant(leg.id, report)

    def answers(self, role: LegRole, mode: LegMode = LegMode.TALK) -> None:
        """The telephone is picked up, and whoever waits for it is brought in."""
        self.work()
        leg = self.leg(role)
        for status in ("initiated", "ringing", "in-progress"):
            self.talks.told_of_call(leg.id, status=status, call_sid=leg.call_sid)
        self.reports(leg, "join", mode)
        self.work()
        caller = self.now.caller
        if caller is not None and not caller.joined:
            self.reports(caller, "join")
        self.work()

    def puts_down(self, leg: Leg, status: str = "completed") -> None:
        if leg.joined:
            self.reports(leg, "leave")
        self.talks.told_of_call(leg.id, status=status, call_sid=leg.call_sid)
        self.work()

    def connected(self) -> "Call":
        self.talks.connect(self.id, XIAOLI)
        self.answers(LegRole.OPERATOR)
        assert self.now.phase is Phase.TALKING
        return self


def _with_phone(operator: Operator, phone: str) -> Operator:
    return Operator(operator.id, operator.login, operator.name, operator.role, phone, operator.password_hash)


@pytest.fixture
def call() -> Call:
    return Call()


# --- connecting


def test_the_caller_stays_in_the_loop_until_somebody_has_answered(call: Call) -> None:
    call.talks.connect(call.id, XIAOLI)
    call.talks.connect(call.id, XIAOLI)
    call.work()
    assert [leg.address for leg, _ in call.carrier.rung] == ["+8613700000001"], "pressed twice it rings once"
    assert call.now.phase is Phase.RINGING
    assert call.carrier.fetched == []
    assert call.said(Author.BOT)[-1] == "phone.connecting"
    call.answers(LegRole.OPERATOR)
    assert [path for _, path in call.carrier.fetched] == [
        f"/ivr/calls/{call.id}/conference/{call.leg(LegRole.CALLER).id}"
    ]
    assert call.now.phase is Phase.TALKING
    assert call.now.since == call.clock.now()


@pytest.mark.parametrize("status", ["no-answer", "busy", "failed"])
def test_a_telephone_that_is_not_answered_is_told_to_both(call: Call, status: str) -> None:
    call.talks.connect(call.id, XIAOLI)
    call.work()
    call.puts_down(call.leg(LegRole.OPERATOR), status)
    assert call.now.phase is Phase.IDLE
    failure = call.now.failure
    assert failure is not None
    assert failure.outcome == status
    assert call.said(Author.BOT)[-1] == "phone.connect_failed", "the caller hears it in the loop, which he never left"
    assert call.said(Author.SYSTEM) == ["handoff.not_reached"]
    speaks = [t.task for t in call.spoken.store.tables.tasks.values() if t.task.kind is TaskKind.SPEAK_TO_CALLER]
    call.spoken.deliveries.speak_to_caller(speaks[-1])
    assert "/hold/" in call.carrier.fetched[-1][1], "the music he hears is interrupted"
    assert call.floor[:2] == (Floor.OPERATOR, XIAOLI)
    call.talks.connect(call.id, XIAOLI)
    assert call.now.failure is None, "a new attempt is not the old failure"


def picked_up(call: Call, role: LegRole) -> Leg:
    """Somebody has answered, or something."""
    call.work()
    leg = call.leg(role)
    call.carrier.at_the_door.add(leg.id)
    for status in ("ringing", "in-progress"):
        call.talks.told_of_call(leg.id, status=status, call_sid=leg.call_sid)
    call.work()
    return leg


def test_the_voicemail_of_an_operator_is_no_answer(call: Call) -> None:
    call.talks.connect(call.id, XIAOLI)
    leg = picked_up(call, LegRole.OPERATOR)
    call.carrier.statuses[leg.call_sid] = "in-progress"
    call.clock.advance(seconds=11)
    call.work()  # the watch asks, too
    assert call.now.phase is Phase.RINGING
    assert call.carrier.fetched == [], "the caller hears his music"
    call.puts_down(leg)
    failure = call.now.failure
    assert failure is not None
    assert failure.outcome == "no-answer"
    assert call.said(Author.BOT)[-1] == "phone.connect_failed"
    assert call.floor[:2] == (Floor.OPERATOR, XIAOLI)


def test_a_colleagues_voicemail_gets_no_caller(call: Call) -> None:
    call.connected()
    call.talks.transfer(call.id, XIAOLI, str(WANGFANG))
    leg = picked_up(call, LegRole.TRANSFER)
    assert call.floor[1] == XIAOLI
    call.puts_down(leg)
    assert call.floor[:2] == (Floor.OPERATOR, XIAOLI)
    assert call.said(Author.BOT)[-1] == "phone.connect_failed"


def test_whoever_pressed_his_key_is_in_although_the_report_was_lost(call: Call) -> None:
    call.talks.connect(call.id, XIAOLI)
    leg = picked_up(call, LegRole.OPERATOR)
    call.carrier.statuses[leg.call_sid] = "in-progress"
    call.carrier.at_the_door.clear()
    call.clock.advance(seconds=11)
    call.work()
    assert call.leg(LegRole.OPERATOR).joined
    assert call.carrier.fetched, "the caller is sent for"


@pytest.mark.parametrize("to", ["browser", "+8613711112222"])
def test_a_browser_and_a_number_outside_are_asked_for_no_key(call: Call, to: str) -> None:
    if to == "browser":
        with call.spoken.store.write() as tx:
            tx.set_answers_in_browser(XIAOLI, in_browser=True)
        call.talks.connect(call.id, XIAOLI)
        leg = picked_up(call, LegRole.OPERATOR)
    else:
        call.connected()
        call.talks.transfer(call.id, XIAOLI, to)
        leg = picked_up(call, LegRole.OUTSIDE)
    assert call.now.legs[-2 if to == "browser" else -1].id == leg.id
    with call.spoken.store.read() as tx:
        assert tx.leg(leg.id).joined


def test_a_refused_number_is_a_failure_and_not_tried_again(call: Call) -> None:
    call.carrier.leg_failures = [CarrierRefused("400", 21211)]
    call.talks.connect(call.id, XIAOLI)
    call.work()
    assert call.now.failure is not None
    assert call.carrier.rung == []


def test_an_unknown_answer_is_looked_up_before_it_rings_again(call: Call) -> None:
    call.talks.connect(call.id, XIAOLI)
    task = call.spoken.store.claim(Lane.TALK, call.clock.now(), LEASE, "t")
    assert task is not None
    call.carrier.rung.append((call.leg(LegRole.OPERATOR), ""))  # it did ring; only the answer was lost
    call.deliver(Task(task.id, task.kind, task.key, task.due_at, task.payload, None, tries=2, token=task.token))
    assert len(call.carrier.rung) == 1
    assert call.leg(LegRole.OPERATOR).call_sid


def test_the_try_before_is_not_taken_for_the_lost_one(call: Call) -> None:
    call.talks.connect(call.id, XIAOLI)
    call.work()
    before = call.leg(LegRole.OPERATOR)
    call.puts_down(before, "busy")
    call.talks.connect(call.id, XIAOLI)
    task = call.spoken.store.claim(Lane.TALK, call.clock.now(), LEASE, "t")
    assert task is not None
    asked: list[Collection[str]] = []

    def find_leg(leg: Leg, others: Collection[str] = ()) -> None:
        del leg
        asked.append(others)

    call.carrier.find_leg = find_leg  # type: ignore[method-assign] # the network lists calls by their number only
    call.deliver(replace(task, tries=2))
    assert asked == [{before.call_sid}]


def test_a_telephone_that_could_not_be_rung_in_time_does_not_ring_later(call: Call) -> None:
    call.carrier.leg_failures = [CarrierBusy("429"), CarrierUnknown("500")]
    call.talks.connect(call.id, XIAOLI)
    task = call.spoken.store.claim(Lane.TALK, call.clock.now(), LEASE, "t")
    assert task is not None
    for _ in range(2):
        with pytest.raises((CarrierBusy, CarrierUnknown)):
            call.deliver(task)
    call.clock.advance(seconds=21)
    call.deliver(task)
    assert call.carrier.rung == []
    assert call.now.failure is not None


def test_changed_mind_while_it_rings(call: Call) -> None:
    call.talks.connect(call.id, XIAOLI)
    call.work()
    call.talks.hang_up(call.id, XIAOLI)
    call.work()
    leg = call.leg(LegRole.OPERATOR)
    assert call.carrier.hung_up == [leg.call_sid]
    call.puts_down(leg, "canceled")
    assert call.now.phase is Phase.IDLE
    assert call.now.failure is None, "he wanted it so"
    assert call.said(Author.SYSTEM) == []


def test_changed_mind_before_it_rang(call: Call) -> None:
    call.talks.connect(call.id, XIAOLI)
    call.talks.hang_up(call.id, XIAOLI)
    call.work()
    assert call.carrier.rung == []
    assert call.now.phase is Phase.IDLE


def test_only_the_holder_moves_the_call(call: Call) -> None:
    call.connected()
    for act in (call.talks.hold, call.talks.hang_up, call.talks.resume, call.talks.complete, call.talks.come_back):
        with pytest.raises(StaleEpoch):
            act(call.id, WANGFANG)
    with pytest.raises(StaleEpoch):
        call.talks.consult(call.id, WANGFANG, str(ADMIN))


def test_a_chat_has_no_audio() -> None:
    chat = Spoken(Channel.CHAT, peer="")
    chat.handoff.take_over(chat.id, XIAOLI)
    with pytest.raises(CallImpossible, match="no_call"):
        chat.conferences.connect(chat.id, XIAOLI)


def test_in_the_browser_if_he_chose_it(call: Call) -> None:
    with call.spoken.store.write() as tx:
        tx.set_answers_in_browser(XIAOLI, in_browser=True)
    call.talks.connect(call.id, XIAOLI)
    assert call.leg(LegRole.OPERATOR).address == "client:operator_1"


def test_what_is_typed_during_the_talk_is_a_note(call: Call) -> None:
    call.connected()
    message = call.spoken.handoff.say(call.id, XIAOLI, "阀门已关", "n1")
    assert "spoken" in message.data, "the loop must not read it out when the talk is over"


# --- hold


def test_hold_and_back(call: Call) -> None:
    call.connected()
    caller = call.leg(LegRole.CALLER)
    call.talks.hold(call.id, XIAOLI)
    call.work()
    assert call.now.phase is Phase.HELD
    assert call.carrier.set_to == [(caller.id, LegMode.HOLD, "")]
    call.talks.resume(call.id, XIAOLI)
    call.work()
    assert call.now.phase is Phase.TALKING
    assert call.carrier.set_to[-1][1] is LegMode.TALK


def test_held_and_resumed_faster_than_the_worker_ends_where_it_was_wanted(call: Call) -> None:
    call.connected()
    call.talks.hold(call.id, XIAOLI)
    call.talks.resume(call.id, XIAOLI)
    call.talks.hold(call.id, XIAOLI)
    call.work()
    assert call.carrier.set_to[-1][1] is LegMode.HOLD
    assert call.leg(LegRole.CALLER).mode is LegMode.HOLD


def test_a_refused_hold_is_shown_and_not_pretended(call: Call) -> None:
    call.connected()
    call.carrier.leg_failures = [CarrierRefused("404")]
    call.talks.hold(call.id, XIAOLI)
    call.work()
    caller = call.leg(LegRole.CALLER)
    assert caller.trouble
    assert call.now.phase is Phase.TALKING
    call.talks.hold(call.id, XIAOLI)
    call.work()
    assert call.now.phase is Phase.HELD
    assert not call.leg(LegRole.CALLER).trouble


def test_an_older_report_about_hold_does_not_undo_a_newer_one(call: Call) -> None:
    call.connected()
    caller = call.leg(LegRole.CALLER)
    call.talks.told_of_participant(caller.id, Participant("unhold", caller.call_sid, "CF", 12, LegMode.TALK))
    call.talks.told_of_participant(caller.id, Participant("hold", caller.call_sid, "CF", 11, LegMode.HOLD))
    assert call.leg(LegRole.CALLER).mode is LegMode.TALK


# --- the end


def test_the_operator_hangs_up_first(call: Call) -> None:
    call.connected()
    call.carrier.fetched.clear()
    caller = call.leg(LegRole.CALLER)
    call.puts_down(call.leg(LegRole.OPERATOR))
    assert [path for _, path in call.carrier.fetched] == [f"/ivr/calls/{call.id}/hold/{caller.heard_seq}"]
    assert call.said(Author.BOT)[-1] == "phone.connect_ended"
    assert call.floor[:2] == (Floor.OPERATOR, XIAOLI), "the conversation stays with him"
    assert call.now.phase is Phase.IDLE
    call.work()
    assert len(call.carrier.fetched) == 1, "fetched twice he would be interrupted in the loop"


def test_the_caller_hangs_up_on_hold(call: Call) -> None:
    call.connected()
    call.talks.hold(call.id, XIAOLI)
    call.work()
    operator = call.leg(LegRole.OPERATOR)
    call.reports(call.leg(LegRole.CALLER), "leave", LegMode.HOLD)
    call.spoken.hotline.hang_up(call.id)
    call.talks.caller_is_gone(call.id)
    call.work()
    assert operator.call_sid in call.carrier.hung_up
    call.puts_down(operator)
    assert call.floor[0] is Floor.ENDED
    assert not [leg for leg in call.now.legs if leg.live]


def test_the_caller_hangs_up_while_the_operators_telephone_rings(call: Call) -> None:
    call.talks.connect(call.id, XIAOLI)
    call.work()
    call.spoken.hotline.hang_up(call.id)
    call.talks.caller_is_gone(call.id)
    call.work()
    assert call.carrier.hung_up == [call.leg(LegRole.OPERATOR).call_sid]


@pytest.mark.parametrize("back", [True, False])
def test_handed_back_or_ended_the_caller_is_led_into_the_loop(call: Call, back: bool) -> None:
    call.connected()
    call.carrier.fetched.clear()
    (call.spoken.handoff.hand_back if back else call.spoken.handoff.end)(call.id, XIAOLI)
    call.work()
    [(_, path)] = call.carrier.fetched
    with call.spoken.store.read() as tx:
        after = int(path.rsplit("/", 1)[1])
        unsaid = [m.data["script"] for m in tx.messages(call.id, after=after) if "spoken" not in m.data]
    assert unsaid[-1] == ("handoff.back" if back else "handoff.ended")
    assert call.leg(LegRole.OPERATOR).call_sid in call.carrier.hung_up


def test_handed_back_while_the_telephone_rings(call: Call) -> None:
    """He picks up afterwards: nobody is brought to him, and he is let go."""
    call.talks.connect(call.id, XIAOLI)
    call.work()
    call.spoken.handoff.hand_back(call.id, XIAOLI)
    call.answers(LegRole.OPERATOR)
    assert call.now.caller is None
    assert call.leg(LegRole.OPERATOR).call_sid in call.carrier.hung_up


def test_a_vanished_page_does_not_cut_off_who_is_on_the_telephone(call: Call) -> None:
    call.connected()
    call.clock.advance(seconds=95)
    release = [t.task for t in call.spoken.store.tables.tasks.values() if t.task.kind is TaskKind.RELEASE_CONVERSATION]
    call.spoken.deliveries.release_conversation(release[-1])
    assert call.floor[:2] == (Floor.OPERATOR, XIAOLI)


def test_lost_reports_are_made_up_for_by_asking(call: Call) -> None:
    call.connected()
    call.carrier.fetched.clear()
    operator = call.leg(LegRole.OPERATOR)
    call.carrier.statuses = {operator.call_sid: "completed", call.leg(LegRole.CALLER).call_sid: "in-progress"}
    call.clock.advance(seconds=31)
    call.work()
    assert not call.leg(LegRole.OPERATOR).live
    assert "/hold/" in call.carrier.fetched[-1][1]


def test_a_lost_report_of_the_answer_is_made_up_for(call: Call) -> None:
    call.talks.connect(call.id, XIAOLI)
    call.work()
    operator = call.leg(LegRole.OPERATOR)
    call.carrier.statuses = {operator.call_sid: "in-progress", "CA1": "in-progress"}
    call.clock.advance(seconds=11)
    call.work()
    caller = call.leg(LegRole.CALLER)
    assert [path for _, path in call.carrier.fetched] == [f"/ivr/calls/{call.id}/conference/{caller.id}"]
    call.carrier.rung.append((caller, ""))  # the carrier has him in the conference; nobody told us
    call.clock.advance(seconds=11)
    call.work()
    assert call.now.phase is Phase.TALKING
    assert len(call.carrier.fetched) == 1, "sent for again, he would end the conference"
    call.talks.hold(call.id, XIAOLI)
    call.work()
    assert call.carrier.set_to[-1][:2] == (caller.id, LegMode.HOLD)


def test_a_leg_that_nobody_rang_is_given_up(call: Call) -> None:
    """The worker died with the task, or the carrier refuses to answer at all."""
    call.talks.connect(call.id, XIAOLI)
    ring = call.spoken.store.claim(Lane.TALK, call.clock.now(), timedelta(minutes=5), "died")
    assert ring is not None
    call.clock.advance(seconds=11)
    call.work()
    assert call.now.phase is Phase.RINGING, "it may still ring"
    call.clock.advance(seconds=20)
    call.work()
    assert call.now.failure is not None
    assert call.said(Author.BOT)[-1] == "phone.connect_failed"


def test_either_report_of_the_answer_is_enough(call: Call) -> None:
    with call.spoken.store.write() as tx:  # a browser's: a telephone's answer says nothing
        tx.set_answers_in_browser(XIAOLI, in_browser=True)
    call.talks.connect(call.id, XIAOLI)
    call.work()
    operator = call.leg(LegRole.OPERATOR)
    call.talks.told_of_call(operator.id, status="in-progress", call_sid=operator.call_sid)
    assert call.now.phase is Phase.CONNECTING
    call.reports(operator, "join")
    with call.spoken.store.read() as tx:
        assert sum(leg.role is LegRole.CALLER for leg in tx.legs(call.id)) == 1


def test_a_conference_that_is_over_is_over_for_everybody(call: Call) -> None:
    call.connected()
    call.talks.conference_is_over(call.id, call.leg(LegRole.CALLER).conference_sid)
    call.work()
    assert not [leg for leg in call.now.legs if leg.live]


def test_connected_again_it_is_another_conference(call: Call) -> None:
    call.connected()
    first = call.leg(LegRole.OPERATOR).conference
    call.puts_down(call.leg(LegRole.OPERATOR))
    call.connected()
    assert call.leg(LegRole.OPERATOR).conference != first
    assert len(call.carrier.rung) == 2


# --- asking a colleague


def consulting(call: Call) -> Call:
    call.connected()
    call.talks.consult(call.id, XIAOLI, str(WANGFANG))
    assert call.now.phase is Phase.CALLING_OTHER
    assert call.now.caller_waits
    call.answers(LegRole.CONSULTED)
    assert call.now.phase is Phase.CONSULTING
    assert call.floor[:2] == (Floor.OPERATOR, XIAOLI)
    return call


def test_a_warm_transfer_moves_caller_and_floor_together(call: Call) -> None:
    consulting(call)
    epoch = call.floor[2]
    first = call.leg(LegRole.OPERATOR)
    call.talks.complete(call.id, XIAOLI)
    assert call.floor == (Floor.OPERATOR, WANGFANG, epoch + 1)
    with pytest.raises(StaleEpoch):
        call.talks.complete(call.id, XIAOLI)
    call.work()
    assert call.leg(LegRole.CALLER).mode is LegMode.TALK
    assert first.call_sid in call.carrier.hung_up
    call.puts_down(first)
    assert call.now.phase is Phase.TALKING
    assert call.said(Author.SYSTEM) == ["handoff.transferred"]
    call.talks.hold(call.id, WANGFANG)
    assert call.now.phase is Phase.HELD


def test_the_colleague_does_not_answer_and_the_caller_is_back(call: Call) -> None:
    call.connected()
    call.talks.consult(call.id, XIAOLI, str(WANGFANG))
    call.work()
    call.puts_down(call.leg(LegRole.CONSULTED), "no-answer")
    assert call.now.phase is Phase.TALKING
    assert call.carrier.set_to[-1][1] is LegMode.TALK
    assert call.now.failure is not None
    assert call.now.failure.name == "王芳"


def test_he_comes_back_from_the_colleague(call: Call) -> None:
    consulting(call)
    call.talks.come_back(call.id, XIAOLI)
    call.work()
    consulted = next(leg for leg in call.now.legs if leg.role is LegRole.CONSULTED)
    assert consulted.call_sid in call.carrier.hung_up
    assert call.now.phase is Phase.TALKING
    assert call.floor[1] == XIAOLI


def test_all_three_talk(call: Call) -> None:
    consulting(call)
    call.talks.resume(call.id, XIAOLI)
    call.work()
    assert call.now.phase is Phase.TOGETHER


def test_hanging_up_on_a_colleague_hands_the_caller_over(call: Call) -> None:
    consulting(call)
    call.puts_down(call.leg(LegRole.OPERATOR))
    assert call.floor[:2] == (Floor.OPERATOR, WANGFANG)
    assert call.now.phase is Phase.TALKING


def test_hanging_up_while_the_colleagues_telephone_rings(call: Call) -> None:
    call.connected()
    call.talks.consult(call.id, XIAOLI, str(WANGFANG))
    call.work()
    call.puts_down(call.leg(LegRole.OPERATOR))
    assert call.now.caller_waits, "music, not silence"
    assert call.floor[1] == XIAOLI
    call.answers(LegRole.TRANSFER)
    assert call.floor[1] == WANGFANG
    assert call.now.phase is Phase.TALKING


def test_a_second_consultation_is_refused_while_one_runs(call: Call) -> None:
    consulting(call)
    with pytest.raises(CallImpossible, match="already_calling"):
        call.talks.transfer(call.id, XIAOLI, "butler")


@pytest.mark.parametrize(
    ("to", "reason"),
    [
        ("1", "not_a_colleague"),
        ("2", "line_busy"),
        ("+8641188880000", "bad_number"),
        ("abc", "bad_number"),
        ("", "bad_number"),
    ],
)
def test_who_cannot_be_asked(call: Call, to: str, reason: str) -> None:
    call.connected()
    call.talks.supervise(call.id, SUPERVISOR, LegMode.LISTEN)
    with pytest.raises(CallImpossible, match=reason):
        call.talks.consult(call.id, XIAOLI, to)


# --- giving away


def test_a_cold_transfer_to_a_colleague(call: Call) -> None:
    call.connected()
    call.talks.transfer(call.id, XIAOLI, str(WANGFANG))
    call.work()
    first = next(leg for leg in call.now.legs if leg.role is LegRole.OPERATOR)
    assert first.call_sid in call.carrier.hung_up
    call.puts_down(first)
    assert call.now.caller_waits
    assert call.floor[1] == XIAOLI, "until a colleague has answered it is his"
    call.answers(LegRole.TRANSFER)
    assert call.floor[1] == WANGFANG
    assert call.leg(LegRole.CALLER).mode is LegMode.TALK
    assert call.now.phase is Phase.TALKING


def test_a_cold_transfer_that_nobody_answers_brings_the_caller_back(call: Call) -> None:
    call.connected()
    call.talks.transfer(call.id, XIAOLI, str(WANGFANG))
    call.work()
    call.puts_down(next(leg for leg in call.now.legs if leg.role is LegRole.OPERATOR))
    call.carrier.fetched.clear()
    call.puts_down(call.leg(LegRole.TRANSFER), "no-answer")
    assert "/hold/" in call.carrier.fetched[-1][1]
    assert call.said(Author.BOT)[-1] == "phone.connect_failed"
    assert call.floor[:2] == (Floor.OPERATOR, XIAOLI)


def test_to_a_number_the_floor_stays(call: Call) -> None:
    call.connected()
    call.talks.transfer(call.id, XIAOLI, "0411 8888 1234")
    call.work()
    call.puts_down(next(leg for leg in call.now.legs if leg.role is LegRole.OPERATOR))
    call.answers(LegRole.OUTSIDE)
    assert call.now.phase is Phase.GIVEN_AWAY
    assert call.floor[1] == XIAOLI, "first-contact responsibility: W6e"
    call.carrier.fetched.clear()
    call.puts_down(call.leg(LegRole.OUTSIDE))
    assert "/hold/" in call.carrier.fetched[-1][1]


def test_to_the_butler_out_of_the_loop(call: Call) -> None:
    """Given away by an operator who types: the caller is in no conference yet."""
    call.talks.transfer(call.id, XIAOLI, "butler")
    call.work()
    assert call.carrier.rung[0][0].name == "王管家"
    call.answers(LegRole.OUTSIDE)
    assert call.now.phase is Phase.GIVEN_AWAY
    assert call.leg(LegRole.CALLER).joined


def test_a_butler_nobody_knows() -> None:
    call = Call(Spoken(Channel.PHONE, peer="+8613999999999"))
    with pytest.raises(CallImpossible, match="no_butler"):
        call.talks.transfer(call.id, XIAOLI, "butler")


# --- a supervisor


def test_a_supervisor_listens_whispers_and_joins(call: Call) -> None:
    call.connected()
    holder = call.leg(LegRole.OPERATOR)
    call.talks.supervise(call.id, SUPERVISOR, LegMode.LISTEN)
    call.answers(LegRole.SUPERVISOR, LegMode.LISTEN)
    assert call.now.phase is Phase.TALKING
    mine = call.leg(LegRole.SUPERVISOR)
    for mode, coached in ((LegMode.WHISPER, holder.call_sid), (LegMode.TALK, holder.call_sid)):
        call.talks.supervise(call.id, SUPERVISOR, mode)
        call.work()
        assert call.carrier.set_to[-1] == (mine.id, mode, coached)
    call.talks.supervise(call.id, SUPERVISOR, LegMode.OUT)
    call.work()
    assert mine.call_sid in call.carrier.hung_up


def test_a_whisper_follows_the_floor(call: Call) -> None:
    consulting(call)
    call.talks.supervise(call.id, SUPERVISOR, LegMode.WHISPER)
    call.answers(LegRole.SUPERVISOR, LegMode.WHISPER)
    colleague = call.leg(LegRole.CONSULTED)
    call.talks.complete(call.id, XIAOLI)
    call.work()
    assert (call.leg(LegRole.SUPERVISOR).id, LegMode.WHISPER, colleague.call_sid) in call.carrier.set_to


def test_a_listener_does_not_keep_the_caller(call: Call) -> None:
    call.connected()
    call.talks.supervise(call.id, SUPERVISOR, LegMode.LISTEN)
    call.answers(LegRole.SUPERVISOR, LegMode.LISTEN)
    call.puts_down(call.leg(LegRole.OPERATOR))
    assert call.now.phase is Phase.IDLE
    assert call.leg(LegRole.SUPERVISOR).call_sid in call.carrier.hung_up


def test_nobody_to_supervise(call: Call) -> None:
    with pytest.raises(CallImpossible, match="nobody_talks"):
        call.talks.supervise(call.id, SUPERVISOR, LegMode.LISTEN)


# --- doubled and reordered reports


@pytest.mark.parametrize("seed", range(12))
def test_reports_doubled_and_in_any_order_end_the_same(seed: int) -> None:
    """A whole call's reports about the operator's leg: whatever arrives when, the caller is not lost."""
    call = Call()
    call.talks.connect(call.id, XIAOLI)
    call.work()
    leg = call.leg(LegRole.OPERATOR)
    conference = "CF" + leg.conference
    reports: list[Callable[[], None]] = [
        *(
            lambda status=status: call.talks.told_of_call(leg.id, status=status, call_sid=leg.call_sid)
            for status in ("initiated", "ringing", "in-progress", "completed")
        ),
        *(
            lambda n=n, event=event: call.talks.told_of_participant(
                leg.id, Participant(event, leg.call_sid, conference, n, LegMode.TALK)
            )
            for n, event in enumerate(("join", "mute", "unmute", "leave"))
        ),
    ]
    doubled = reports * 2
    random.Random(seed).shuffle(doubled)
    for report in doubled:
        report()
        call.work()
    caller = call.now.caller
    if caller is not None and caller.live:  # sent for, and not told to turn round: he must have been led back
        pytest.fail(f"the caller is left in {caller}")
    assert call.leg(LegRole.OPERATOR).state is LegState.ENDED
    assert call.floor[:2] == (Floor.OPERATOR, XIAOLI)
    fetched = [path for _, path in call.carrier.fetched]
    assert not fetched or "/hold/" in fetched[-1]
