"""Who sits at the console: every open page tells it, so that residents are not kept waiting at an empty desk."""

import threading
import time

import structlog
from flask import Blueprint, request

from console.gate import PUBLIC, me
from console.ports import PATIENCE_SECONDS, Rooms
from kernel.errors import StoreBusy

#: A third of the shortest time after which an operator counts as gone (data/queue.yml, present_within).
TELL_EVERY_SECONDS = 20.0
log = structlog.get_logger()


class Presence:
    """Remembers when it wrote last, to write less; what counts is the row."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._lock = threading.Lock()
        self._told: dict[int, float] = {}

    def watch(self, blueprint: Blueprint) -> None:
        """Behind the guard: whoever asks for anything is there; open pages tell it with their stream's beat."""

        @blueprint.before_request
        def somebody_is_there() -> None:
            if request.endpoint not in PUBLIC:
                self.seen(me().id)

    def seen(self, operator_id: int) -> None:
        """A page of this operator is open now. A busy database is told with the next beat: three fit into the time."""
        with self._lock:
            now = time.monotonic()
            if now - self._told.get(operator_id, -TELL_EVERY_SECONDS) < TELL_EVERY_SECONDS:
                return
            self._told[operator_id] = now
        try:
            with self._rooms.store.write(within=PATIENCE_SECONDS) as tx:
                tx.operator_present(operator_id, self._rooms.clock.now())
        except StoreBusy:
            log.warning("console.presence_not_written", operator_id=operator_id)

    def arrived(self, operator_id: int) -> None:
        """Signed in: the first page counts at once, also when another process, or this one, wrote "gone" just now."""
        self._forget(operator_id)

    def left(self, operator_id: int) -> None:
        """Signed out."""
        self._forget(operator_id)
        with self._rooms.store.write() as tx:
            tx.operator_left(operator_id)

    def _forget(self, operator_id: int) -> None:
        with self._lock:
            self._told.pop(operator_id, None)
