"""What becomes of a call or text to a member of staff: told by the carrier and by the keys he presses.

Only a key press (or a console button, see desk.py) acknowledges. Answered, sent, delivered are facts, no more.
Everything may arrive twice and out of order: facts have a rank and never fall back.
"""

from dataclasses import dataclass, replace

from fulfillment.case import Case
from fulfillment.company import Staff
from fulfillment.ports import FulfillmentStore, FulfillmentTx
from fulfillment.standard import Standard
from fulfillment.ticket import Attempt, AttemptOutcome, Ticket
from kernel.clock import Clock

_RANK = {
    AttemptOutcome.INTENDED: 0,
    AttemptOutcome.UNKNOWN: 1,
    AttemptOutcome.PLACED: 2,
    AttemptOutcome.RINGING: 3,
    AttemptOutcome.ANSWERED: 4,
}
_LIVE = {
    "queued": AttemptOutcome.PLACED,
    "initiated": AttemptOutcome.PLACED,
    "ringing": AttemptOutcome.RINGING,
    "in-progress": AttemptOutcome.ANSWERED,
    "answered": AttemptOutcome.ANSWERED,
}
_OVER = {
    "completed": AttemptOutcome.NO_ANSWER,  # hung up without a key
    "busy": AttemptOutcome.NO_ANSWER,
    "no-answer": AttemptOutcome.NO_ANSWER,
    "canceled": AttemptOutcome.NO_ANSWER,
    "failed": AttemptOutcome.FAILED,
}
_TEXT_FAILED = frozenset({"failed", "undelivered"})


@dataclass(frozen=True, slots=True)
class AlarmBrief:
    """What the voice on the alarm call needs. `accepted_by` is the name of whoever has the case ("" = nobody yet)."""

    attempt: Attempt
    ticket: Ticket
    staff: Staff
    community_name: str  # "" if the community is not known
    still_open: bool  # nobody has accepted and the case has not ended
    accepted_by: str


class Alarms:
    """Every method raises NotFound for an unknown attempt, and StoreBusy; all but `brief` are safe to repeat."""

    def __init__(self, store: FulfillmentStore, standard: Standard, clock: Clock) -> None:
        self._store = store
        self._standard = standard
        self._clock = clock

    def brief(self, attempt_id: str) -> AlarmBrief:
        with self._store.read() as tx:
            attempt = tx.attempt(attempt_id)
            return _brief(tx, attempt, tx.ticket(attempt.ticket_id))

    def accept(self, attempt_id: str) -> AlarmBrief:
        """Key 1: this person takes the case, unless somebody was faster; `accepted_by` names who has it."""
        with self._store.write() as tx:
            attempt, case = self._open(tx, attempt_id)
            staff = tx.staff(attempt.staff_id)
            if attempt.outcome is not AttemptOutcome.ACCEPTED:
                holder = case.ticket.acknowledged_by
                if case.acknowledge(by=staff.name, staff_id=staff.id) or holder == staff.name:
                    attempt = _finished(case, attempt, AttemptOutcome.ACCEPTED)
                elif attempt.finished_at is None:
                    attempt = _finished(case, attempt, AttemptOutcome.ANSWERED)
                    if holder:
                        case.tell("accepted_late", actor=staff.name, name=staff.name, holder=holder)
            return _brief(tx, attempt, case.ticket)

    def pass_on(self, attempt_id: str) -> None:
        """Key 2: the next rung now."""
        with self._store.write() as tx:
            attempt, case = self._open(tx, attempt_id)
            if attempt.outcome in (AttemptOutcome.ACCEPTED, AttemptOutcome.PASSED_ON):
                return
            _finished(case, attempt, AttemptOutcome.PASSED_ON)
            if case.ticket.needs_acknowledgement:
                name = tx.staff(attempt.staff_id).name
                case.tell("passed_on", actor=name, name=name)
                case.forward_after(attempt.step)

    def call_event(self, attempt_id: str, *, status: str, sequence: int | None, sid: str) -> None:
        """A status callback. `sequence` is not needed: the rank of the facts orders them, and an ended call stays ended."""
        del sequence
        with self._store.write() as tx:
            attempt, case = self._open(tx, attempt_id)
            apply_call_status(case, attempt, status=status, sid=sid)

    def text_event(self, attempt_id: str, *, status: str, sid: str) -> None:
        """A delivery report of a text."""
        with self._store.write() as tx:
            attempt, case = self._open(tx, attempt_id)
            name = tx.staff(attempt.staff_id).name
            if attempt.outcome in (AttemptOutcome.DELIVERED, AttemptOutcome.FAILED):
                return
            attempt = replace(attempt, provider_sid=attempt.provider_sid or sid)
            if status == "delivered":
                attempt = _finished(case, attempt, AttemptOutcome.DELIVERED)
                case.tell("text_delivered", actor="carrier", name=name)
            elif status in _TEXT_FAILED:
                attempt = _finished(case, attempt, AttemptOutcome.FAILED)
                case.tell("text_failed", actor="carrier", name=name, reason=status)
            tx.save_attempt(attempt)

    def _open(self, tx: FulfillmentTx, attempt_id: str) -> tuple[Attempt, Case]:
        ticket = tx.ticket(tx.attempt(attempt_id).ticket_id, for_update=True)
        # read again: whoever held the ticket before may have changed the attempt
        return tx.attempt(attempt_id), Case(tx, ticket, standard=self._standard, now=self._clock.now())


def apply_call_status(case: Case, attempt: Attempt, *, status: str, sid: str) -> Attempt:
    """Writes what the carrier said about a call; when it is over without a key, the next rung need not wait."""
    if attempt.finished_at is not None:
        if not attempt.provider_sid:
            attempt = replace(attempt, provider_sid=sid)
            case.tx.save_attempt(attempt)
        return attempt
    attempt = replace(attempt, provider_sid=attempt.provider_sid or sid)
    name = case.tx.staff(attempt.staff_id).name
    if status in _OVER:
        attempt = _finished(case, attempt, _OVER[status])
        if case.ticket.needs_acknowledgement:
            case.tell("call_no_answer", actor="carrier", name=name, status=status)
            case.forward_after(attempt.step)
        return attempt
    outcome = _LIVE.get(status, attempt.outcome)
    if _RANK[outcome] > _RANK[attempt.outcome]:
        attempt = replace(attempt, outcome=outcome)
        if outcome in (AttemptOutcome.RINGING, AttemptOutcome.ANSWERED):
            case.tell(f"call_{outcome.value}", actor="carrier", name=name)
    case.tx.save_attempt(attempt)
    return attempt


def _finished(case: Case, attempt: Attempt, outcome: AttemptOutcome) -> Attempt:
    attempt = replace(attempt, outcome=outcome, finished_at=attempt.finished_at or case.now)
    case.tx.save_attempt(attempt)
    return attempt


def _brief(tx: FulfillmentTx, attempt: Attempt, ticket: Ticket) -> AlarmBrief:
    community_id = ticket.address.community_id
    return AlarmBrief(
        attempt=attempt,
        ticket=ticket,
        staff=tx.staff(attempt.staff_id),
        community_name="" if community_id is None else tx.community(community_id).name,
        still_open=ticket.needs_acknowledgement,
        accepted_by=ticket.acknowledged_by,
    )
