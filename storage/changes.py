"""Who waits for news is woken: by this process's own commits at once, by other processes' through one watcher thread.

The number that is handed out only says "look again". A wake-up may come for nothing (SQLite's counter also moves with
our own commits, which were announced already), and while the watcher cannot see, everybody is woken to look for
themselves. Nobody may conclude anything from a number but that the tables are worth a look.
"""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import closing

import psycopg
import structlog
from psycopg import sql
from sqlalchemy import Engine
from sqlalchemy.engine.interfaces import DBAPIConnection

from kernel.errors import HotlineError
from storage.door import translated

CHANNEL = "hotline_change"
SIGNALS = "hotline_signal"
_MOST_SIGNALS = 1000  # topics remembered before old ones are forgotten
_SIGNAL_LASTS_SECONDS = 30.0
#: How late another process's commit is noticed at most on SQLite. PRAGMA data_version costs microseconds.
POLL_SECONDS = 0.05
_LISTEN_SECONDS = 0.2  # between two looks whether to stop
_RETRY_SECONDS = 0.5

log = structlog.get_logger()


class Changes:
    """The change number of this process. The watcher starts with the first waiter, hence after any fork."""

    def __init__(self, watcher: Callable[["Changes"], "Watcher"]) -> None:
        self._number = 0
        self._changed = threading.Condition()
        self._signals: dict[str, float] = {}
        self._make_watcher = watcher
        self._watcher: Watcher | None = None
        self._closed = False

    def announce(self) -> None:
        with self._changed:
            self._number += 1
            self._changed.notify_all()

    def signal(self, topic: str) -> None:
        """Something happened that is written nowhere: whoever listens to the topic wakes, nobody reads a table for it."""
        now = time.monotonic()
        with self._changed:
            if len(self._signals) >= _MOST_SIGNALS:
                self._signals = {name: at for name, at in self._signals.items() if now - at < _SIGNAL_LASTS_SECONDS}
            self._signals[topic] = now
            self._changed.notify_all()

    def signalled(self, topic: str) -> float:
        """When the topic was signalled last, on the monotonic clock; 0: not lately."""
        return self._signals.get(topic, 0.0)

    def wait(self, seen: int, timeout: float, topic: str = "", heard: float = 0.0) -> int:
        """Returns at once if the number is not `seen` any more, or the topic was signalled after `heard`, or after close."""
        with self._changed:
            if self._watcher is None and not self._closed:
                self._watcher = self._make_watcher(self)
                self._watcher.start()
            self._changed.wait_for(
                lambda: self._number != seen or self._signals.get(topic, 0.0) > heard or self._closed, timeout
            )
            return self._number

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            watcher = self._watcher
        if watcher is not None:
            watcher.stop()


class Watcher(ABC):
    """Announces what other processes commit, and goes on doing so whatever happens to the database."""

    def __init__(self, changes: Changes, engine: Engine) -> None:
        self._changes = changes
        self._engine = engine
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="storage-watcher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with translated(), closing(self._own_connection()) as connection:
                    self._watch(connection)
            except HotlineError as exc:
                log.warning("storage.watcher_lost", reason=str(exc), again_in_seconds=_RETRY_SECONDS)
                self._changes.announce()
                self._stopping.wait(_RETRY_SECONDS)

    def _own_connection(self) -> DBAPIConnection:
        """Set up like all others, but no longer the pool's, which would count it and try to roll back a broken one."""
        pooled = self._engine.raw_connection()
        driver = pooled.dbapi_connection
        pooled.detach()
        if driver is None:
            raise AssertionError("a connection that was just made is there")
        return driver

    @abstractmethod
    def _watch(self, connection: DBAPIConnection) -> None:
        """Returns when told to stop. Announces once when it can see: what was committed before, it has missed."""


class SqliteWatcher(Watcher):
    """PRAGMA data_version moves when any other connection commits."""

    def _watch(self, connection: DBAPIConnection) -> None:
        cursor = connection.cursor()
        version = None
        while not self._stopping.is_set():
            cursor.execute("PRAGMA data_version")
            current = cursor.fetchone()
            if current != version:
                version = current
                self._changes.announce()
            self._stopping.wait(POLL_SECONDS)


class PostgresWatcher(Watcher):
    """LISTEN. Notifications of this very process (`own`) are passed over: it announced them itself."""

    def __init__(self, changes: Changes, engine: Engine, own: str) -> None:
        super().__init__(changes, engine)
        self._own = own

    def _watch(self, connection: DBAPIConnection) -> None:
        if not isinstance(connection, psycopg.Connection):
            raise TypeError(f"psycopg expected, not {type(connection)}")
        connection.autocommit = True
        for channel in (CHANNEL, SIGNALS):
            connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
        self._changes.announce()
        while not self._stopping.is_set():
            for notification in connection.notifies(timeout=_LISTEN_SECONDS, stop_after=1):
                process, _, topic = notification.payload.partition(" ")
                if process == self._own:
                    continue
                if notification.channel == SIGNALS:
                    self._changes.signal(topic)
                else:
                    self._changes.announce()
