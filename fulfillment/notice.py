"""One call or message to one person, with every alarm it tells of. Whatever becomes of it becomes of all of them.

Two people may have one telephone (a couple's, a station's): a call to it tells of the alarms of both, each in its person's name.
Whoever reads or changes a notice has locked the person of its lead first (`opened`), so that an alarm cannot join a call that has
just ended. Locks are taken in the order ticket, person; tickets of other alarms are only read: their tasks and timelines
change, and a step that was brought forward for a ticket that somebody accepts right now finds that out by itself.
Facts have a rank and never fall back: everything may arrive twice and out of order.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from fulfillment.case import Case
from fulfillment.company import Staff
from fulfillment.outbox import TaskKind
from fulfillment.ports import FulfillmentTx
from fulfillment.standard import Standard
from fulfillment.ticket import Attempt, AttemptOutcome

#: A call that was placed is listed by then (their list is immediate). One that is not did not happen: until it is given up, the
#: alarms that come after it join it, and nobody rings.
LISTED_WITHIN = timedelta(seconds=5)

VOICE, TEXT, ROBOT = "voice", "text", "robot"
#: The task that sends what an attempt of this channel leads.
TASK_OF = {VOICE: TaskKind.RING_PERSON, TEXT: TaskKind.TEXT_PERSON, ROBOT: TaskKind.ROBOT_PERSON}
_RANK = {
    AttemptOutcome.INTENDED: 0,
    AttemptOutcome.DIALLING: 1,
    AttemptOutcome.UNKNOWN: 2,
    AttemptOutcome.PLACED: 3,
    AttemptOutcome.RINGING: 4,
    AttemptOutcome.ANSWERED: 5,
}
#: In this way a person is not reached any more; a call in doubt reaches nobody whom we would hear of in time.
_IN_VAIN = frozenset({AttemptOutcome.FAILED, AttemptOutcome.UNKNOWN, AttemptOutcome.NO_ANSWER})
#: What the person or the case has decided: the end of the call adds nothing to it.
DECIDED = frozenset({AttemptOutcome.ACCEPTED, AttemptOutcome.PASSED_ON, AttemptOutcome.WITHDRAWN})
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


class Notice:
    """Lives no longer than its transaction; `attempts` as last written, the oldest first."""

    def __init__(self, tx: FulfillmentTx, call_id: str, staff: Staff, *, standard: Standard, now: datetime) -> None:
        self.tx = tx
        self.staff = staff
        self.now = now
        self.attempts: Sequence[Attempt] = tx.carried_by(call_id)
        self._standard = standard

    @classmethod
    def opened(cls, tx: FulfillmentTx, attempt_id: str, *, standard: Standard, now: datetime) -> "Notice":
        """The notice that carries this attempt, with the person of its lead locked; `staff` is this attempt's. Raises NotFound."""
        attempt = tx.attempt(attempt_id)
        lead = tx.attempt(attempt.lead_id) if attempt.lead_id else attempt
        rung = tx.staff(lead.staff_id, for_update=True)
        staff = rung if rung.id == attempt.staff_id else tx.staff(attempt.staff_id)
        return cls(tx, attempt.call_id, staff, standard=standard, now=now)

    @property
    def lead(self) -> Attempt:
        """Carries the others; its id is in the addresses of the webhooks."""
        return next(a for a in self.attempts if a.id == a.call_id)

    @property
    def unfinished(self) -> Sequence[Attempt]:
        """Not empty as long as the call is up, or the message on its way."""
        return [a for a in self.attempts if a.finished_at is None]

    @property
    def sid(self) -> str:
        return next((a.provider_sid for a in self.attempts if a.provider_sid), "")

    def case(self, attempt: Attempt) -> Case:
        return Case(self.tx, self.tx.ticket(attempt.ticket_id), standard=self._standard, now=self.now)

    def to_tell(self) -> Sequence[Attempt]:
        """Those about which this person has not decided, and nobody else has."""
        undecided = [a for a in self.attempts if a.outcome not in DECIDED]
        unaccepted = self.tx.unaccepted([a.ticket_id for a in undecided])
        return [a for a in undecided if a.ticket_id in unaccepted]

    def change(self, attempt: Attempt, **changes: Any) -> Attempt:
        changed = replace(attempt, **changes)
        self.tx.save_attempt(changed)
        self.attempts = [changed if a.id == changed.id else a for a in self.attempts]
        return changed

    def tell(self, attempt: Attempt, key: str, *, actor: str = "carrier", **params: Any) -> None:
        person = self.staff if attempt.staff_id == self.staff.id else self.tx.staff(attempt.staff_id)
        self.case(attempt).tell(key, actor=actor, name=person.name, **params)

    def advance(self, attempt: Attempt, outcome: AttemptOutcome, sid: str = "") -> Attempt:
        """A fact about an attempt that goes on; one that is older than what is known is passed over."""
        known = _RANK.get(attempt.outcome, max(_RANK.values()))
        newer = outcome if _RANK[outcome] > known else attempt.outcome
        sid = attempt.provider_sid or sid
        if (newer, sid) == (attempt.outcome, attempt.provider_sid):
            return attempt
        return self.change(attempt, outcome=newer, provider_sid=sid)

    def end(self, outcome: AttemptOutcome, fact: str = "", **params: Any) -> None:
        """The call is over: whoever has not decided has not accepted. After a telephone that rang in vain the next rungs need
        not wait; one that could not be rung has given no answer (`failed`).
        """
        for attempt in self.unfinished:
            if attempt.outcome in DECIDED:
                self.change(attempt, finished_at=self.now)
                continue
            self.change(attempt, outcome=outcome, finished_at=self.now)
            case = self.case(attempt)
            if case.ticket.needs_acknowledgement:
                if fact:
                    self.tell(attempt, fact, **params)
                if outcome is AttemptOutcome.NO_ANSWER:
                    case.forward_after(attempt.step)
                else:
                    self.failed(attempt)

    def failed(self, attempt: Attempt) -> None:
        """This way to its person is closed. The next rung need not wait if no other way of the same step is left on which he
        could accept: otherwise it keeps its time, and he keeps his to press the link that has just left. A text is no such
        way. A call of which nobody knows what became may be a moment's fault of the carrier's: the next rung is tried at
        once, the one after it keeps its time. Call after the outcome was written.
        """
        attempts = self.tx.attempts(attempt.ticket_id)
        ways = [a for a in attempts if a.step == attempt.step and a.channel != TEXT]
        no_way_left = all(a.outcome in _IN_VAIN for a in ways)
        before = [a for a in attempts if a.step == attempt.step - 1 and a.channel == VOICE]
        if no_way_left or (
            attempt.outcome is AttemptOutcome.UNKNOWN and all(a.outcome not in _IN_VAIN for a in before)
        ):
            self.case(attempt).forward_after(attempt.step)

    def call_status(self, status: str, sid: str) -> None:
        """What the carrier said about the call, in its own word."""
        for attempt in self.attempts:
            if not attempt.provider_sid and sid:
                self.change(attempt, provider_sid=sid)
        if status in _OVER:
            self.end(_OVER[status], "call_no_answer", status=status)
        outcome = _LIVE.get(status)
        if outcome is None:
            return
        for attempt in self.unfinished:
            changed = self.advance(attempt, outcome)
            if changed.outcome is not attempt.outcome and outcome is not AttemptOutcome.PLACED:
                self.tell(attempt, f"call_{outcome.value}")
