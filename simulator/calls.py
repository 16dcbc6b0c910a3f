"""One call: a leg between the network and one telephone, what was said on it, and what it can hear.

All calls of a network share its lock. A call's own thread waits in `sleep`, `next_input` and `wait_until`;
each of them raises CallOver when the leg is gone and Diverted when the REST API sent the call elsewhere.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import uuid4

HOTLINE = "hotline"
NETWORK = "network"


class CallOver(Exception):
    """The leg is gone: nothing more can be said or heard on it."""


class CutShort(Exception):
    """What is being played to the call is not to be heard any more."""


class CallStatus(StrEnum):
    """Twilio's words."""

    QUEUED = "queued"
    RINGING = "ringing"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    BUSY = "busy"
    FAILED = "failed"
    NO_ANSWER = "no-answer"
    CANCELED = "canceled"


FINISHED = frozenset(
    {CallStatus.COMPLETED, CallStatus.BUSY, CallStatus.FAILED, CallStatus.NO_ANSWER, CallStatus.CANCELED}
)


@dataclass(frozen=True)
class Source:
    """Where the instructions of a call come from: an address, or TwiML given at once."""

    url: str = ""
    method: str = "POST"
    twiml: str = ""
    params: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Callback:
    """Where and about which events a call reports."""

    url: str
    method: str = "POST"
    events: frozenset[str] = frozenset({"completed"})


class Diverted(Exception):
    """The REST API sent the call elsewhere in the middle of whatever it was doing."""

    def __init__(self, source: Source) -> None:
        super().__init__(source.url or "twiml")
        self.source = source


class InputKind(StrEnum):
    """What a person at a telephone does. SILENCE lets the present listening run out at once."""

    SPEECH = "speech"
    DIGITS = "digits"
    SILENCE = "silence"


@dataclass(frozen=True)
class Input:
    """`polite` input waits until the other side has finished speaking and listens; other input is made now."""

    kind: InputKind
    text: str
    polite: bool = False
    confidence: str = "0.91"


@dataclass
class Line:
    """One line of a transcript. `who` is `hotline`, `network` or a telephone number; `at` counts from the call's start."""

    seq: int
    at: float
    who: str
    kind: str
    text: str
    heard: bool | None = None
    cut: bool = False


@dataclass(frozen=True)
class Leg:
    """What does not change in a call: who with whom. `number` is the telephone, whatever is presented as caller."""

    number: str
    direction: str
    from_: str
    to: str
    parent: "Call | None" = None
    callbacks: tuple[Callback, ...] = ()
    fallback: Source | None = None
    ring_seconds: float = 60.0
    record: dict[str, str] = field(default_factory=dict)


