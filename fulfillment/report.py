"""What a month, or a day, looks like against the standard: what is counted, and what follows from the counts. Pure.

A promise (a clock) belongs to the period in which it began, a ticket to the one in which it was opened, a resident's answer
to the one in which it was given. Void clocks are no promises. A clock that still runs after its end is broken already.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from statistics import median

from fulfillment.ticket import ClockState, TicketClock
from fulfillment.waiting import Wait, WaitKind, WaitState
from kernel.clock import BEIJING
from kernel.errors import BadInput

_FIRST_YEAR, _LAST_YEAR = 2000, 2999  # others come from a slip of the finger, or overflow


class Outcome(StrEnum):
    """What became of a promise."""

    KEPT = "kept"
    BROKEN = "broken"
    RUNNING = "running"


def outcome_of(clock: TicketClock, now: datetime) -> Outcome | None:
    """None: void. What storage counts in SQL, said once more."""
    match clock.state:
        case ClockState.KEPT:
            return Outcome.KEPT
        case ClockState.VOID:
            return None
        case ClockState.RUNNING if clock.due_by >= now:
            return Outcome.RUNNING
        case _:
            return Outcome.BROKEN


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` until before `until`, aware UTC."""

    since: datetime
    until: datetime

    def has(self, instant: datetime) -> bool:
        return self.since <= instant < self.until


@dataclass(frozen=True, slots=True)
class Month:
    """A month of the residents' calendar (Asia/Shanghai)."""

    year: int
    month: int

    @classmethod
    def of(cls, day: date) -> "Month":
        return cls(day.year, day.month)

    @classmethod
    def parse(cls, text: str) -> "Month":
        """`2026-11`. Raises BadInput."""
        try:
            found = cls.of(date.fromisoformat(f"{text}-01"))
        except ValueError as exc:
            raise BadInput(f"{text!r} is no month") from exc
        if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
            raise BadInput(f"{text!r} is no month of this product")
        return found

    @property
    def period(self) -> Period:
        return Period(_midnight(date(self.year, self.month, 1)), _midnight(self.after.first))

    @property
    def after(self) -> "Month":
        return Month.of(self.first + timedelta(days=31))

    @property
    def before(self) -> "Month":
        return Month.of(self.first - timedelta(days=1))

    @property
    def first(self) -> date:
        return date(self.year, self.month, 1)

    def __str__(self) -> str:
        return f"{self.year}-{self.month:02d}"


def period_of(text: str) -> Period | None:
    """`2026-11` or `2026-11-22`, as a page's address names it; None if it is neither."""
    try:
        return Month.parse(text).period
    except BadInput:
        pass
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day_period(day) if _FIRST_YEAR <= day.year <= _LAST_YEAR else None


def day_period(day: date) -> Period:
    """A local day."""
    return Period(_midnight(day), _midnight(day + timedelta(days=1)))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), BEIJING).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class PromiseCount:
    """The promises of one clock rule. `tickets` are fewer where a case was reopened and owed the same anew."""

    clause: str
    rule: str
    kept: int = 0
    broken: int = 0
    running: int = 0
    tickets: int = 0

    @property
    def all(self) -> int:
        return self.kept + self.broken + self.running

    @property
    def share_kept(self) -> float | None:
        """Of those that are decided; None: nothing is."""
        decided = self.kept + self.broken
        return self.kept / decided if decided else None

    def __add__(self, other: "PromiseCount") -> "PromiseCount":
        kept, broken, running = self.kept + other.kept, self.broken + other.broken, self.running + other.running
        return PromiseCount(self.clause, "", kept, broken, running, self.tickets + other.tickets)


def by_clause(counts: Sequence[PromiseCount]) -> Mapping[str, PromiseCount]:
    """One count a clause, over all its rules."""
    found: dict[str, PromiseCount] = {}
    for count in counts:
        found[count.clause] = found.get(count.clause, PromiseCount(count.clause, "")) + count
    return found


