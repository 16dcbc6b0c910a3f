"""A visit gets a time: one slot of one person, agreed with the resident (F11), told to him and reminded of.

Raises NotFound, StoreBusy; `by` is the name of who agreed it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from fulfillment.appointment import Appointment, SlotRules
from fulfillment.case import Case
from fulfillment.clocks import ClockEvent
from fulfillment.open_ticket import butler_of
from fulfillment.ports import FulfillmentStore, FulfillmentTx
from fulfillment.standard import Standard
from fulfillment.telling_residents import ResidentWord, promise_word
from fulfillment.ticket import Address, Ticket, TicketState
from fulfillment.visit_word import VisitNews, promise_visit_word
from kernel.clock import Clock, local
from kernel.errors import BadInput, Conflict


class SlotTaken(Conflict):
    """Somebody else has got this time of this person meanwhile: another one is to be offered."""


def free_slots(tx: FulfillmentTx, ticket: Ticket, rules: SlotRules, now: datetime) -> Sequence[datetime]:
    """Those of whoever has the case; none for a case that gets no slot or is nobody's."""
    if ticket.kind not in rules.kinds or not ticket.is_open or ticket.assignee_id is None:
        return []
    return rules.free(now, {a.starts_at for a in tx.appointments(ticket.assignee_id, now)})


def slots_at(tx: FulfillmentTx, address: Address, rules: SlotRules, now: datetime) -> Sequence[datetime]:
    """Of the butler who would get a case of this address; none if nobody would."""
    staff_id = butler_of(tx, address)
    return [] if staff_id is None else rules.free(now, {a.starts_at for a in tx.appointments(staff_id, now)})


def book_visit(case: Case, starts_at: datetime, *, by: str) -> Appointment:
    """The case's own earlier time is given back; the same time again is the same. `by`: a name, or "resident".

    Its butler hears of it unless he has agreed it himself. Raises SlotTaken, BadInput.
    """
    rules, tx, ticket = case.standard.visit.appointments, case.tx, case.ticket
    if ticket.kind not in rules.kinds or not ticket.is_open or ticket.assignee_id is None:
        raise BadInput(f"ticket {ticket.number} gets no appointment")
    known = tx.appointment_of(ticket.id)
    if known is not None and (known.starts_at, known.staff_id) == (starts_at, ticket.assignee_id):
        return known
    if starts_at not in set(rules.slots(case.now)):
        raise BadInput("no slot of ours")
    tx.free_appointment(ticket.id)
    booked = tx.add_appointment(Appointment(0, ticket.id, ticket.assignee_id, starts_at.astimezone(UTC), by))
    if booked is None:
        raise SlotTaken(f"{starts_at:%m-%d %H:%M}")
    _agreed(case, booked, by)
    return booked


def call_off_visit(case: Case, *, by: str) -> None:
    """The resident does not want it any more: the case ends, its time is free, its butler hears of it. Twice is once."""
    if not case.ticket.is_open:
        return
    before, booked = case.ticket.state, case.tx.appointment_of(case.ticket.id)
    case.save(state=TicketState.CANCELLED)
    case.cancel()
    case.tell("state_changed", actor=by, before=before.value, after=TicketState.CANCELLED.value, reason="")
    if booked is not None:
        promise_visit_word(case, booked, VisitNews.CALLED_OFF)


def _agreed(case: Case, booked: Appointment, by: str) -> None:
    at, person = f"{local(booked.starts_at):%m-%d %H:%M}", case.tx.staff(booked.staff_id)
    case.save(details={**case.ticket.details, "visit_time": at})
    case.happened(ClockEvent.CONTACTED)
    case.tell("appointed", actor=by, at=at, name=person.name)
    told: dict[str, Any] = {"at": at, "name": person.name, "phone": person.phone, "appointment": booked.id}
    promise_word(case, ResidentWord.APPOINTED, key=f"appointed-{booked.id}", **told)
    reminded_at = booked.starts_at - case.standard.visit.appointments.remind_before
    if reminded_at > case.now:
        promise_word(case, ResidentWord.REMINDER, key=f"reminder-{booked.id}", due_at=reminded_at, **told)
    if by != person.name:
        promise_visit_word(case, booked, VisitNews.AGREED)


class Appointments:
    """Used by the console and by the butler's page."""

    def __init__(self, store: FulfillmentStore, standard: Standard, clock: Clock) -> None:
        self._store = store
        self._standard = standard
        self._clock = clock

    def book(self, ticket_id: int, starts_at: datetime, *, by: str) -> Appointment:
        """`book_visit` in a transaction of its own."""
        with self._store.write() as tx:
            ticket = tx.ticket(ticket_id, for_update=True)
            case = Case(tx, ticket, standard=self._standard, now=self._clock.now())
            return book_visit(case, starts_at, by=by)
