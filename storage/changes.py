"""Who waits for news is woken: by this process's own commits at once, by other processes' through one watcher thread.

The number that is handed out only says "look again". A wake-up may come for nothing (SQLite's counter also moves with
our own commits, which were announced already), and while the watcher cannot see, everybody is woken to look for
themselves. Nobody may conclude anything from a number but that the tables are worth a look.
"""

import threading
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
        self._make_watcher = watcher
        self._watcher: Watcher | None = None
        self._closed = False

    def announce(self) -> None:
        with self._changed:
            self._number += 1
            self._changed.notify_all()

    def wait(self, seen: int, timeout: float) -> int:
        """Returns at once if the number is not `seen` any more, or after close."""
        with self._changed:
            if self._watcher is None and not self._closed:
                self._watcher = self._make_watcher(self)
                self._watcher.start()
            self._changed.wait_for(lambda: self._number != seen or self._closed, timeout)
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
        connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
        self._changes.announce()
        while not self._stopping.is_set():
            for notification in connection.notifies(timeout=_LISTEN_SECONDS, stop_after=1):
                if notification.payload != self._own:
                    self._changes.announce()
