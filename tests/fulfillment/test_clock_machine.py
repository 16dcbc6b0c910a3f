"""Whatever happens to tickets, calendar and worker, in any order: each promise has one clock, due when today's calendar says, told of in time and never after its end."""

from collections.abc import Callable
from contextlib import suppress
from copy import copy
from dataclasses import replace
from datetime import date, datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fulfillment.case import Case
from fulfillment.clock_watch import ClockWatch
from fulfillment.clocks import ClockEvent, ClockRule
from fulfillment.desk import Desk
from fulfillment.open_ticket import Learned, TicketRequest, open_ticket
from fulfillment.outbox import Lane, Task, TaskKind
from fulfillment.replanning import Replanning
from fulfillment.standard import Standard
from fulfillment.ticket import ClockState, Ticket, TicketClock, TicketState
from fulfillment.worker import LEASE, Worker
from tests.fakes import FakeStore, FixedClock, small_company
from tests.fulfillment.drill import GARDEN, standard

KINDS = ("leak_inside", "leak_street", "valve_damaged", "complaint", "cold_room", "outage", "resume", "question")
EVENTS = (ClockEvent.CONTACTED, ClockEvent.ARRIVED, ClockEvent.ANSWERED, ClockEvent.SURVEYED, ClockEvent.CALLBACK_DONE)
TOLD = ("clock_warning", "clock_breached")
A_WEEK = [date(2026, 11, 22) + timedelta(days=n) for n in range(9)]


class Killed(BaseException):
    """kill -9 of the worker: nothing of it runs on."""


