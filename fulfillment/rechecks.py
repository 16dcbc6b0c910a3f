"""Is it warm again? Asked of every home when an incident is over: only who says yes has a ticket that closes by it."""

from dataclasses import replace

from fulfillment.case import Case
from fulfillment.desk import take_step
from fulfillment.incident import Attachment, LogEntry, Recheck
from fulfillment.ticket import Ticket, TicketState

#: A home that said "cold" may be warm later; one that is warm has nothing to answer any more.
_UNANSWERED = frozenset({Recheck.ASKED, Recheck.COLD})


def is_asked(ticket: Ticket) -> bool:
    """An emergency is not over with its incident: people on site end it, no answer does."""
    return ticket.is_open and not ticket.emergency


def open_recheck(case: Case) -> Attachment | None:
    """The question that this ticket's home has not answered with yes."""
    attachment = case.tx.attachment_of(case.ticket.id)
    return attachment if attachment is not None and attachment.recheck in _UNANSWERED else None


def answer_recheck(case: Case, *, warm: bool, by: str) -> bool:
    """Warm: the ticket is resolved and closed, the answer is its callback (B7). Cold: it goes on, and comes to the fore.

    False if nothing was asked, or the same was answered. Read the ticket `for_update` before.
    """
    asked = open_recheck(case)
    answer = Recheck.WARM if warm else Recheck.COLD
    if asked is None or asked.recheck is answer:
        return False
    case.tx.save_attachment(replace(asked, recheck=answer, answered_at=case.now, answered_by=by))
    fact = LogEntry(asked.incident_id, case.now, by, f"recheck_{answer}", {"number": case.ticket.number})
    case.tx.log_incident(fact)
    if not warm:
        case.save(nudges=case.ticket.nudges + 1)
        case.tell("recheck_cold", actor=by)
        case.owe_visit()
        return True
    case.tell("recheck_warm", actor=by)
    if case.ticket.is_open:
        take_step(case, TicketState.RESOLVED, by=by)
    if case.ticket.state is TicketState.RESOLVED:
        take_step(case, TicketState.CLOSED, by=by)
    return True
