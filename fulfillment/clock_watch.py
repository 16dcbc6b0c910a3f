"""Deliverers of WARN_CLOCK and BREACH_CLOCK: a breach is visible before it happens, and told to whom the clock's plan names."""

from dataclasses import replace

from fulfillment.case import Case
from fulfillment.outbox import Task
from fulfillment.ports import FulfillmentStore
from fulfillment.staff_notices import Occasion, promise_notices
from fulfillment.standard import Standard
from fulfillment.ticket import ClockState
from kernel.clock import Clock, local


class ClockWatch:
    """Both look at the clock again first: one that was stopped or re-planned since has nothing to tell."""

    def __init__(self, store: FulfillmentStore, standard: Standard, clock: Clock) -> None:
        self._store = store
        self._standard = standard
        self._clock = clock

    def warn(self, task: Task) -> None:
        """Most of the time is used up."""
        self._look(task, Occasion.WARNING)

    def breach(self, task: Task) -> None:
        """The promise is broken; the clock runs on until it is fulfilled late or the case ends."""
        self._look(task, Occasion.BREACH)

    def _look(self, task: Task, occasion: Occasion) -> None:
        with self._store.write() as tx:
            clock = tx.clock(task.payload["clock_id"])
            ticket = tx.ticket(clock.ticket_id, for_update=True)  # before its tasks, as everybody does
            clock = tx.clock(clock.id)  # again: whoever held the ticket before may have stopped it
            if not tx.holds(task):
                return
            case = Case(tx, ticket, standard=self._standard, now=self._clock.now())
            rule = self._standard.rules.get(clock.rule)  # None: the tables have dropped the promise since
            if rule is not None and clock.state is ClockState.RUNNING and clock.rev == task.payload["rev"]:
                due_by = f"{local(clock.due_by):%m-%d %H:%M}"
                case.tell(occasion.value, actor="worker", title=rule.title, clause=clock.clause, due_by=due_by)
                if occasion is Occasion.BREACH:
                    tx.save_clock(replace(clock, breached_at=case.now))
                promise_notices(case, clock, rule, occasion)
            tx.task_done(task)