class Clocks(RuleBasedStateMachine):
    """One company, a worker that is killed and runs tasks twice, a calendar that somebody edits."""

    @initialize()
    def start(self) -> None:
        self.store, self.clock = small_company(FakeStore()), FixedClock()
        self.tickets: list[Ticket] = []
        self.told_too_late: list[str] = []
        self._read_tables(standard())

    def _read_tables(self, tables: Standard) -> None:
        """A worker starts: it reads the tables and re-plans what the calendar has moved. Never twice in one instant."""
        self.clock.advance(seconds=1)
        self.tables = tables
        self.desk = Desk(self.store, tables, self.clock)
        watch = ClockWatch(self.store, tables, self.clock)
        replanning = Replanning(self.store, tables, self.clock)
        self.deliverers = dict.fromkeys(map(str, TaskKind), self._elsewhere) | {
            TaskKind.WARN_CLOCK: lambda task: self._watched(watch.warn, task),
            TaskKind.BREACH_CLOCK: lambda task: self._watched(watch.breach, task),
            TaskKind.REPLAN_CLOCKS: replanning.deliver,
        }
        self.worker = Worker(self.store, self.deliverers, self.clock, name="w1")
        replanning.promise()
        self._work()

    def _elsewhere(self, task: Task) -> None:
        """Rings, texts, calls to residents: other machines look at them."""

    def _watched(self, deliver: Callable[[Task], None], task: Task) -> None:
        before = self.store.tables.clocks[task.payload["clock_id"]]
        told = self._told(before.ticket_id)
        try:
            deliver(task)
        finally:
            over = before.state is not ClockState.RUNNING or before.rev != task.payload["rev"]
            if over and self._told(before.ticket_id) > told:
                self.told_too_late.append(task.key)

    def _told(self, ticket_id: int) -> int:
        return sum(e.ticket_id == ticket_id and e.key in TOLD for e in self.store.tables.timeline)

    def _work(self) -> None:
        while self.worker.deliver_one(Lane.ORDINARY):
            pass

    # --- what happens to tickets

    @rule(kind=st.sampled_from(KINDS))
    def somebody_reports(self, kind: str) -> None:
        known = Learned(address=replace(GARDEN, room=str(len(self.tickets))))
        with self.store.write() as tx:
            request = TicketRequest(kind, "师傅来看看", None, known)
            self.tickets.append(open_ticket(tx, request, standard=self.tables, now=self.clock.now())[0])

    @precondition(lambda self: self.tickets)
    @rule(data=st.data(), event=st.sampled_from(EVENTS))
    def something_is_done(self, data: st.DataObject, event: ClockEvent) -> None:
        ticket = self._one_of(data)
        if ticket.is_open or event is ClockEvent.CALLBACK_DONE:
            self._change(ticket, lambda case: case.happened(event))

    @precondition(lambda self: self.tickets)
    @rule(data=st.data(), to=st.sampled_from([TicketState.RESOLVED, TicketState.CANCELLED, TicketState.ACKNOWLEDGED]))
    def its_state_changes(self, data: st.DataObject, to: TicketState) -> None:
        """Solved, cancelled, accepted, reopened: as far as it may be."""
        ticket = self._one_of(data)
        if ticket.state is TicketState.NEW and to is TicketState.ACKNOWLEDGED:
            self.desk.acknowledge(ticket.id, by="小李")
        elif ticket.is_open or (to is TicketState.ACKNOWLEDGED and ticket.state is TicketState.RESOLVED):
            self.desk.change_state(ticket.id, to, by="小李", reason="电话里说的")

    @precondition(lambda self: self.tickets)
    @rule(data=st.data(), severity=st.sampled_from(["ordinary", "major"]))
    def its_details_change(self, data: st.DataObject, severity: str) -> None:
        def change(case: Case) -> None:
            case.save(details={**case.ticket.details, "severity": severity})
            case.replan()

        self._change(self._one_of(data), change)

    def _one_of(self, data: st.DataObject) -> Ticket:
        return self.store.tables.tickets[data.draw(st.sampled_from(self.tickets)).id]

    def _change(self, ticket: Ticket, change: Callable[[Case], None]) -> None:
        with self.store.write() as tx:
            case = Case(tx, tx.ticket(ticket.id, for_update=True), standard=self.tables, now=self.clock.now())
            change(case)

    # --- what happens to the calendar and the worker

    @rule(days_off=st.frozensets(st.sampled_from(A_WEEK), max_size=4))
    def the_calendar_is_edited(self, days_off: frozenset[date]) -> None:
        edited = copy(standard())
        edited.calendar = replace(edited.calendar, days_off=days_off)
        self._read_tables(edited)

    @rule(commits=st.integers(1, 4), hours=st.sampled_from([0, 1, 30]))
    def the_worker_is_killed_at_work(self, commits: int, hours: int) -> None:
        self.clock.advance(hours=hours)
        left = [commits]

        def kill() -> None:
            left[0] -= 1
            if left[0] == 0:
                self.store.after_commit = None
                raise Killed

        self.store.after_commit = kill
        with suppress(Killed):
            self._work()
        self.store.after_commit = None
        self.store.release_leases("w1")
        self._work()

    @rule()
    def a_task_is_carried_out_twice(self) -> None:
        task = self.store.claim(Lane.ORDINARY, self.clock.now(), LEASE, "w2")
        if task is not None:
            for _ in range(2):
                self.deliverers[task.kind](task)

    @rule(hours=st.sampled_from([0.1, 0.7, 3, 11, 50]))
    def time_passes(self, hours: float) -> None:
        end = self.clock.now() + timedelta(hours=hours)
        while (due := self.store.next_due(Lane.ORDINARY)) is not None and due <= end:
            self.clock.set(max(due, self.clock.now()))
            self._work()
        self.clock.set(end)

    # --- what holds

    @invariant()
    def each_promise_has_one_running_clock(self) -> None:
        running = [(c.ticket_id, c.rule) for c in self._running()]
        assert len(running) == len(set(running))

    @invariant()
    def what_runs_is_due_when_todays_calendar_says(self) -> None:
        for clock in self._running():
            assert clock.due_by == self._rule(clock).due_by(clock.started_at, self.tables.calendar)

    @invariant()
    def what_runs_has_its_warning_and_its_breach_promised(self) -> None:
        for clock in self._running():
            for promised in self._rule(clock).tasks(clock):
                assert self.store.tables.tasks[promised.key].task.due_at == promised.due_at

    @invariant()
    def kept_and_broken_are_told_by_the_instant(self) -> None:
        for clock in self._clocks():
            if clock.stopped_at is not None:
                late = clock.stopped_at > clock.due_by
                assert (clock.state is ClockState.BROKEN) == late

    @invariant()
    def nobody_is_told_of_a_promise_that_is_over(self) -> None:
        assert getattr(self, "told_too_late", []) == []

    @invariant()
    def nothing_runs_on_a_cancelled_ticket(self) -> None:
        assert not [c for c in self._running() if self.store.tables.tickets[c.ticket_id].state is TicketState.CANCELLED]

    def teardown(self) -> None:
        """Every breach is noticed, once its time has come."""
        if not hasattr(self, "store"):
            return
        self.time_passes(24 * 60)
        now: datetime = self.clock.now()
        assert [c for c in self._running() if c.due_by < now and c.breached_at is None] == []

    def _clocks(self) -> list[TicketClock]:
        return list(self.store.tables.clocks.values()) if hasattr(self, "store") else []

    def _running(self) -> list[TicketClock]:
        return [c for c in self._clocks() if c.state is ClockState.RUNNING]

    def _rule(self, clock: TicketClock) -> ClockRule:
        return self.tables.rule(clock.rule)


TestClocks = Clocks.TestCase
TestClocks.settings = settings(
    max_examples=100, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)
