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
from fulfillment.ports import FulfillmentStore
from fulfillment.standard import Standard
from fulfillment.ticket import ClockState, TicketClock
from kernel.clock import Clock, local

MARK = "calendar"
#: Years whose days decide: no clock that runs today started before them or ends after them.
_YEARS = (2024, 2040)

log = structlog.get_logger()


def fingerprint(calendar: BusinessCalendar) -> str:
    """The same for the same calendar, on every machine and with every order of its tables."""
    first, last = (date(year, 1, 1).toordinal() for year in _YEARS)
    days = bytes(calendar.is_working_day(date.fromordinal(day)) for day in range(first, last))
    hours = (calendar.season, calendar.fee_collection, calendar.office_hours, calendar.calling_hours)
    return blake2b(repr(hours).encode() + days, digest_size=16).hexdigest()


def replan_after_calendar_change(store: FulfillmentStore, standard: Standard, clock: Clock) -> int:
    """Moves every running clock that is counted by a calendar which is not the one of last time; returns how many tickets changed.

    Each ticket in a transaction of its own, so that no call waits for all of them; killed in the middle, or run by two
    workers at once, it comes to the same. Raises StoreBusy.
    """
    now_valid = fingerprint(standard.calendar)
    with store.read() as tx:
        if tx.mark(MARK) == now_valid:
            return 0
        by_calendar = [rule.key for rule in standard.rules.values() if rule.calendar is not Calendar.CONTINUOUS]
        tickets = tx.tickets_with_running(by_calendar)
    moved = sum(_replan(store, standard, clock, ticket_id) for ticket_id in tickets)
    with store.write() as tx:
        tx.set_mark(MARK, now_valid)
    log.info("calendar_changed", tickets=len(tickets), moved=moved)
    return moved


def _replan(store: FulfillmentStore, standard: Standard, clock: Clock, ticket_id: int) -> bool:
    with store.write() as tx:
        case = Case(tx, tx.ticket(ticket_id, for_update=True), standard=standard, now=clock.now())
        before = _running(case)
        case.replan()
        moved = [new for rule, new in _running(case).items() if rule in before and before[rule].due_by != new.due_by]
        for new in moved:
            was, is_now = (f"{local(at):%m-%d %H:%M}" for at in (before[new.rule].due_by, new.due_by))
            title = standard.rule(new.rule).title
            case.tell("clock_moved", actor="worker", title=title, clause=new.clause, before=was, after=is_now)
        return bool(moved)


def _running(case: Case) -> Mapping[str, TicketClock]:
    clocks = case.tx.clocks([case.ticket.id])[case.ticket.id]
    return {c.rule: c for c in clocks if c.state is ClockState.RUNNING}
