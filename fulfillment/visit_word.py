"""A butler hears that a resident has agreed the time of a visit, or does not want it any more (F11).

Promised in the transaction that changes it (`promise_visit_word`), delivered by `WordOfVisit`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from fulfillment.appointment import Appointment
from fulfillment.case import Case, community_name
from fulfillment.company import Staff
from fulfillment.notice import ROBOT, TEXT
from fulfillment.outbox import Task, TaskKind
from fulfillment.ports import FulfillmentTx
from fulfillment.staff_message import StaffMessages, promise_message
from fulfillment.ticket import Attempt, Ticket
from kernel.clock import local


class VisitNews(StrEnum):
    AGREED = "agreed"
    CALLED_OFF = "called_off"


@dataclass(frozen=True, slots=True)
class VisitWord:
    """What one butler is told. `at`: the time of the visit, local, `11-23 09:00`."""

    attempt: Attempt
    ticket: Ticket
    staff: Staff
    title: str  # of the ticket's kind
    community_name: str  # "" if it is not known
    news: VisitNews
    at: str


#: Words it for a channel ("text": within one segment; "robot": with the signed link); sentences live above this floor.
VisitText = Callable[[VisitWord], str]


def promise_visit_word(case: Case, appointment: Appointment, news: VisitNews) -> None:
    """To whoever had the time; a repeated call adds nothing."""
    if not case.tx.staff(appointment.staff_id).active:
        return
    promise_message(
        case,
        appointment.staff_id,
        kinds={TEXT: TaskKind.VISIT_BY_TEXT, ROBOT: TaskKind.VISIT_BY_ROBOT},
        key=f"visit-{appointment.id}-{news}",
        appointment_id=appointment.id,
        news=news.value,
        at=f"{local(appointment.starts_at):%m-%d %H:%M}",
    )


class WordOfVisit(StaffMessages[VisitWord]):
    """Deliverer of VISIT_BY_TEXT and VISIT_BY_ROBOT."""

    def _when(self, tx: FulfillmentTx, task: Task, ticket: Ticket, staff: Staff, now: datetime) -> datetime | None:  # noqa: ARG002 - the hook's signature
        """Never of a time that has been changed since; the daytime comes before the first slot of a day."""
        booked = tx.appointment_of(ticket.id)
        agreed = task.payload["news"] == VisitNews.AGREED
        if agreed and (booked is None or booked.id != task.payload["appointment_id"]):
            return None
        calendar = self._standard.calendar
        return now if calendar.is_daytime(now) else calendar.next_daytime(now)

    def _word(self, tx: FulfillmentTx, task: Task, ticket: Ticket, staff: Staff, attempt: Attempt) -> VisitWord:
        news, at = VisitNews(task.payload["news"]), task.payload["at"]
        return VisitWord(attempt, ticket, staff, self.kind_title(ticket), community_name(tx, ticket), news, at)
