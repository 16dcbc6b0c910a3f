"""Live pages: server-sent events over the durable log. The push is a hint, the log is the truth (DESIGN §3)."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dialogue.chat import Side
from dialogue.conversation import Conversation, Floor
from dialogue.typing_mark import typing_topic
from kernel.errors import StoreBusy
from webchat.ports import ChatStore
from webchat.shown import Beside, messages_json, state_json

_PAGE = 100
NOTHING_BESIDE = Beside()
#: How often the watch looks for what is no change of the tables, or not of the log.
TICK_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds. A gone reader is noticed at the next keep-alive; `longest` frees the thread of one that never shows."""

    keep_alive: float = 15.0
    longest: float = 300.0


class Seats:
    """How many streams this process may hold: each one holds a thread that a telephone webhook may need."""

    def __init__(self, number: int) -> None:
        self._free = threading.BoundedSemaphore(number)

    def take(self) -> bool:
        return self._free.acquire(blocking=False)

    def give_back(self) -> None:
        self._free.release()


class Looks:
    """What all streams of a process share, so that a thousand of them are not all woken, nor read their whole conversation,
    whenever anybody writes: one thread waits for changes, asks with one query whose log has grown or whose floor has
    moved, and wakes those. What changes beside the log (a place in line, a ticket's card, a read mark) the others look
    for in turn.

    Price: such a change is late by the square of the number of streams: a fifth of a second with 100, 20 s with 1,000.
    It and typing marks are late by `TICK_SECONDS` besides.
    """

    _LATE_BY = 20e-6  # seconds, times the square of the streams

    def __init__(self, store: ChatStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._change = -1
        self._tops: Mapping[str, tuple[int, int]] = {}
        self._streams = 0
        self._asleep: set[Nap] = set()
        self._is_watched = False

    def enter(self) -> None:
        with self._lock:
            self._streams += 1
            if self._is_watched:
                return
            self._is_watched = True
        threading.Thread(target=self._watch, name="chat-looks", daemon=True).start()

    def leave(self) -> None:
        with self._lock:
            self._streams -= 1

    @property
    def pause(self) -> float:
        """Seconds between two looks of one stream that nobody has written to."""
        return self._streams**2 * self._LATE_BY

    def has_moved(self, conversation: Conversation, change: int) -> bool:
        """Since this was read, as of change number `change`. Raises StoreBusy."""
        with self._lock:
            if change != self._change:
                with self._store.read() as tx:
                    self._tops = tx.live_tops()
                self._change = change
            return self._tops.get(conversation.id) != (conversation.last_seq, conversation.epoch)

    def lie_down(self, nap: "Nap") -> None:
        """It is woken for what happens from now on, and at once for what happened since it looked. Raises StoreBusy."""
        with self._lock:
            self._asleep.add(nap)
        nap.notice(self._store.wait_for_change(nap.seen, 0))

    def get_up(self, nap: "Nap") -> None:
        with self._lock:
            self._asleep.discard(nap)

    def _watch(self) -> None:
        """While there are streams. Should it ever die, they look at each keep-alive, and the next stream starts another."""
        change = -1
        try:
            while True:
                now = self._store.wait_for_change(change, TICK_SECONDS)
                with self._lock:
                    if not self._streams:
                        self._is_watched = False
                        return
                    asleep = tuple(self._asleep)
                try:
                    for nap in asleep:
                        nap.notice(now)
                except StoreBusy:
                    time.sleep(TICK_SECONDS)
                else:
                    change = now
        except BaseException:
            self._is_watched = False
            raise


def follow(
    store: ChatStore,
    conversation_id: str,
    after: int,
    pace: Pace,
    beside: Beside = NOTHING_BESIDE,
    looks: Looks | None = None,
) -> Iterator[str]:
    """Everything with seq > after, then everything as it happens, until the conversation has ended or time is up.

    The change number is taken before the first read: a message between the two wakes the stream again at once.
    """
    looks = looks or Looks(store)
    looks.enter()
    try:
        yield from _followed(store, conversation_id, after, pace, beside, looks)
    finally:
        looks.leave()


def _followed(
    store: ChatStore, conversation_id: str, after: int, pace: Pace, beside: Beside, looks: Looks
) -> Iterator[str]:
    yield "retry: 1500\n\n"
    until = time.monotonic() + pace.longest
    state: dict[str, Any] = {}
    seen = store.wait_for_change(0, 0)
    heard = time.monotonic()
    while True:
        try:
            conversation, news, new_state = _read(store, conversation_id, after, beside)
        except StoreBusy:
            return  # the browser reconnects with the last id it has
        for seq, shown in news:
            after = seq
            if shown is not None:
                yield _event("message", shown, event_id=seq)
        if new_state != state:
            state = new_state
            yield _event("state", state)
        if len(news) == _PAGE:
            continue
        left = until - time.monotonic()
        if conversation.floor is Floor.ENDED or left <= 0:
            return
        silent_until = time.monotonic() + min(pace.keep_alive, left)
        nap = Nap(store, looks, conversation, seen, heard, silent_until)
        try:
            yield from nap.typing_marks()
        except StoreBusy:
            return  # as above
        seen, heard = nap.seen, nap.heard
        if time.monotonic() >= silent_until:
            yield _event("beat", {})  # not a comment, which a page cannot hear


@dataclass(slots=True, eq=False)
class Nap:
    """A stream between two looks at its log."""

    store: ChatStore
    looks: Looks
    conversation: Conversation
    seen: int
    heard: float
    until: float
    asleep_since: float = field(default_factory=time.monotonic)
    is_due: bool = False
    _topic: str = field(init=False)
    _woken: threading.Event = field(default_factory=threading.Event)
    _has_news_beside: bool = False

    def __post_init__(self) -> None:
        self._topic = typing_topic(self.conversation.id, Side.HOUSE)

    def typing_marks(self) -> Iterator[str]:
        """Ends when it is time to look again; on the way it tells that somebody types, for which nothing is read."""
        try:
            self.looks.lie_down(self)
            while not self.is_due and self._woken.wait(max(0.0, self.until - time.monotonic())):
                self._woken.clear()
                if (typed := self.store.signalled(self._topic)) > self.heard:
                    self.heard = typed
                    yield _event("typing", {})
        finally:
            self.looks.get_up(self)

    def notice(self, change: int) -> None:
        """Wakes the stream if there is something for it; called by the stream itself and by the watch. Raises StoreBusy."""
        if change != self.seen:
            self.is_due = self.looks.has_moved(self.conversation, change) or self.is_due
            self.seen, self._has_news_beside = change, True
        if self._has_news_beside and time.monotonic() >= self.asleep_since + self.looks.pause:
            self.is_due = True
        if self.is_due or self.store.signalled(self._topic) > self.heard:
            self._woken.set()


def _read(
    store: ChatStore, conversation_id: str, after: int, beside: Beside
) -> tuple[Conversation, list[tuple[int, dict[str, Any] | None]], dict[str, Any]]:
    with store.read() as tx:
        conversation = tx.conversation(conversation_id)
        news = tx.messages(conversation_id, after, _PAGE)
        state = state_json(tx, conversation, beside)
    return conversation, [(m.seq, next(iter(messages_json([m])), None)) for m in news], state


def _event(name: str, data: dict[str, Any], *, event_id: int | None = None) -> str:
    head = f"id: {event_id}\n" if event_id is not None else ""
    return f"{head}event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
