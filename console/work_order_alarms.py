"""The other open alarms of the person behind a signed link: a message links a few of many, its page leads to all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dialogue.ports import DialogueTx
from dialogue.wording import Wording
from fulfillment.ticket import Attempt


@dataclass(frozen=True, slots=True)
class OpenAlarm:
    """An emergency of which this person was told and that nobody has accepted. `attempt_id` is his own way to it."""

    attempt_id: str
    number: str
    place: str
    symptom: str
    opened_at: datetime


def open_alarms(tx: DialogueTx, staff_id: int, wording: Wording) -> Sequence[OpenAlarm]:
    """The oldest first."""
    found = []
    for ticket_id in tx.tickets_of(staff_id):
        ticket = tx.ticket(ticket_id)
        his = [a for a in tx.attempts(ticket_id) if _tells(a, staff_id)]
        if ticket.needs_acknowledgement and his:
            place = wording.address(ticket.address).chat
            found.append(OpenAlarm(his[-1].id, ticket.number, place, ticket.symptom, ticket.opened_at))
    return found


def _tells(attempt: Attempt, staff_id: int) -> bool:
    """Step 0 is no alarm."""
    return attempt.staff_id == staff_id and attempt.step > 0
