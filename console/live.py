"""Live pages: the server says what changed, the page fetches it. The tables are the truth, the stream is a hint.

A page names topics: `queue`, `running`, `duty`, `alarms`, `incidents`, `talk:<id>`, `floor:<id>`, `side:<id>`, `call:<id>`, `rings:<operator>`, `ticket:<id>`, `incident:<id>`. For each, the stream sends a version; a part of
the page that shows another version fetches itself anew. So a page that was cut off for any time is right again with
the first message, and a restarted server needs to remember nothing.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from console import board, call_board
from console.gate import allow, me
from console.incident_page import incident_version
from console.ports import Rooms
from console.presence import Presence
from dialogue.chat import Side
from dialogue.typing_mark import typing_topic
from fulfillment.company import OperatorRole
from kernel.errors import BadInput, Conflict, NotFound

BEAT_SECONDS = 8.0  # also how often a holder's page tells that it is still open
LIFE_SECONDS = 300.0  # then the page reconnects, and a session that has ended since gets 401
_BREATH_SECONDS = 0.2  # at most five looks a second and page, however busy the database is
_RETRY_AFTER_SECONDS = 15
_MAX_TOPICS = 10


class Streams:
    """Counts the open streams: each holds a thread, and threads are also what answers the telephone."""

    def __init__(self, most: int) -> None:
        self._free = threading.BoundedSemaphore(most)

    def enter(self) -> "Seat | None":
        """None if all seats are taken."""
        return Seat(self._free) if self._free.acquire(blocking=False) else None


class Seat:
    """One open stream; leaving twice counts once."""

    def __init__(self, free: threading.BoundedSemaphore) -> None:
        self._free = free
        self._lock = threading.Lock()
        self._taken = True

    def leave(self) -> None:
        with self._lock:
            if self._taken:
                self._taken = False
                self._free.release()


class Topics:
    """Tells the version of each topic."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._shared = board.SharedBoard(rooms)

    def versions(self, topics: list[str], change: int) -> dict[str, str]:
        """Raises BadInput for a topic that does not exist. A thing that has vanished has the version "gone"."""
        return {topic: self._version(topic, change) for topic in topics}

    def _version(self, topic: str, change: int) -> str:
        name, _, subject = topic.partition(":")
        try:
            match name:
                case "queue" | "running" | "duty" | "alarms" | "incidents":
                    return self._shared.versions(change)[name]
                case "talk" | "floor" | "side":
                    return self._conversation(name, subject)
                case "call":
                    return call_board.call_version(self._rooms, subject)
                case "rings" if subject.isdecimal():
                    return call_board.rings_version(call_board.read_rings(self._rooms, int(subject)))
                case "ticket" | "incident" if subject.isdecimal():
                    read = board.ticket_version if name == "ticket" else incident_version
                    return read(self._rooms, int(subject))
        except NotFound:
            return "gone"
        raise BadInput(f"no such topic: {topic[:60]}")

    def _conversation(self, name: str, conversation_id: str) -> str:
        with self._rooms.store.read() as tx:
            conversation = tx.conversation(conversation_id)
            tail = tx.messages(conversation_id, after=board.unsettled_from(conversation)) if name == "talk" else ()
            reached = tx.receipts(conversation_id)[Side.RESIDENT]
            notes = tx.private_notes(conversation_id)
        if name == "talk":
            return board.talk_version(conversation, tail, reached, notes)
        if name == "floor":
            return board.floor_version(conversation)
        known = board.read_known(self._rooms, conversation)
        return board.side_version(*board.read_home(self._rooms, conversation), known)


def add_routes(blueprint: Blueprint, rooms: Rooms, streams: Streams, presence: Presence) -> None:
    """/events (a stream, or with `?now` one answer for pages that have to poll) and the holder's heartbeat."""
    topics = Topics(rooms)

    @blueprint.get("/events")
    @allow(OperatorRole.OPERATOR)
    def events() -> ResponseReturnValue:
        wanted = [t for t in request.args.get("topics", "").split(",") if t]
        if not wanted or len(wanted) > _MAX_TOPICS:
            raise BadInput("between one and ten topics")
        seen = partial(presence.seen, me().id)
        first = topics.versions(wanted, rooms.store.wait_for_change(0, 0))
        if "now" in request.args:
            return first
        seat = streams.enter()
        if seat is None:
            return "", 503, {"Retry-After": str(_RETRY_AFTER_SECONDS)}
        response = Response(_stream(rooms, topics, wanted, seat, seen), mimetype="text/event-stream")
        response.headers["X-Accel-Buffering"] = "no"
        response.call_on_close(seat.leave)
        return response

    @blueprint.post("/conversations/<conversation_id>/heartbeat")
    @allow(OperatorRole.OPERATOR)
    def heartbeat(conversation_id: str) -> ResponseReturnValue:
        try:
            rooms.handoff.heartbeat(conversation_id, me().id)
        except Conflict:
            return "", 409
        return "", 204


def _resident_of(topics: list[str]) -> str:
    """What is signalled while the resident of the open conversation writes."""
    talk = next((subject for name, _, subject in (topic.partition(":") for topic in topics) if name == "talk"), "")
    return typing_topic(talk, Side.RESIDENT)


def _stream(rooms: Rooms, topics: Topics, wanted: list[str], seat: Seat, seen_by: Callable[[], None]) -> Iterator[str]:
    ends_at = time.monotonic() + LIFE_SECONDS
    next_beat = time.monotonic() + BEAT_SECONDS
    sent: dict[str, str] = {}
    try:
        yield "retry: 1000\n\n"
        writing, heard = _resident_of(wanted), time.monotonic()
        change = rooms.store.wait_for_change(0, 0)  # taken before the first look: nothing falls in between
        while time.monotonic() < ends_at:
            now = topics.versions(wanted, change)
            news = {topic: version for topic, version in now.items() if sent.get(topic) != version}
            if news:
                sent = now
                yield f"event: versions\ndata: {json.dumps(news)}\n\n"
            seen, change = change, rooms.store.wait_for_change(change, BEAT_SECONDS, writing, heard)
            if (typed := rooms.store.signalled(writing)) > heard:
                heard = typed
                yield "event: typing\ndata: typing\n\n"
            if seen != change:
                time.sleep(_BREATH_SECONDS)
            if time.monotonic() >= next_beat:
                yield "event: beat\ndata: beat\n\n"
                seen_by()
                next_beat = time.monotonic() + BEAT_SECONDS
    finally:
        seat.leave()
