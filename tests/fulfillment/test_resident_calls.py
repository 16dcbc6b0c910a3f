"""When a resident is rung up, how often, and what becomes of it; time moved by hand, the carrier a fake."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from dialogue.conversation import Channel, Conversation, Floor
from fulfillment.calling import ResidentCalls, ResidentRinging, identified, settle
from fulfillment.desk import Desk
from fulfillment.dissatisfied import WordOfDissatisfaction
from fulfillment.open_ticket import Learned, TicketRequest, open_ticket
from fulfillment.outbox import Lane, TaskKind
from fulfillment.resident_calls import CallResult, CallState, Purpose, ResidentCall, ResidentTry, TryOutcome
from fulfillment.ticket import Address, ClockState, Ticket, TicketState
from fulfillment.waiting import WaitState
from fulfillment.worker import Worker
from kernel.clock import local
from kernel.errors import BadInput, CarrierBusy, CarrierRefused, CarrierUnknown, Conflict
from tests.fake_robots import FakeRobots
from tests.fakes import FakeCarrier, FakeStore, FixedClock, Happened, small_company
from tests.fulfillment.drill import not_here, standard

HOME = Address(1, "3", "2", "501")  # 陈静, +8613800000001


class Killed(BaseException):
    """The process is gone: nothing in it catches this."""


@dataclass
class Callers:
    """A repaired home and the worker that rings it."""

    store: FakeStore = field(default_factory=lambda: small_company(FakeStore()))
    clock: FixedClock = field(default_factory=FixedClock)  # 10:00, a Sunday in the season

    def __post_init__(self) -> None:
        self.carrier = FakeCarrier(self.store)
        self.desk = Desk(self.store, standard(), self.clock)
        self.events = ResidentCalls(self.store, standard(), self.clock)
        ringing = ResidentRinging(self.store, self.carrier, standard(), self.clock)
        self.robots = FakeRobots(self.store)
        texts = {
            "text": lambda w: f"{w.ticket.number} {w.title}",
            "robot": lambda w: f"{w.staff.name} {w.ticket.number}",
        }
        word = WordOfDissatisfaction(self.store, self.carrier, self.robots, standard(), self.clock, texts)
        deliverers = dict.fromkeys(TaskKind, not_here) | {
            TaskKind.CALL_RESIDENT: ringing.plan,
            TaskKind.RING_RESIDENT: ringing.dial,
            TaskKind.WATCH_RESIDENT_CALL: ringing.watch,
            TaskKind.TELL_BY_TEXT: word.deliver,
            TaskKind.TELL_BY_ROBOT: word.deliver,
            TaskKind.WARN_CLOCK: lambda _: None,
            TaskKind.BREACH_CLOCK: lambda _: None,
        }
        self.worker = Worker(self.store, deliverers, self.clock, name="w1")

    def open(self, **known: object) -> Ticket:
        known = {"address": HOME, "household_id": 1, **known}
        request = TicketRequest("cold_room", "卧室不热", None, Learned(**known))  # type: ignore[arg-type]  # a test's shorthand
        with self.store.write() as tx:
            return open_ticket(tx, request, standard=standard(), now=self.clock.now())[0]

    def repaired(self, **known: object) -> Ticket:
        ticket = self.open(**known)
        return self.desk.change_state(ticket.id, TicketState.RESOLVED, by="王管家")

    def run(self) -> None:
        for lane in (*Lane, *Lane):  # what one lane promises to another is due at once
            for _ in range(50):
                if not self.worker.deliver_one(lane):
                    break
            else:
                pytest.fail("fifty tasks at one instant")

    def wait(self, **units: float) -> None:
        end = self.clock.now() + timedelta(**units)
        while (due := min((d for lane in Lane if (d := self.store.next_due(lane))), default=None)) and due <= end:
            self.clock.set(max(due, self.clock.now()))
            self.run()
        self.clock.set(end)

    def nobody_answers(self) -> None:
        self.events.call_event(self.tries[-1].id, status="no-answer", sid=self.carrier.calls[-1].sid)

    @property
    def tries(self) -> list[ResidentTry]:
        return sorted(self.store.tables.of_calls.tries.values(), key=lambda t: (t.call_id, t.n))

    @property
    def call(self) -> ResidentCall:
        return max(self.store.tables.of_calls.calls.values(), key=lambda c: c.id)

    @property
    def rung_at(self) -> list[str]:
        return [f"{local(t.started_at):%d %H:%M}" for t in self.tries]

    def ticket(self, ticket: Ticket) -> Ticket:
        return self.store.tables.tickets[ticket.id]

    def story(self, ticket: Ticket) -> list[str]:
        return [e.key for e in self.store.tables.timeline if e.ticket_id == ticket.id]

    def settle(self, result: CallResult, words: str = "") -> None:
        with self.store.write() as tx:
            identified(tx, self.call.id)
            settle(tx, self.call.id, result, words, standard=standard(), now=self.clock.now())

    def callback_clock(self, ticket: Ticket) -> ClockState:
        clocks = [c for c in self.store.tables.clocks.values() if c.ticket_id == ticket.id]
        return next(c.state for c in reversed(clocks) if c.rule == "callback_after_repair")


@pytest.fixture
def callers() -> Callers:
    return Callers()


def test_after_a_repair_the_home_is_rung_within_the_hours(callers: Callers) -> None:
    """Repaired at 10:00; two hours later is noon, so it is rung after the siesta (N7)."""
    callers.repaired()
    callers.wait(hours=3, minutes=59)
    assert callers.carrier.calls == []
    callers.wait(minutes=1)
    assert [c.to for c in callers.carrier.calls] == ["+8613800000001"]
    assert callers.carrier.calls[0].attempt_id == callers.tries[0].id
    assert callers.tries[0].outcome is TryOutcome.PLACED


def test_three_tries_at_different_parts_of_the_day_then_a_note(callers: Callers) -> None:
    ticket = callers.repaired()
    for _ in range(40):
        callers.wait(hours=1)
        if callers.tries and callers.tries[-1].finished_at is None:
            callers.nobody_answers()
    assert callers.rung_at == ["22 14:00", "22 19:00", "23 08:00"]
    assert callers.call.state is CallState.GIVEN_UP
    assert callers.story(ticket)[-1] == "resident_call_given_up"
    assert callers.callback_clock(ticket) is ClockState.RUNNING, "a person still sees that it is owed (B7)"
    assert max(t.started_at for t in callers.tries) < ticket.opened_at + timedelta(hours=48)


def test_satisfied_closes_the_case(callers: Callers) -> None:
    ticket = callers.repaired()
    callers.wait(hours=5)
    callers.settle(CallResult.SATISFIED)
    assert callers.ticket(ticket).state is TicketState.CLOSED
    assert callers.callback_clock(ticket) is ClockState.KEPT
    assert (callers.call.state, callers.call.result) == (CallState.DONE, CallResult.SATISFIED)
    callers.events.call_event(callers.tries[-1].id, status="completed", sid="")
    callers.wait(days=3)
    assert len(callers.carrier.calls) == 1


def test_dissatisfied_reopens_it_for_whoever_had_it(callers: Callers) -> None:
    ticket = callers.open()
    callers.desk.acknowledge(ticket.id, by="李管家", staff_id=2)
    callers.desk.change_state(ticket.id, TicketState.RESOLVED, by="李管家")
    callers.wait(hours=5)
    callers.settle(CallResult.DISSATISFIED, "还是不热")
    again = callers.ticket(ticket)
    assert (again.state, again.assignee_id) == (TicketState.ACKNOWLEDGED, 2)
    assert callers.callback_clock(ticket) is ClockState.KEPT
    running = {c.rule for c in callers.store.tables.clocks.values() if c.state is ClockState.RUNNING}
    assert "repair_done" in running
    assert {"resident_dissatisfied", "state_changed"} <= set(callers.story(ticket))
    callers.run()
    assert [t.to for t in callers.carrier.texts] == ["+8613900000002", "+8613900000006"], (
        "who had it, and the supervisor"
    )
    assert callers.story(ticket).count("text_sent") == 2
    callers.settle(CallResult.SATISFIED)  # a repeated turn changes nothing
    assert callers.ticket(ticket).state is TicketState.ACKNOWLEDGED


def test_who_has_a_chat_robot_reads_it_there_too(callers: Callers) -> None:
    with callers.store.write() as tx:
        tx.upsert_staff(replace(tx.staff(6), robot="wecombot://x"))
    callers.repaired()
    callers.wait(hours=5)
    callers.settle(CallResult.DISSATISFIED)
    callers.carrier.text_failures = [CarrierBusy("429", 1.0), CarrierRefused("no such number")]
    callers.wait(minutes=1)
    assert [body.split()[0] for _, body in callers.robots.sent] == ["钱主管"]
    assert len(callers.carrier.texts) == 1, "one was busy and came later, one was refused"


def test_repaired_once_more_it_is_rung_once_more(callers: Callers) -> None:
    ticket = callers.repaired()
    callers.wait(hours=5)
    callers.settle(CallResult.DISSATISFIED)
    callers.events.call_event(callers.tries[-1].id, status="completed", sid="")
    callers.desk.change_state(ticket.id, TicketState.RESOLVED, by="王管家")
    callers.wait(hours=3)
    assert [(t.call_id, t.n) for t in callers.tries] == [(1, 1), (2, 1)]


def test_reopened_before_the_call_nobody_is_asked(callers: Callers) -> None:
    ticket = callers.repaired()
    callers.desk.change_state(ticket.id, TicketState.ACKNOWLEDGED, by="小李")
    callers.wait(hours=24)
    assert callers.carrier.calls == []
    assert callers.call.state is CallState.STOPPED


def test_not_now_is_tried_in_another_part_of_the_day(callers: Callers) -> None:
    callers.repaired()
    callers.wait(hours=4)
    callers.settle(CallResult.NOT_NOW)
    callers.events.call_event(callers.tries[0].id, status="completed", sid="")
    assert callers.tries[0].outcome is TryOutcome.NOT_NOW
    callers.wait(hours=6)
    assert callers.rung_at == ["22 14:00", "22 19:00"]


def test_a_wrong_number_is_not_rung_again(callers: Callers) -> None:
    ticket = callers.repaired()
    callers.wait(hours=4)
    callers.settle(CallResult.WRONG_PERSON)
    callers.wait(days=2)
    assert len(callers.carrier.calls) == 1
    assert callers.call.state is CallState.GIVEN_UP
    assert "resident_call_wrong_person" in callers.story(ticket)
    assert callers.ticket(ticket).state is TicketState.RESOLVED


def test_hung_up_in_the_middle_is_tried_again(callers: Callers) -> None:
    callers.repaired()
    callers.wait(hours=4)
    with callers.store.write() as tx:
        identified(tx, callers.call.id)
    callers.events.call_event(callers.tries[0].id, status="completed", sid="")
    assert callers.tries[0].outcome is TryOutcome.UNFINISHED
    assert callers.call.state is CallState.PLANNED


def test_a_voicemail_has_not_said_who_it_is(callers: Callers) -> None:
    callers.repaired()
    callers.wait(hours=4)
    for status in ("completed", "in-progress", "completed", "ringing"):  # doubled and out of order
        callers.events.call_event(callers.tries[0].id, status=status, sid="CA1")
    assert callers.tries[0].outcome is TryOutcome.NO_ANSWER
    assert [t.n for t in callers.tries] == [1]


def test_a_person_wants_it_now(callers: Callers) -> None:
    ticket = callers.repaired()
    callers.desk.call_resident(ticket.id, Purpose.SATISFACTION, by="小李")
    callers.run()
    assert callers.rung_at == ["22 10:00"]


def test_pressed_twice_it_is_one_call(callers: Callers) -> None:
    ticket = callers.repaired()
    for _ in range(2):
        callers.desk.call_resident(ticket.id, Purpose.SATISFACTION, by="小李")
        callers.run()
    assert len(callers.carrier.calls) == 1


def test_pressed_at_noon_it_waits_for_the_afternoon(callers: Callers) -> None:
    ticket = callers.repaired()
    callers.wait(hours=2, minutes=30)
    call = callers.desk.call_resident(ticket.id, Purpose.SATISFACTION, by="小李")
    assert local(call.next_at).hour == 14
    callers.wait(hours=1)
    assert callers.carrier.calls == []


def test_late_worker_does_not_ring_at_night(callers: Callers) -> None:
    """It was due at 14:00, but no worker ran before 23:00."""
    ticket = callers.repaired()
    callers.clock.advance(hours=13)
    callers.run()
    assert callers.carrier.calls == []
    assert "resident_call_postponed" in callers.story(ticket)
    callers.wait(hours=9)
    assert callers.rung_at == ["23 08:00"]


def test_emergencies_held_the_line_until_the_hours_were_over(callers: Callers) -> None:
    """Promised at 11:29 and at its turn at 11:31: it is siesta by then (N7)."""
    ticket = callers.repaired()
    callers.clock.advance(minutes=89)
    callers.desk.call_resident(ticket.id, Purpose.SATISFACTION, by="小李")
    while not callers.tries:
        assert callers.worker.deliver_one(Lane.ORDINARY)
    callers.clock.advance(minutes=2)
    callers.run()
    assert callers.carrier.calls == []
    assert callers.tries[0].outcome is TryOutcome.FAILED
    callers.wait(hours=4)
    assert callers.rung_at[1:] == ["22 14:00"]


def test_closed_between_the_promise_and_the_ringing(callers: Callers) -> None:
    ticket = callers.repaired()
    callers.desk.call_resident(ticket.id, Purpose.SATISFACTION, by="小李")
    while not callers.tries:
        assert callers.worker.deliver_one(Lane.ORDINARY)
    callers.desk.change_state(ticket.id, TicketState.CLOSED, by="小李")
    callers.run()
    assert callers.carrier.calls == []


def test_who_asked_to_be_rung_back_is_rung_at_noon_too(callers: Callers) -> None:
    """W6g: his own wish goes before the company's hours for unasked calls, not before N7's night."""
    ticket = callers.open()
    callers.wait(hours=2, minutes=30)
    callers.desk.call_resident(ticket.id, Purpose.CALLBACK, by="小李", operator_id=1)
    callers.run()
    assert callers.rung_at == ["22 12:30"]
    callers.nobody_answers()
    assert callers.call.state is CallState.GIVEN_UP, "the operator presses again when he is ready again"
    callers.desk.call_resident(ticket.id, Purpose.CALLBACK, by="小李", operator_id=1)
    callers.run()
    assert callers.rung_at == ["22 12:30", "22 12:30"]


def test_rung_back_in_vain_he_is_in_line_again(callers: Callers) -> None:
    ticket = callers.open()
    with callers.store.write() as tx:
        tx.add_conversation(
            Conversation("c1", Channel.PHONE, "CA9", "", Floor.QUEUE, callers.clock.now(), callers.clock.now())
        )
        wait = tx.keep_place("c1", ticket_id=ticket.id, phone="+8613800000001", at=callers.clock.now())
        tx.end_wait(wait.id, state=WaitState.TAKEN, at=callers.clock.now(), operator_id=1)
    callers.desk.call_resident(ticket.id, Purpose.CALLBACK, by="小李", operator_id=1)
    callers.run()
    callers.nobody_answers()
    with callers.store.read() as tx:
        assert [(one.wait.id, one.wait.state) for one in tx.waiting_line()] == [(wait.id, WaitState.WAITING)]


def test_what_is_not_owed_cannot_be_ordered(callers: Callers) -> None:
    ticket = callers.open()
    with pytest.raises(Conflict):
        callers.desk.call_resident(ticket.id, Purpose.SATISFACTION, by="小李")
    nowhere = callers.open(address=Address(text="东风路"), household_id=None)
    with pytest.raises(BadInput):
        callers.desk.call_resident(nowhere.id, Purpose.APPOINTMENT, by="小李")


def test_stopped_with_a_reason(callers: Callers) -> None:
    ticket = callers.repaired()
    with pytest.raises(BadInput):
        callers.desk.stop_calls(ticket.id, "  ", by="小李")
    callers.desk.stop_calls(ticket.id, "住户当面说好了", by="小李")
    callers.wait(days=2)
    assert callers.carrier.calls == []
    assert (callers.call.state, callers.call.reason) == (CallState.STOPPED, "住户当面说好了")
    assert callers.callback_clock(ticket) is ClockState.VOID


def test_visit_confirmed_and_another_time(callers: Callers) -> None:
    ticket = callers.open()
    callers.desk.call_resident(ticket.id, Purpose.APPOINTMENT, by="小李", visit="明天下午三点")
    callers.run()
    callers.settle(CallResult.CONFIRMED)
    assert callers.ticket(ticket).details["appointment"] == "明天下午三点"
    callers.events.call_event(callers.tries[-1].id, status="completed", sid="")
    callers.desk.call_resident(ticket.id, Purpose.APPOINTMENT, by="小李", visit="明天下午三点")
    callers.run()
    callers.settle(CallResult.ANOTHER_TIME, "周六上午")
    assert callers.ticket(ticket).details["visit_time"] == "周六上午"
    contact = [c for c in callers.store.tables.clocks.values() if c.rule == "repair_contact"]
    assert [c.state for c in contact] == [ClockState.KEPT]


# --- the carrier fails -----------------------------------------------------------------------------------------------


def test_a_crash_after_the_call_was_placed_rings_nobody_twice(callers: Callers) -> None:
    callers.repaired()
    callers.carrier.call_failures = [Happened(Killed())]  # type: ignore[arg-type]  # a kill is no Exception
    with pytest.raises(Killed):
        callers.wait(hours=4)
    callers.store.release_leases("w1")
    callers.wait(minutes=5)
    assert len(callers.carrier.calls) == 1
    assert callers.tries[0].provider_sid == callers.carrier.calls[0].sid


def test_an_unknown_result_is_looked_up_and_not_repeated(callers: Callers) -> None:
    callers.repaired()
    callers.carrier.call_failures = [Happened(CarrierUnknown("500"))]
    callers.wait(hours=4)
    assert callers.tries[0].outcome is TryOutcome.UNKNOWN
    callers.wait(minutes=2)
    assert len(callers.carrier.calls) == 1
    assert callers.tries[0].provider_sid == callers.carrier.calls[0].sid
    callers.carrier.statuses[callers.carrier.calls[0].sid] = "no-answer"
    callers.wait(minutes=2)
    assert callers.tries[0].outcome is TryOutcome.NO_ANSWER


def test_a_call_that_never_was_ends_its_try(callers: Callers) -> None:
    callers.repaired()
    callers.carrier.call_failures = [CarrierUnknown("time-out")]
    callers.wait(hours=4, minutes=5)
    assert callers.tries[0].outcome is TryOutcome.UNKNOWN
    assert callers.tries[0].finished_at is not None
    callers.wait(hours=6)
    assert callers.rung_at == ["22 14:00", "22 19:00"]


def test_a_busy_carrier_costs_no_try(callers: Callers) -> None:
    callers.repaired()
    callers.carrier.call_failures = [CarrierBusy("429", 2.0), CarrierBusy("429", 2.0)]
    callers.wait(hours=4, minutes=1)
    assert len(callers.carrier.calls) == 1
    assert [t.n for t in callers.tries] == [1]


def test_a_refused_number_is_a_try(callers: Callers) -> None:
    callers.repaired()
    callers.carrier.call_failures = [CarrierRefused("no such number", 21211)]
    callers.wait(hours=4)
    assert callers.tries[0].outcome is TryOutcome.FAILED
    assert callers.call.state is CallState.PLANNED


def test_two_matters_of_one_home_are_not_rung_beside_each_other(callers: Callers) -> None:
    callers.repaired()
    other = callers.open()
    with callers.store.write() as tx:
        tx.save_ticket(replace(tx.ticket(other.id), kind="valve_damaged"))
    callers.desk.change_state(other.id, TicketState.RESOLVED, by="王管家")
    callers.wait(hours=4)
    assert len(callers.carrier.calls) == 1
    callers.nobody_answers()
    callers.wait(minutes=11)
    assert len(callers.carrier.calls) == 2


@pytest.mark.parametrize(
    ("now", "expected"),
    [("06:59", "08:00"), ("08:00", "08:00"), ("11:30", "14:00"), ("17:45", "19:00"), ("22:00", "08:00")],
)
def test_the_hours(now: str, expected: str) -> None:
    at = datetime.fromisoformat(f"2026-11-23T{now}+08:00")
    outgoing = standard().outgoing
    found = outgoing.next_try_at(Purpose.SATISFACTION, standard().calendar, not_before=at)
    assert f"{local(found):%H:%M}" == expected
    assert outgoing.may_ring(Purpose.SATISFACTION, standard().calendar, at) == (now == expected)
