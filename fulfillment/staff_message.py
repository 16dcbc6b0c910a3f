"""One message to one member of staff that is no alarm: promised in the caller's transaction, sent by text and chat robot.

An attempt of step 0, which no ladder counts, keeps what became of it and carries its signed link.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar
from uuid import uuid4

import structlog

from fulfillment.case import Case
from fulfillment.company import Staff
from fulfillment.notice import ROBOT, TEXT
from fulfillment.outbox import Lane, NewTask, Rank, Task, TaskKind, lane_of
from fulfillment.ports import Carrier, FulfillmentStore, FulfillmentTx
from fulfillment.robot_messages import Robots, robot_of
from fulfillment.standard import Standard
from fulfillment.ticket import Attempt, AttemptOutcome, Ticket
from kernel.clock import Clock
from kernel.errors import CarrierBusy, CarrierError, CarrierRefused

#: Steps of a ladder are counted from 1: an attempt of this step is no alarm.
NO_STEP = 0

log = structlog.get_logger()


class Word(Protocol):
    """What one person is told; `attempt` keeps what became of it."""

    @property
    def attempt(self) -> Attempt: ...


def promise_message(
    case: Case,
    staff_id: int,
    *,
    kinds: Mapping[str, TaskKind],
    key: str,
    rank: Rank = Rank.ORDINARY,
    after: timedelta = timedelta(0),
    **payload: Any,
) -> None:
    """Enqueues one message for each channel that reaches the person (`kinds`: by TEXT and ROBOT), due `after` so long; a
    repeated call with this key adds nothing.
    """
    has_robot = bool(robot_of(case.tx, case.tx.staff(staff_id)))
    for channel, kind in kinds.items():
        if channel == ROBOT and not has_robot:
            continue
        told = {**payload, "attempt_id": uuid4().hex, "staff_id": staff_id}
        case.tx.enqueue(NewTask(kind, f"{key}-{channel}", case.now + after, told, case.ticket.id, rank=rank))


W = TypeVar("W", bound=Word)


class StaffMessages(ABC, Generic[W]):
    """`deliver` finishes or gives back its task itself; it may run twice, at the price of a second message after a crash."""

    def __init__(
        self,
        store: FulfillmentStore,
        carrier: Carrier,
        robots: Robots,
        standard: Standard,
        clock: Clock,
        texts: Mapping[str, Callable[[W], str]],
    ) -> None:
        """`texts` by channel: "text", "robot"."""
        self._store = store
        self._carrier = carrier
        self._robots = robots
        self._standard = standard
        self._clock = clock
        self._texts = texts

    @abstractmethod
    def _when(self, tx: FulfillmentTx, task: Task, ticket: Ticket, staff: Staff, now: datetime) -> datetime | None:
        """When it may be told: not after `now` = now; later = the task is given back; None = it is not needed any more."""

    @abstractmethod
    def _word(self, tx: FulfillmentTx, task: Task, ticket: Ticket, staff: Staff, attempt: Attempt) -> W:
        """What is told, with everything that wording it needs."""

    def deliver(self, task: Task) -> None:
        """One message to one person, if it is still needed."""
        begun = self._begin(task)
        if begun is None:
            return
        word, address = begun
        sid, error = "", None
        try:
            sid = self._send(word, address)
        except CarrierBusy as exc:
            with self._store.write() as tx:
                wait = timedelta(seconds=max(exc.retry_after_seconds, 1.0))
                tx.task_again(task, self._clock.now() + wait, "carrier busy")
            return
        except CarrierError as exc:
            attempt, error = word.attempt, exc
            log.warning("message_failed", kind=task.kind, attempt=attempt.id, channel=attempt.channel, error=repr(exc))
        self._record(task, word.attempt.id, sid, error)

    def kind_title(self, ticket: Ticket) -> str:
        """Of the ticket's kind; its key if the tables have dropped it since."""
        kind = self._standard.kinds.get(ticket.kind)
        return kind.title if kind else ticket.kind

    def _begin(self, task: Task) -> tuple[W, str] | None:
        with self._store.write() as tx:
            if task.ticket_id is None:
                raise AssertionError("every message is about a ticket")
            ticket = tx.ticket(task.ticket_id, for_update=True)
            if not tx.holds(task):
                return None
            staff, now = tx.staff(task.payload["staff_id"]), self._clock.now()
            when = self._when(tx, task, ticket, staff, now) if staff.active else None
            if when is None or when > now:
                tx.give_turn_back(lane_of(task.kind), now)
                if when is None:
                    tx.task_done(task)
                else:
                    tx.task_again(task, when, "told later")
                return None
            return self._word(tx, task, ticket, staff, self._attempt(tx, task, staff, ticket)), robot_of(tx, staff)

    def _attempt(self, tx: FulfillmentTx, task: Task, staff: Staff, ticket: Ticket) -> Attempt:
        """Written when it is about to be sent and never INTENDED: an alarm would join a message that waits."""
        known = next((a for a in tx.attempts(ticket.id) if a.id == task.payload["attempt_id"]), None)
        if known is not None:
            return known
        attempt = Attempt(
            id=task.payload["attempt_id"],
            ticket_id=ticket.id,
            step=NO_STEP,
            staff_id=staff.id,
            role="",
            phone=staff.phone,
            channel=TEXT if lane_of(task.kind) is Lane.TEXT else ROBOT,
            started_at=self._clock.now(),
            outcome=AttemptOutcome.DIALLING,
        )
        tx.add_attempt(attempt)
        return attempt

    def _send(self, word: W, address: str) -> str:
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
