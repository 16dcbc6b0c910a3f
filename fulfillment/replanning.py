"""Running clocks follow the calendar: a changed season, day off or public holiday moves what is counted by it.

Looked at when a worker starts, because that is when a changed table or a newer package of holidays is first read.
"""

from collections.abc import Mapping
from datetime import date
from hashlib import blake2b

import structlog

from fulfillment.business_calendar import BusinessCalendar
from fulfillment.case import Case
from fulfillment.clocks import Calendar
from fulfillment.outbox import NewTask, Task, TaskKind
from fulfillment.ports import FulfillmentStore
from fulfillment.standard import Standard
from fulfillment.ticket import ClockState, TicketClock
from kernel.clock import Clock, local

MARK = "calendar"
#: Years whose days decide: no clock that runs today started before them or ends after them.
_YEARS = (2024, 2040)
#: Tickets a task: well within a lease, and nothing ordinary waits for longer.
CHUNK = 50

log = structlog.get_logger()


def fingerprint(calendar: BusinessCalendar) -> str:
    """The same for the same calendar, on every machine and with every order of its tables."""
    first, last = (date(year, 1, 1).toordinal() for year in _YEARS)
    days = bytes(calendar.is_working_day(date.fromordinal(day)) for day in range(first, last))
    hours = (calendar.season, calendar.fee_collection, calendar.office_hours, calendar.calling_hours)
    return blake2b(repr(hours).encode() + days, digest_size=16).hexdigest()


class Replanning:
    """`promise` belongs to a worker's start and takes no longer than one look; `deliver` is the deliverer of REPLAN_CLOCKS.

    An emergency never waits for it: it runs in the ordinary lane, a few tickets a task.
    """

    def __init__(self, store: FulfillmentStore, standard: Standard, clock: Clock) -> None:
        self._store = store
        self._standard = standard
        self._clock = clock

    def promise(self) -> bool:
        """Enqueues the work if the calendar is not the one of last time. Raises StoreBusy."""
        now_valid = fingerprint(self._standard.calendar)
        with self._store.read() as tx:
            if tx.mark(MARK) == now_valid:
                return False
        now = self._clock.now()
        with self._store.write() as tx:
            # The instant is in the key because a calendar may come back: the task of the first time is done.
            tx.enqueue(NewTask(TaskKind.REPLAN_CLOCKS, f"replan-{now_valid}-{now.isoformat()}", now, {"after": 0}))
        log.info("calendar_changed", fingerprint=now_valid)
        return True

    def deliver(self, task: Task) -> None:
        """Moves the running clocks of the next tickets that are counted by a calendar; the last task sets the mark.

        Each ticket in a transaction of its own; killed in the middle, or run by two workers at once, it comes to the same.
        """
        rules = [r.key for r in self._standard.rules.values() if r.calendar is not Calendar.CONTINUOUS]
        with self._store.read() as tx:
            left = [ticket_id for ticket_id in tx.tickets_with_running(rules) if ticket_id > task.payload["after"]]
        for ticket_id in left[:CHUNK]:
            self._replan(ticket_id)
        with self._store.write() as tx:
            if not tx.holds(task):
                return
            if len(left) > CHUNK:
                last = left[CHUNK - 1]
                key = f"{task.key.partition('#')[0]}#{last}"
                tx.enqueue(NewTask(TaskKind.REPLAN_CLOCKS, key, self._clock.now(), {"after": last}))
            else:
                tx.set_mark(MARK, fingerprint(self._standard.calendar))
            tx.task_done(task)

    def _replan(self, ticket_id: int) -> None:
        with self._store.write() as tx:
            case = Case(tx, tx.ticket(ticket_id, for_update=True), standard=self._standard, now=self._clock.now())
            before = _running(case)
            case.replan()
            after = {rule: new for rule, new in _running(case).items() if rule in before}
            for rule, new in after.items():
                if new.due_by != before[rule].due_by:
                    was, is_now = (f"{local(at):%m-%d %H:%M}" for at in (before[rule].due_by, new.due_by))
                    title = self._standard.rule(rule).title
                    case.tell("clock_moved", actor="worker", title=title, clause=new.clause, before=was, after=is_now)


def _running(case: Case) -> Mapping[str, TicketClock]:
    clocks = case.tx.clocks([case.ticket.id])[case.ticket.id]
    return {c.rule: c for c in clocks if c.state is ClockState.RUNNING}
