"""Waiting for a person: one row a stay, its place, and how long it will take as far as the last hour tells. Pure.

A place belongs to the stay, not to the line it is waited on: whoever asks for a callback, leaves a message or hangs up
keeps the row, and with it `since`. Callers, chats and callbacks are one queue.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil
from statistics import median


class WaitKind(StrEnum):
    """How the resident is reached when it is his turn."""

    LIVE = "live"  # on the line, or with the chat open
    CALLBACK = "callback"  # is called back


class WaitState(StrEnum):
    WAITING = "waiting"
    TAKEN = "taken"  # an operator has it
    LEFT = "left"  # back to the bot, gone, or settled otherwise


@dataclass(frozen=True, slots=True)
class Wait:
    """One stay in the queue. `place` is the one it began with: with `ended_at` it tells how fast the queue moves."""

    id: int
    conversation_id: str
    kind: WaitKind
    state: WaitState
    since: datetime
    place: int
    phone: str = ""  # callbacks: E.164
    ticket_id: int | None = None  # callbacks: the promise, with its clock
    ended_at: datetime | None = None
    operator_id: int | None = None  # who took it


@dataclass(frozen=True, slots=True)
class InLine:
    """A stay with what puts it in front: danger, then old, ill and disabled residents (J1)."""

    wait: Wait
    emergency: bool = False
    vulnerable: bool = False

    @property
    def order(self) -> tuple[bool, bool, datetime, int]:
        return (not self.emergency, not self.vulnerable, self.wait.since, self.wait.id)


@dataclass(frozen=True, slots=True)
class QueueRules:
    """data/queue.yml; see the comments there."""

    present_within: timedelta
    announce_every: timedelta
    ask_again_after: timedelta
    leave_empty_desk_after: timedelta
    assign_chats: bool
    chats_per_operator: int
    open_assigned_within: timedelta
    assign_again_after: timedelta
    three_rings: timedelta
    lines: int | None
    few_lines_from: float
    look_back: timedelta
    enough_waits: int
    longest_told_minutes: int
    longest_message: timedelta
    silence_ends_message: timedelta
    record_calls: bool
    close_chat_after: timedelta
    close_call_after: timedelta
    sweep_every: timedelta
    keep_finished_tasks: timedelta


@dataclass(frozen=True, slots=True)
class Workload:
    """An operator who is there: how many chats he has, and how many he can hold."""

    operator_id: int
    chats: int
    capacity: int

    @property
    def is_free(self) -> bool:
        return self.chats < self.capacity


def who_takes_it(loads: Sequence[Workload], owner_id: int | None, not_to: Collection[int]) -> Workload | None:
    """Who gets the next chat: whoever was asked first (W6e), else the one with the fewest; None: nobody is free."""
    free = [load for load in loads if load.is_free and load.operator_id not in not_to]
    return min(free, key=lambda load: (load.operator_id != owner_id, load.chats, load.operator_id), default=None)


def place_of(line: Sequence[InLine], conversation_id: str) -> int:
    """1 is next; 0: not in line. `line` in order."""
    return next((n for n, one in enumerate(line, 1) if one.wait.conversation_id == conversation_id), 0)


def expected_minutes(taken: Sequence[Wait], place: int, rules: QueueRules) -> int | None:
    """How long whoever stands at `place` will wait, from the last stays that an operator ended; None: nobody can tell.

    The median time a place took, times the places. Rounded up, coarser the longer it is: 1 to 5, then 10, 15, 20 …
    More than `longest_told_minutes` comes back as that number plus one.
    """
    a_place = [(w.ended_at - w.since).total_seconds() / max(1, w.place) for w in taken if w.ended_at is not None]
    if place < 1 or len(a_place) < rules.enough_waits:
        return None
    minutes = max(1, ceil(median(a_place) * place / 60))
    if minutes > 5:  # noqa: PLR2004 - said in the docstring
        minutes = ceil(minutes / 5) * 5
    return min(minutes, rules.longest_told_minutes + 1)