class Call:
    """See the module. `changed` is called, under the lock, after every change that somebody may be watching."""

    def __init__(self, leg: Leg, lock: threading.RLock, changed: Callable[[], None]) -> None:
        self.sid = "CA" + uuid4().hex
        self.leg = leg
        self.status = CallStatus.QUEUED
        self.callbacks = leg.callbacks
        self.created = datetime.now(UTC)
        self.updated = self.created
        self.started: datetime | None = None
        self.ended: datetime | None = None
        self.answered_at: float | None = None
        self.seconds = 0
        self.queue_ms = 0
        self.placed_with = ""  # the address that the REST request named: its owner's own mark of what the call is for
        self.sequence = 0
        self.recording_message = False  # <Record> listens: there is nobody to answer
        self.recorded_from = 0  # number of the line from which on a recording runs
        self.lines: list[Line] = []
        self.speaking = False
        self.listening_for: frozenset[InputKind] = frozenset()
        self.ready = False  # a dialled leg whose announcement is over and that may be connected
        self.left = False  # a dialled leg that the REST API sent elsewhere: it lives on without its parent
        self.fallback = leg.fallback
        self.bridge: Call | None = None
        self.audience: Callable[[], list[Call]] | None = None  # in a conference: who hears what is said now
        self._barge_in = True
        self._inbox: deque[Input] = deque()
        self._polite: deque[Input] = deque()
        self._diverted: Source | None = None
        self._cut = False
        self._began = time.monotonic()
        self._lock = lock
        self._condition = threading.Condition(lock)
        self._changed = changed

    # -- state -------------------------------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        return self.status in FINISHED

    @property
    def answered(self) -> bool:
        return self.answered_at is not None

    @property
    def phase(self) -> str:
        """As the telephone shows it: idle, calling, ringing or talking."""
        if self.over:
            return "idle"
        if self.answered:
            return "talking"
        return "calling" if self.leg.direction == "inbound" else "ringing"

    def set_status(self, status: CallStatus) -> bool:
        """False if the call was over before; a finished call never changes again."""
        with self._lock:
            if self.over:
                return False
            now = datetime.now(UTC)
            self.status, self.updated = status, now
            if status is CallStatus.RINGING:
                self.started = now
            if status is CallStatus.IN_PROGRESS:
                self.started = self.started or now
                self.answered_at = time.monotonic()
            if self.over:
                self.ended = now
                if self.answered_at is not None:
                    self.seconds = max(1, round(time.monotonic() - self.answered_at))
                for lost in self._polite:
                    self._note(lost, heard=False)
                self._polite.clear()
                self.listening_for, self.speaking = frozenset(), False
            self.wake()
            return True

    def wake(self) -> None:
        """Everybody who waits for this call looks again: its thread, its parent's, the pages."""
        with self._lock:
            self._condition.notify_all()
            if self.leg.parent is not None:
                self.leg.parent._condition.notify_all()  # noqa: SLF001 - same class
            self._changed()

    def cut_short(self) -> None:
        """Ends what is being played, in the call's own thread."""
        with self._lock:
            self._cut = True
            self.wake()

    def divert(self, source: Source) -> None:
        with self._lock:
            self._diverted = source
            self.wake()

    # -- what is said ------------------------------------------------------------------------------------------

    def add_line(self, who: str, kind: str, text: str, *, heard: bool | None = None) -> Line:
        with self._lock:
            line = Line(
                len(self.lines) + 1, round(time.monotonic() - self._began, 2), who, kind, text[:5000], heard=heard
            )
            self.lines.append(line)
            self._changed()
            return line

    def event(self, name: str) -> None:
        """A plain happening; the words for it are in words_zh.yml."""
        self.add_line(NETWORK, "event", name)

    def lines_after(self, seq: int) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(line) for line in self.lines[max(0, seq) :]]

    # -- what is heard -----------------------------------------------------------------------------------------

    def take(self, given: Input) -> bool | None:
        """Somebody spoke or pressed. True: it was heard; False: nobody listened; None: it waits for its turn."""
        with self._lock:
            if self.bridge is not None:
                self._note(given, heard=True)
                self.bridge._note(given, heard=None, who=self.leg.number)  # noqa: SLF001 - same class
                return True
            if self.audience is not None:
                hearers = self.audience()
                self._note(given, heard=bool(hearers))
                for hearer in hearers:
                    hearer._note(given, heard=None, who=self.leg.number)  # noqa: SLF001 - same class
                return bool(hearers)
            if given.polite:
                self._polite.append(given)
                self.wake()
                return None
            deaf = self.speaking and not self._barge_in and given.kind is InputKind.SPEECH
            heard = given.kind in self.listening_for and not deaf
            if heard:
                self._inbox.append(given)
            self._note(given, heard=heard)
            self.wake()
            return heard

    def listen(self, kinds: Collection[InputKind], *, barge_in: bool = True) -> None:
        """From now on these kinds are heard; with no kinds, nothing is, and what was left over is lost."""
        with self._lock:
            self._inbox.clear()
            self.listening_for = frozenset(kinds)
            self._barge_in = barge_in
            self.wake()

    def next_input(self, seconds: float, *, own_turn: bool = True) -> Input | None:
        """The next thing heard, or None after `seconds`. `own_turn`: whoever waits politely speaks now."""
        found: list[Input] = []

        def arrived() -> bool:
            while not self._inbox and own_turn and self._polite:
                given = self._polite.popleft()
                if given.kind is InputKind.SILENCE:
                    found.append(given)
                    return True
                heard = given.kind in self.listening_for
                self._note(given, heard=heard)
                if heard:
                    self._inbox.append(given)
            if self._inbox:
                found.append(self._inbox.popleft())
            return bool(found)

        self.wait_until(arrived, seconds)
        return found[0] if found else None

    def unread(self) -> list[Input]:
        """What was heard and nobody has taken yet; for who comes too late to listen."""
        with self._lock:
            left, self._inbox = list(self._inbox), deque()
        return left

    def has_input(self) -> bool:
        return bool(self._inbox)

    # -- waiting -----------------------------------------------------------------------------------------------

    def sleep(self, seconds: float, *, until_input: bool = False) -> bool:
        """Waits; True if input ended it early."""
        return self.wait_until(self.has_input if until_input else lambda: False, seconds)

    def wait_until(self, done: Callable[[], bool], seconds: float | None = None) -> bool:
        """Waits until `done()` (called under the lock) or for `seconds`. Raises CallOver, Diverted."""
        deadline = None if seconds is None else time.monotonic() + seconds
        with self._lock:
            while True:
                self.check()
                if done():
                    return True
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    return False
                self._condition.wait(left)

    def check(self) -> None:
        """Raises what has happened to the call meanwhile: CallOver, Diverted."""
        with self._lock:
            if self.over:
                raise CallOver
            if self._diverted is not None:
                source, self._diverted = self._diverted, None
                raise Diverted(source)
            if self._cut:
                self._cut = False
                raise CutShort

    def _note(self, given: Input, *, heard: bool | None, who: str = "") -> None:
        if given.kind is not InputKind.SILENCE:
            kind = "say" if given.kind is InputKind.SPEECH else "press"
            self.add_line(who or self.leg.number, kind, given.text, heard=heard)