@dataclass(frozen=True, slots=True)
class KindCount:
    """Tickets of one kind."""

    kind: str
    opened: int
    done: int  # resolved or closed
    cancelled: int

    @property
    def open(self) -> int:
        return self.opened - self.done - self.cancelled


@dataclass(frozen=True, slots=True)
class OwnerCount:
    """First-contact responsibility (W6e) of one operator; None: cases that nobody owns."""

    owner_id: int | None
    opened: int
    done: int
    broken: int  # promises of these cases
    satisfied: int  # answers at callbacks in the period, of whatever cases
    dissatisfied: int


@dataclass(frozen=True, slots=True)
class Answers:
    """What residents said at the callback (B7), and how they rated chats (stars → how many)."""

    satisfied: int = 0
    fairly: int = 0
    dissatisfied: int = 0
    not_reached: int = 0
    stars: Mapping[int, int] | None = None

    @property
    def share_satisfied(self) -> float | None:
        """Satisfied and fairly satisfied, of all who answered."""
        said = self.satisfied + self.fairly + self.dissatisfied
        return (self.satisfied + self.fairly) / said if said else None

    @property
    def mean_stars(self) -> float | None:
        stars = self.stars or {}
        given = sum(stars.values())
        return sum(n * count for n, count in stars.items()) / given if given else None


@dataclass(frozen=True, slots=True)
class CallCount:
    """Telephone and chat as far as they are stored. The carrier's own ringing before the hotline answers is not (W6d)."""

    calls: int
    chats: int
    rings: int  # operators' telephones that were rung
    answered: int
    in_three_rings: int
    waited: int  # stays in the line for a person that are over
    taken: int
    left: int  # gave up, or went back to the bot
    called_back: int  # waited on as a callback
    median_wait: timedelta | None  # of those that a person took on the line
    longest_wait: timedelta | None


@dataclass(frozen=True, slots=True)
class LinesUsed:
    """How many calls there were at one time at most, and since when; `bought`: how many the carrier lets in, 0 = not known."""

    most: int
    since: datetime | None
    bought: int = 0
    few_from: float = 1.0

    @property
    def are_few(self) -> bool:
        return 0 < self.bought * self.few_from <= self.most


def count_lines(
    calls: Sequence[tuple[datetime, datetime | None]], now: datetime, *, bought: int, few_from: float
) -> LinesUsed:
    """Each call from when to when, None: it is still there. One that ends as another begins was not beside it."""
    ends = [(ended or now, -1) for _, ended in calls]
    most, there = 0, 0
    since: datetime | None = None
    for at, change in sorted([*ends, *((began, 1) for began, _ in calls)]):
        there += change
        if there > most:
            most, since = there, at
    return LinesUsed(most, since, bought, few_from)


def count_calls(
    conversations: Mapping[str, int], rings: Sequence[timedelta | None], waits: Sequence[Wait], three_rings: timedelta
) -> CallCount:
    """`rings`: how long each operator's telephone rang until it was answered; None: it was not."""
    answered = [rang for rang in rings if rang is not None]
    over = [w for w in waits if w.ended_at is not None]
    live = [w for w in over if w.kind is WaitKind.LIVE]
    taken = [w.ended_at - w.since for w in live if w.state is WaitState.TAKEN and w.ended_at is not None]
    return CallCount(
        calls=conversations.get("phone", 0),
        chats=conversations.get("chat", 0) + conversations.get("wechat", 0),
        rings=len(rings),
        answered=len(answered),
        in_three_rings=sum(rang <= three_rings for rang in answered),
        waited=len(over),
        taken=len(taken),
        left=sum(w.state is WaitState.LEFT for w in live),
        called_back=len(over) - len(live),
        median_wait=timedelta(seconds=median(wait.total_seconds() for wait in taken)) if taken else None,
        longest_wait=max(taken, default=None),
    )


@dataclass(frozen=True, slots=True)
class Reported:
    """One ticket as a dot in time."""

    at: datetime
    kind: str
    community_id: int | None
