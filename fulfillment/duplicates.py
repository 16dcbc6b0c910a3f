"""One matter reported twice: the second ticket is merged into the first, and can be split off again as it was."""

from fulfillment.case import Case
from fulfillment.ticket import TicketState
from kernel.errors import Conflict

_MERGEABLE = frozenset({TicketState.NEW, TicketState.ACKNOWLEDGED})


def merge(case: Case, into: Case, *, by: str) -> None:
    """`case` ends, `into` is nudged once; done twice, it is one. Its owner stays the owner unless nobody is (W6e).

    Raises Conflict if either is not open, if somebody is at work on `case`, is promised a callback for it, or if it is an
    emergency that no named human has accepted: an alarm ends by acceptance only.
    """
    source, target = case.ticket, into.ticket
    if source.merged_into_id == target.id:
        return
    if source.id == target.id or source.state not in _MERGEABLE or not target.is_open or source.needs_acknowledgement:
        raise Conflict(f"ticket {source.number} cannot be merged into {target.number}")
    if any(one.wait.ticket_id == source.id for one in case.tx.waiting_line()):
        raise Conflict(f"a callback is promised for ticket {source.number}")
    case.save(state=TicketState.CANCELLED, merged_into_id=target.id)
    case.cancel()
    case.tell("merged_into", actor=by, number=target.number)
    into.save(nudges=target.nudges + 1, owner_id=target.owner_id or source.owner_id)
    into.tell("merged_here", actor=by, number=source.number, symptom=source.symptom)


def split(case: Case, into: Case, *, by: str) -> None:
    """The promises run on with the ends they had. Raises Conflict if `case` is not merged into `into`."""
    if case.ticket.merged_into_id != into.ticket.id:
        raise Conflict(f"ticket {case.ticket.number} is not merged into {into.ticket.number}")
    merged_at = next(e.at for e in reversed(case.tx.timeline(case.ticket.id)) if e.key == "merged_into")
    before = TicketState.ACKNOWLEDGED if case.ticket.acknowledged_by else TicketState.NEW
    case.save(state=before, merged_into_id=None)
    case.resume(merged_at)
    case.tell("split_off", actor=by, number=into.ticket.number)
    into.save(nudges=max(0, into.ticket.nudges - 1))
    into.tell("split_from", actor=by, number=case.ticket.number)


def undo_nudge(case: Case, *, by: str) -> None:
    """Raises Conflict if there is none."""
    if not case.ticket.nudges:
        raise Conflict(f"ticket {case.ticket.number} was not nudged")
    case.save(nudges=case.ticket.nudges - 1)
    case.tell("nudge_undone", actor=by, count=case.ticket.nudges)
