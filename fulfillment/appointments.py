"""A visit gets a time: one slot of one person, agreed with the resident (F11), told to him and reminded of.

Raises NotFound, StoreBusy; `by` is the name of who agreed it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from fulfillment.appointment import Appointment, SlotRules
from fulfillment.case import Case
from fulfillment.clocks import ClockEvent
from fulfillment.ports import FulfillmentStore, FulfillmentTx
from fulfillment.standard import Standard
from fulfillment.telling_residents import ResidentWord, promise_word
from fulfillment.ticket import Ticket
from kernel.clock import Clock, local
from kernel.errors import BadInput, Conflict


class SlotTaken(Conflict):
    """Somebody else has got this time of this person meanwhile: another one is to be offered."""


def free_slots(tx: FulfillmentTx, ticket: Ticket, rules: SlotRules, now: datetime) -> Sequence[datetime]:
    """Those of whoever has the case; none for a case that gets no slot or is nobody's."""
    if ticket.kind not in rules.kinds or not ticket.is_open or ticket.assignee_id is None:
        return []
    return rules.free(now, {a.starts_at for a in tx.appointments(ticket.assignee_id, now)})


class Appointments:
    """Used by the console and by the butler's page."""

    def __init__(self, store: FulfillmentStore, standard: Standard, clock: Clock) -> None:
        self._store = store
        self._standard = standard
        self._clock = clock

    def book(self, ticket_id: int, starts_at: datetime, *, by: str) -> Appointment:
        """The case's own earlier time is given back; the same time again is the same. Raises SlotTaken, BadInput."""
        rules, now = self._standard.visit.appointments, self._clock.now()
        with self._store.write() as tx:
            ticket = tx.ticket(ticket_id, for_update=True)
            if ticket.kind not in rules.kinds or not ticket.is_open or ticket.assignee_id is None:
                raise BadInput(f"ticket {ticket.number} gets no appointment")
            known = tx.appointment_of(ticket_id)
            if known is not None and (known.starts_at, known.staff_id) == (starts_at, ticket.assignee_id):
                return known
            if starts_at not in set(rules.slots(now)):
                raise BadInput("no slot of ours")
            tx.free_appointment(ticket_id)
            wanted = Appointment(0, ticket_id, ticket.assignee_id, starts_at.astimezone(UTC), by)
            booked = tx.add_appointment(wanted)
            if booked is None:
                raise SlotTaken(f"{starts_at:%m-%d %H:%M}")
            case = Case(tx, ticket, standard=self._standard, now=now)
            self._agreed(case, booked, by)
            return booked

    def _agreed(self, case: Case, booked: Appointment, by: str) -> None:
        at, person = f"{local(booked.starts_at):%m-%d %H:%M}", case.tx.staff(booked.staff_id)
        case.save(details={**case.ticket.details, "visit_time": at})
        case.happened(ClockEvent.CONTACTED)
        case.tell("appointed", actor=by, at=at, name=person.name)
        told: dict[str, Any] = {"at": at, "name": person.name, "phone": person.phone, "appointment": booked.id}
        promise_word(case, ResidentWord.APPOINTED, key=f"appointed-{booked.id}", **told)
        reminded_at = booked.starts_at - self._standard.visit.appointments.remind_before
        if reminded_at > case.now:
            promise_word(case, ResidentWord.REMINDER, key=f"reminder-{booked.id}", due_at=reminded_at, **told)
