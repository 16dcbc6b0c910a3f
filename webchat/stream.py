"""Live pages: server-sent events over the durable log. The push is a hint, the log is the truth (DESIGN §3)."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dialogue.chat import Side
from dialogue.conversation import Conversation, Floor
from dialogue.typing_mark import typing_topic
from kernel.errors import StoreBusy
from webchat.ports import ChatStore
from webchat.shown import Beside, messages_json, state_json

_PAGE = 100
NOTHING_BESIDE = Beside()


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


def follow(
    store: ChatStore, conversation_id: str, after: int, pace: Pace, beside: Beside = NOTHING_BESIDE
) -> Iterator[str]:
    """Everything with seq > after, then everything as it happens, until the conversation has ended or time is up.

    The change number is taken before the first read: a message between the two wakes the stream again at once.
    """
    yield "retry: 1500\n\n"
    until = time.monotonic() + pace.longest
    state: dict[str, Any] = {}
    seen = store.wait_for_change(0, 0)
    topic = typing_topic(conversation_id, Side.HOUSE)
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
        now_seen = store.wait_for_change(seen, min(pace.keep_alive, left), topic, heard)
        while (
            now_seen == seen and time.monotonic() < until and (typed := store.signalled(topic)) > heard
        ):  # nothing is read for it
            heard = typed
            yield _event("typing", {})
            now_seen = store.wait_for_change(seen, min(pace.keep_alive, left), topic, heard)
        if now_seen == seen:
            yield ": still here\n\n"
        seen = now_seen


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
