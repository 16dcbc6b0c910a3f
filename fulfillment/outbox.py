"""Side effects that were promised in a transaction and are carried out by the worker. Pure.

A task is idempotent by `key`: enqueuing the same key twice keeps the first. It may be carried out twice after a crash,
so every deliverer re-reads the truth first.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class TaskKind(StrEnum):
    """Every kind has exactly one deliverer (house test)."""

    FORWARD_EMERGENCY = "forward_emergency"  # {ticket_id, step}: ring and text the step's rung
    WATCH_QUEUE = (
        "watch_queue"  # {conversation_id, epoch}: nobody has taken a waiting resident; note a callback and say so
    )
    CALL_RESIDENT = "call_resident"  # {call_id, n}: ring a resident for what he is owed a call about
    WATCH_RESIDENT_CALL = "watch_resident_call"  # {try_id}: ask the carrier what became of such a call
    CONNECT_CALLBACK = "connect_callback"  # {conversation_id, operator_id}: who was rung back is given to his operator
    WATCH_ATTEMPT = "watch_attempt"  # {attempt_id}: ask the carrier what became of a call that stays silent
    WARN_CLOCK = "warn_clock"  # {clock_id}: most of the time is used up
    BREACH_CLOCK = "breach_clock"  # {clock_id}: due_by has passed
    SPEAK_TO_CALLER = (
        "speak_to_caller"  # {conversation_id, seq}: fetch the live call so that it says an operator's words
    )
    CONNECT_OPERATOR = (
        "connect_operator"  # {conversation_id, operator_id, phone}: dial a live call through to a telephone
    )
    RELEASE_CONVERSATION = "release_conversation"  # {conversation_id, epoch}: an operator who vanished loses the floor


class Lane(StrEnum):
    """Emergencies have a lane of their own, so that nothing can be in front of them."""

    EMERGENCY = "emergency"
    ORDINARY = "ordinary"


LANE_OF = {TaskKind.FORWARD_EMERGENCY: Lane.EMERGENCY, TaskKind.WATCH_ATTEMPT: Lane.EMERGENCY}


def lane_of(kind: TaskKind) -> Lane:
    return LANE_OF.get(kind, Lane.ORDINARY)


@dataclass(frozen=True, slots=True)
class NewTask:
    """To be written in the transaction that makes the promise. `due_at` aware UTC."""

    kind: TaskKind
    key: str
    due_at: datetime
    payload: dict[str, Any] = field(default_factory=dict)
    ticket_id: int | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A claimed task. `token` fences every write about it: a worker that lost its lease changes nothing."""

    id: int
    kind: TaskKind
    key: str
    due_at: datetime
    payload: dict[str, Any]
    ticket_id: int | None
    tries: int
    token: str
