"""What becomes of a call or text to a member of staff: told by the carrier and by the keys he presses.

Only a key press (or a console button, see desk.py) acknowledges. Answered, sent, delivered are facts, no more.
A call may tell of several alarms, one by one: each has an attempt of its own, and its own decision.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from fulfillment.case import Case, community_name
from fulfillment.company import Staff
from fulfillment.notice import DECIDED, VOICE, Notice
from fulfillment.ports import FulfillmentStore, FulfillmentTx
from fulfillment.standard import Standard
from fulfillment.ticket import Attempt, AttemptOutcome, Ticket
from kernel.clock import Clock

_TEXT_FAILED = frozenset({"failed", "undelivered"})
_TEXT_TOLD = frozenset({AttemptOutcome.DELIVERED, AttemptOutcome.FAILED})


@dataclass(frozen=True, slots=True)
class AlarmBrief:
    """What the voice on the alarm call needs. `accepted_by` is the name of whoever has the case ("" = nobody yet)."""

    attempt: Attempt
    ticket: Ticket
    staff: Staff
    community_name: str  # "" if the community is not known
    still_open: bool  # nobody has accepted and the case has not ended
    accepted_by: str
    is_his: bool  # he himself has accepted it
    to_tell: int = 1  # cases of this call that its people have not decided about and nobody else has, this one included
    newest_id: str = ""  # the attempt that joined this call last


class Alarms:
    """Every method raises NotFound for an unknown attempt, and StoreBusy; all are safe to repeat."""

    def __init__(self, store: FulfillmentStore, standard: Standard, clock: Clock) -> None:
        self._store = store
        self._standard = standard
        self._clock = clock

    def brief(self, attempt_id: str) -> AlarmBrief:
        with self._store.read() as tx:
            return self._brief(tx, attempt_id)

    def next_in_call(self, attempt_id: str) -> AlarmBrief | None:
        """The alarm of the same call that is to be told next, in the order in which they joined; None: all are decided."""
        with self._store.read() as tx:
            notice = self._notice(tx, attempt_id)
            return next((self._brief(tx, a.id) for a in notice.to_tell()), None)

    def accept(self, attempt_id: str) -> AlarmBrief:
        """Key 1: this person takes the case, unless somebody was faster; `accepted_by` names who has it."""
        with self._store.write() as tx:
            self._accept(tx, [attempt_id])
            return self._brief(tx, attempt_id)

    def accept_all(self, attempt_id: str, newest_id: str) -> Sequence[AlarmBrief]:
        """Key 9: every alarm of this call up to the one that had joined last when the person was asked; an alarm that he
        has not heard of is not accepted by it. Returns all that this person has accepted in this call.
        """
        with self._store.write() as tx:
            notice = self._notice(tx, attempt_id)
            ids = [a.id for a in notice.attempts]
            heard = notice.attempts[: ids.index(newest_id) + 1] if newest_id in ids else []
            self._accept(tx, [a.id for a in notice.to_tell() if a in heard])
            accepted = [a for a in self._notice(tx, attempt_id).attempts if a.outcome is AttemptOutcome.ACCEPTED]
            return [self._brief(tx, a.id) for a in accepted]

    def pass_on(self, attempt_id: str) -> None:
        """Key 2: the next rung now."""
        with self._store.write() as tx:
            attempt, case, notice = self._open(tx, attempt_id)
            if attempt.outcome in DECIDED:
                return
            _decide(notice, attempt, AttemptOutcome.PASSED_ON)
            if case.ticket.needs_acknowledgement:
                case.tell("passed_on", actor=notice.staff.name, name=notice.staff.name)
                case.forward_after(attempt.step)

    def hang_up(self, attempt_id: str) -> AlarmBrief | None:
        """Everything was told: the call ends, and no alarm can join it any more. An alarm that has come in meanwhile is
        returned instead, and the call goes on.
        """
        with self._store.write() as tx:
            notice = Notice.opened(tx, attempt_id, standard=self._standard, now=self._clock.now())
            waiting = next((a for a in notice.to_tell() if a.finished_at is None), None)
            if waiting is not None:
                return self._brief(tx, waiting.id)
            notice.end(AttemptOutcome.NO_ANSWER)
            return None

    def call_event(self, attempt_id: str, *, status: str, sequence: int | None, sid: str) -> None:
        """A status callback. `sequence` is not needed: the rank of the facts orders them, and an ended call stays ended."""
        del sequence
        with self._store.write() as tx:
            Notice.opened(tx, attempt_id, standard=self._standard, now=self._clock.now()).call_status(status, sid)

    def text_event(self, attempt_id: str, *, status: str, sid: str) -> None:
        """A delivery report of a text, for all alarms in it."""
        with self._store.write() as tx:
            notice = Notice.opened(tx, attempt_id, standard=self._standard, now=self._clock.now())
            for attempt in notice.attempts:
                if attempt.outcome in _TEXT_TOLD | DECIDED:
                    continue
                if not attempt.provider_sid:
                    attempt = notice.change(attempt, provider_sid=sid)  # noqa: PLW2901 - the row as it is now
                if status == "delivered":
                    _finish(notice, attempt, AttemptOutcome.DELIVERED)
                    notice.tell(attempt, "text_delivered")
                elif status in _TEXT_FAILED:
                    _finish(notice, attempt, AttemptOutcome.FAILED)
                    notice.tell(attempt, "text_failed", reason=status)

    def _accept(self, tx: FulfillmentTx, attempt_ids: Sequence[str]) -> None:
        """Tickets are locked in one order by everybody, and before their person."""
        tickets = {a: tx.attempt(a).ticket_id for a in attempt_ids}
        for attempt_id in sorted(attempt_ids, key=tickets.__getitem__):
            tx.ticket(tickets[attempt_id], for_update=True)
        for attempt_id in attempt_ids:
            attempt, case, notice = self._open(tx, attempt_id)
            if attempt.outcome in (AttemptOutcome.ACCEPTED, AttemptOutcome.WITHDRAWN):
                continue
            name, holder = notice.staff.name, case.ticket.acknowledged_by
            his = case.ticket.is_accepted_by(notice.staff.id, name)
            if case.acknowledge(by=name, staff_id=notice.staff.id) or his:
                _decide(notice, attempt, AttemptOutcome.ACCEPTED)
            elif attempt.finished_at is None:
                _decide(notice, attempt, AttemptOutcome.WITHDRAWN)
                if holder:
                    case.tell("accepted_late", actor=name, name=name, holder=holder)

    def _open(self, tx: FulfillmentTx, attempt_id: str) -> tuple[Attempt, Case, Notice]:
        ticket = tx.ticket(tx.attempt(attempt_id).ticket_id, for_update=True)
        notice = Notice.opened(tx, attempt_id, standard=self._standard, now=self._clock.now())
        # read again: whoever held the locks before may have changed it
        attempt = next(a for a in notice.attempts if a.id == attempt_id)
        return attempt, Case(tx, ticket, standard=self._standard, now=self._clock.now()), notice

    def _notice(self, tx: FulfillmentTx, attempt_id: str) -> Notice:
        """Unlocked: to look at."""
        attempt = tx.attempt(attempt_id)
        staff = tx.staff(attempt.staff_id)
        return Notice(tx, attempt.call_id, staff, standard=self._standard, now=self._clock.now())

    def _brief(self, tx: FulfillmentTx, attempt_id: str) -> AlarmBrief:
        notice = self._notice(tx, attempt_id)
        attempt = next(a for a in notice.attempts if a.id == attempt_id)
        ticket = tx.ticket(attempt.ticket_id)
        return AlarmBrief(
            attempt=attempt,
            ticket=ticket,
            staff=notice.staff,
            community_name=community_name(tx, ticket),
            still_open=ticket.needs_acknowledgement,
            accepted_by=ticket.acknowledged_by,
            is_his=ticket.is_accepted_by(notice.staff.id, notice.staff.name),
            to_tell=len({a.ticket_id for a in notice.to_tell()}),
            newest_id=notice.attempts[-1].id,
        )


def _decide(notice: Notice, attempt: Attempt, outcome: AttemptOutcome) -> None:
    """By a key, the call goes on; a message has nothing to go on with."""
    finished_at = attempt.finished_at if attempt.channel == VOICE else attempt.finished_at or notice.now
    notice.change(attempt, outcome=outcome, finished_at=finished_at)


def _finish(notice: Notice, attempt: Attempt, outcome: AttemptOutcome) -> None:
    notice.change(attempt, outcome=outcome, finished_at=attempt.finished_at or notice.now)
