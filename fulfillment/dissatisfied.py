"""A resident was not satisfied at the callback: whoever had the case and the supervisor on duty hear of it at once.

Promised in the transaction that reopens the case (`promise_word`), delivered by `WordOfDissatisfaction`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from fulfillment.case import Case, community_name
from fulfillment.company import Staff, StaffRole
from fulfillment.notice import ROBOT, TEXT
from fulfillment.outbox import Task, TaskKind
from fulfillment.ports import FulfillmentTx
from fulfillment.staff_message import StaffMessages, promise_message
from fulfillment.staff_notices import on_duty
from fulfillment.ticket import Attempt, Ticket


@dataclass(frozen=True, slots=True)
class Dissatisfaction:
    """What one person is told."""

    attempt: Attempt
    ticket: Ticket
    staff: Staff
    title: str  # of the ticket's kind
    community_name: str  # "" if it is not known


#: Words it for a channel ("text": within one segment; "robot": with the signed link); sentences live above this floor.
DissatisfactionText = Callable[[Dissatisfaction], str]


def promise_word(case: Case, call_id: int) -> None:
    """Enqueues a message for each person and channel; a repeated call adds nothing."""
    people = [s.id for s in on_duty(case.tx, StaffRole.SUPERVISOR, case.now)]
    assignee = case.ticket.assignee_id
    if assignee is not None and case.tx.staff(assignee).active:
        people.insert(0, assignee)
    for staff_id in dict.fromkeys(people):
        promise_message(
            case,
            staff_id,
            kinds={TEXT: TaskKind.TELL_BY_TEXT, ROBOT: TaskKind.TELL_BY_ROBOT},
            key=f"dissatisfied-{call_id}-{staff_id}",
        )
    if not people:
        kind = case.standard.kinds.get(case.ticket.kind)
        case.tell("nobody_to_tell", actor="worker", title=kind.title if kind else case.ticket.kind)


class WordOfDissatisfaction(StaffMessages[Dissatisfaction]):
    """Deliverer of TELL_BY_TEXT and TELL_BY_ROBOT."""

    def _when(self, tx: FulfillmentTx, task: Task, ticket: Ticket, staff: Staff, now: datetime) -> datetime | None:  # noqa: ARG002 - the hook's signature
        return now if ticket.is_open else None

    def _word(self, tx: FulfillmentTx, task: Task, ticket: Ticket, staff: Staff, attempt: Attempt) -> Dissatisfaction:  # noqa: ARG002 - the hook's signature
        return Dissatisfaction(attempt, ticket, staff, self.kind_title(ticket), community_name(tx, ticket))
