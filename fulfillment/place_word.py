"""Whoever has accepted an emergency hears that its place has changed: he may be on his way to the wrong door.

Promised in the transaction that learns it (`promise_place_word`), delivered by `WordOfPlace`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from fulfillment.case import Case, community_name
from fulfillment.company import Staff, StaffRole
from fulfillment.notice import ROBOT, TEXT
from fulfillment.outbox import Rank, Task, TaskKind
from fulfillment.ports import FulfillmentTx
from fulfillment.staff_message import StaffMessages, promise_message
from fulfillment.staff_notices import on_duty
from fulfillment.ticket import Attempt, Ticket

#: The parts of an address come in one breath, and one message is to hold them all.
_SETTLES_AFTER = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class PlaceWord:
    """What one person is told. `is_his`: he has the case; otherwise he decides who goes, now that it is another's place."""

    attempt: Attempt
    ticket: Ticket
    staff: Staff
    community_name: str  # "" if it is not known
    is_his: bool


#: Words it for a channel ("text": within one segment; "robot": with the signed link); sentences live above this floor.
PlaceText = Callable[[PlaceWord], str]


def promise_place_word(case: Case, *, butler_id: int | None) -> None:
    """To whoever has the accepted emergency; if another butler looks after its place now (`butler_id`), or nobody's own
    staff has it, to the supervisors on duty as well. Call after the new address was saved; a repeated call adds nothing.
    """
    assignee = case.ticket.assignee_id
    people = {} if assignee is None else {assignee: True}
    if assignee is None or butler_id not in (None, assignee):
        people |= {s.id: False for s in on_duty(case.tx, StaffRole.SUPERVISOR, case.now) if s.id != assignee}
    for staff_id, is_his in people.items():
        promise_message(
            case,
            staff_id,
            kinds={TEXT: TaskKind.PLACE_BY_TEXT, ROBOT: TaskKind.PLACE_BY_ROBOT},
            key=f"place-{case.ticket.id}-{case.ticket.rev}-{staff_id}",
            rank=Rank.FURTHER,
            after=_SETTLES_AFTER,
            place=_written(case.ticket),
            is_his=is_his,
        )


class WordOfPlace(StaffMessages[PlaceWord]):
    """Deliverer of PLACE_BY_TEXT and PLACE_BY_ROBOT."""

    def _when(self, tx: FulfillmentTx, task: Task, ticket: Ticket, staff: Staff, now: datetime) -> datetime | None:  # noqa: ARG002 - the hook's signature
        """Never of a place that has changed again (that is promised anew), nor of a case that is over."""
        if not ticket.is_open or task.payload["place"] != _written(ticket):
            return None
        return now

    def _word(self, tx: FulfillmentTx, task: Task, ticket: Ticket, staff: Staff, attempt: Attempt) -> PlaceWord:
        return PlaceWord(attempt, ticket, staff, community_name(tx, ticket), task.payload["is_his"])


def _written(ticket: Ticket) -> list[str]:
    return [str(part) for part in (*ticket.address.place, ticket.address.text)]
