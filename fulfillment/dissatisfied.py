"""A resident was not satisfied at the callback: whoever had the case and the supervisor on duty hear of it at once.

Promised in the transaction that reopens the case (`promise_word`); `WordOfDissatisfaction` delivers TELL_BY_TEXT and
TELL_BY_ROBOT. An attempt of step 0, which no ladder counts, keeps what became of a message and carries its signed link.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import uuid4

import structlog

from fulfillment.case import Case
from fulfillment.company import Staff, StaffRole
from fulfillment.notice import ROBOT, TEXT
from fulfillment.outbox import NewTask, Rank, Task, TaskKind, lane_of
from fulfillment.ports import Carrier, FulfillmentStore, FulfillmentTx
from fulfillment.robot_messages import Robots, robot_of
from fulfillment.staff_notices import NO_STEP, on_duty
from fulfillment.standard import Standard
from fulfillment.ticket import Attempt, AttemptOutcome, Ticket
from kernel.clock import Clock
from kernel.errors import CarrierBusy, CarrierError, CarrierRefused

_KIND_OF = {TEXT: TaskKind.TELL_BY_TEXT, ROBOT: TaskKind.TELL_BY_ROBOT}

log = structlog.get_logger()


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
        staff = case.tx.staff(staff_id)
        for channel in (TEXT, ROBOT) if robot_of(case.tx, staff) else (TEXT,):
            payload = {"attempt_id": uuid4().hex, "staff_id": staff_id}
            key = f"dissatisfied-{call_id}-{staff_id}-{channel}"
            case.tx.enqueue(NewTask(_KIND_OF[channel], key, case.now, payload, case.ticket.id, rank=Rank.ORDINARY))
    if not people:
        case.tell("nobody_to_tell", actor="worker", title=_title(case.standard, case.ticket))


class WordOfDissatisfaction:
    """`deliver` finishes or gives back its task itself; it may run twice, at the price of a second message after a crash."""

    def __init__(
        self,
        store: FulfillmentStore,
        carrier: Carrier,
        robots: Robots,
        standard: Standard,
        clock: Clock,
        texts: Mapping[str, DissatisfactionText],
    ) -> None:
        """`texts` by channel: "text", "robot"."""
        self._store = store
        self._carrier = carrier
        self._robots = robots
        self._standard = standard
        self._clock = clock
        self._texts = texts

    def deliver(self, task: Task) -> None:
        begun = self._begin(task)
        if begun is None:
            return
        word, address = begun
        sid, error = "", None
        try:
            sid = self._send(word, address)
        except CarrierBusy as exc:
            with self._store.write() as tx:
                tx.task_again(task, self._clock.now() + timedelta(seconds=max(exc.retry_after_seconds, 1.0)), "busy")
            return
        except CarrierError as exc:
            log.warning("word_failed", attempt=word.attempt.id, channel=word.attempt.channel, error=repr(exc))
            error = exc
        self._record(task, word.attempt.id, sid, error)

    def _begin(self, task: Task) -> tuple[Dissatisfaction, str] | None:
        with self._store.write() as tx:
            if task.ticket_id is None:
                raise AssertionError("every word is about a ticket")
            ticket = tx.ticket(task.ticket_id, for_update=True)
            if not tx.holds(task):
                return None
            staff = tx.staff(task.payload["staff_id"])
            if not staff.active or not ticket.is_open:
                tx.give_turn_back(lane_of(task.kind), self._clock.now())
                tx.task_done(task)
                return None
            community_id = ticket.address.community_id
            name = "" if community_id is None else tx.community(community_id).name
            attempt = self._attempt(tx, task, staff, ticket)
            word = Dissatisfaction(attempt, ticket, staff, _title(self._standard, ticket), name)
            return word, robot_of(tx, staff)

    def _attempt(self, tx: FulfillmentTx, task: Task, staff: Staff, ticket: Ticket) -> Attempt:
        """Never INTENDED: an alarm would join a message that waits."""
        known = next((a for a in tx.attempts(ticket.id) if a.id == task.payload["attempt_id"]), None)
        if known is not None:
            return known
        attempt = Attempt(
            id=task.payload["attempt_id"], ticket_id=ticket.id, step=NO_STEP, staff_id=staff.id, role="",
            phone=staff.phone, channel=TEXT if task.kind is TaskKind.TELL_BY_TEXT else ROBOT,
            started_at=self._clock.now(), outcome=AttemptOutcome.DIALLING,
        )  # fmt: skip
        tx.add_attempt(attempt)
        return attempt

    def _send(self, word: Dissatisfaction, address: str) -> str:
        attempt = word.attempt
        body = self._texts[attempt.channel](word)
        if attempt.channel == TEXT:
            return self._carrier.text(to=attempt.phone, body=body, attempt_id=attempt.id)
        if not address:
            raise CarrierRefused("the robot's address is gone")
        self._robots.send(address=address, body=body)
        return ""

    def _record(self, task: Task, attempt_id: str, sid: str, error: CarrierError | None) -> None:
        with self._store.write() as tx:
            ticket = tx.ticket(tx.attempt(attempt_id).ticket_id, for_update=True)
            attempt, now = tx.attempt(attempt_id), self._clock.now()
            if attempt.finished_at is None:  # a delivery report may have been faster
                outcome = AttemptOutcome.PLACED if error is None else AttemptOutcome.FAILED
                tx.save_attempt(replace(attempt, outcome=outcome, provider_sid=sid, finished_at=now))
                case = Case(tx, ticket, standard=self._standard, now=now)
                name = tx.staff(attempt.staff_id).name
                if error is None:
                    case.tell(f"{attempt.channel}_sent", actor="worker", name=name)
                else:
                    reason = type(error).__name__
                    case.tell(f"{attempt.channel}_failed", actor="carrier", name=name, reason=reason)
            tx.task_done(task)


def _title(standard: Standard, ticket: Ticket) -> str:
    kind = standard.kinds.get(ticket.kind)
    return kind.title if kind else ticket.kind
