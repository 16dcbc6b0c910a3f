"""The store: transactions, claims, wake-ups. What `dialogue.ports.DialogueStore` promises, on SQLite and PostgreSQL.

SQLAlchemy Core, not its ORM: the product's rows are frozen dataclasses that rooms above own, every write here is one
statement with a condition (a claim, an epoch, a rev, a unique key), and nothing may be loaded, flushed or expired behind
the reader's back. Price: the mapping between rows and dataclasses is written out, one line a table.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

from sqlalchemy import Connection, text

from dialogue.ports import DialogueTx
from fulfillment.outbox import Lane, Rank, Task, is_due
from kernel.errors import ConfigurationError, HotlineError, StoreBusy
from storage import engines, migrate
from storage.announcements import AnnouncementRows
from storage.changes import CHANNEL, SIGNALS, Changes, PostgresWatcher, SqliteWatcher, Watcher
from storage.chats import ChatRows
from storage.conferences import ConferenceRows
from storage.conversations import ConversationRows
from storage.door import translated
from storage.editions import EditionRows
from storage.incidents import IncidentRows
from storage.looks import LookRows
from storage.outbox import OutboxRows
from storage.private_notes import PrivateNoteRows
from storage.profiles import ProfileRows
from storage.recordings import RecordingRows
from storage.reports import ReportRows
from storage.resident_calls import ResidentCallRows
from storage.tickets import TicketRows
from storage.visits import VisitRows


class Tx(
    ChatRows,
    ConferenceRows,
    ConversationRows,
    EditionRows,
    LookRows,
    TicketRows,
    OutboxRows,
    PrivateNoteRows,
    AnnouncementRows,
    ProfileRows,
    RecordingRows,
    ReportRows,
    ResidentCallRows,
    IncidentRows,
    VisitRows,
):
    """One open transaction: every method of `dialogue.ports.DialogueTx`.

    Any method may raise StoreBusy; a database error of any kind dooms the transaction, even if the caller catches it.
    """


class Store:
    """One database, shared by all threads of a process. Opens no connection before it is used: build it before or after a fork.

    `busy_seconds`: how long a transaction waits for a lock before it raises StoreBusy. The default leaves a webhook,
    which has 15 s, time to answer something else.
    """

    def __init__(self, url: str, *, busy_seconds: float = 8.0) -> None:
        self._url = engines.parse(url)
        self._busy_seconds = busy_seconds
        self._engines = engines.build(self._url, busy_seconds)
        self._one_writer = threading.Lock()
        self._writing = threading.local()
        self._process = uuid4().hex
        self._changes = Changes(self._watcher)

    # --- the database as a whole

    def migrate(self) -> None:
        """Brings the tables to this release; safe to run twice and by two processes at once."""
        migrate.upgrade(self._url)

    def is_current(self) -> bool:
        """The database has exactly the tables of this release. Creates nothing."""
        return migrate.stored_heads(self._url) == migrate.wanted_heads()

    def ping(self) -> float:
        """Seconds for one round trip. Raises StoreBusy if the database does not answer."""
        started = time.monotonic()
        with translated(), self._engines.read.connect() as connection:
            connection.execute(text("SELECT 1"))
        return time.monotonic() - started

    def present(self) -> datetime:
        """What time it is for the database; SQLite has this machine's clock. Raises StoreBusy."""
        sql = (
            "SELECT strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')"
            if self._engines.is_sqlite
            else "SELECT clock_timestamp()"
        )
        with translated(), self._engines.read.connect() as connection:
            now = connection.execute(text(sql)).scalar_one()
        return now if isinstance(now, datetime) else datetime.fromisoformat(now)

    def backup(self, path: str | Path) -> None:
        """Writes a consistent copy of a SQLite database while it is in use; an older file of that name is replaced at
        the very end. Raises ConfigurationError on PostgreSQL, which has pg_dump; OSError where no file can be written.
        """
        if not self._engines.is_sqlite:
            raise ConfigurationError("a PostgreSQL database is backed up with pg_dump")
        target = Path(path)
        part = target.with_name(target.name + ".part")
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        with translated(), closing(self._engines.write.raw_connection()) as connection:
            connection.cursor().execute("VACUUM INTO ?", (str(part),))
        with part.open("rb") as copy:
            os.fsync(copy.fileno())  # VACUUM INTO leaves that to us
        part.replace(target)

    def close(self) -> None:
        """Ends the watcher, wakes whoever waits, closes all connections."""
        self._changes.close()
        self._engines.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    # --- transactions

    def limit_waiting(self, seconds: float | None) -> None:
        """From now on all write transactions of this thread together wait for locks no longer than this; None: each
        waits `busy_seconds` again. For a webhook, which has several and one time for all of them.
        """
        self._writing.until = None if seconds is None else time.monotonic() + seconds

    def _patience(self, within: float | None) -> float:
        until: float | None = getattr(self._writing, "until", None)
        longest = self._busy_seconds if within is None else min(self._busy_seconds, within)
        return longest if until is None else max(0.0, min(longest, until - time.monotonic()))

    @contextmanager
    def write(self, *, within: float | None = None) -> Iterator[DialogueTx]:
        """A read-write transaction: commits at the end of the block, rolls back on any exception.

        Not to be nested (RuntimeError at once, instead of waiting for oneself until StoreBusy). `within`: seconds to wait for
        a lock, where that is less than this transaction would wait otherwise.
        """
        with self._write(announce=True, within=within) as tx:
            yield tx

    @contextmanager
    def read(self) -> Iterator[DialogueTx]:
        """A read-only snapshot; writing or locking through it raises HotlineError. Keep it short: it holds a connection."""
        with self._read() as tx:
            yield tx

    @contextmanager
    def _read(self) -> Iterator[Tx]:
        with translated():
            connection = self._engines.read.connect()
        with _closing(connection), _transaction(connection):
            yield Tx(connection, writable=False)

    @contextmanager
    def _write(self, *, announce: bool, within: float | None = None) -> Iterator[Tx]:
        if getattr(self._writing, "now", False):
            raise RuntimeError("a write transaction inside a write transaction of the same thread")
        with self._turn_to_write(within) as connection, _closing(connection):
            self._writing.now = True
            try:
                with _transaction(connection):
                    self._shorten_lock_timeout(connection, within)
                    tx = Tx(connection, writable=True)
                    yield tx
                    if tx.failure is not None:
                        raise tx.failure
                    if announce and tx.wrote and not self._engines.is_sqlite:
                        # In the transaction: it is delivered with the commit, or not at all.
                        with translated():
                            connection.execute(
                                text("SELECT pg_notify(:channel, :process)"),
                                {"channel": CHANNEL, "process": self._process},
                            )
            finally:
                self._writing.now = False
        if announce and tx.wrote:
            self._changes.announce()

    @contextmanager
    def _turn_to_write(self, within: float | None) -> Iterator[Connection]:
        """A connection that may begin. On SQLite the threads of a process queue here, not in SQLite's busy loop, which
        sleeps and lets anybody overtake (p99 at saturation 1,340 ms without, 52-70 ms with this lock).
        """
        if not self._engines.is_sqlite:
            with translated():
                connection = self._engines.write.connect()
            yield connection
            return
        patience = self._patience(within)
        deadline = time.monotonic() + patience
        if not self._one_writer.acquire(timeout=patience):
            raise StoreBusy(f"another thread has been writing for {patience:.1f} s")
        try:
            left_ms = max(0, int((deadline - time.monotonic()) * 1000))
            with translated():
                connection = self._engines.write.connect().execution_options(**{engines.BUSY_MS: left_ms})
            yield connection
        finally:
            self._one_writer.release()

    def _shorten_lock_timeout(self, connection: Connection, within: float | None) -> None:
        """On PostgreSQL, where the waiting happens at the statements; on SQLite it is over when the transaction has begun."""
        patience = self._patience(within)
        if patience < self._busy_seconds and not self._engines.is_sqlite:
            milliseconds = max(1, int(patience * 1000))  # 0 would be "for ever"
            with translated():
                connection.execute(text(f"SET LOCAL lock_timeout = {milliseconds}"))

    # --- the outbox

    def claim(
        self, lane: Lane, now: datetime, lease: timedelta, owner: str, turns_every: timedelta | None = None
    ) -> Task | None:
        """Takes the earliest due task of a lane until `now + lease`; None if nothing is due, or no turn is free. Wakes nobody."""
        if self._engines.is_sqlite:
            # A look without the write lock: workers that find nothing must not stand in the way of the web process.
            due = self.next_due(lane)
            if due is None or not is_due(lane, Rank.FIRST, due, now):
                return None
        with self._write(announce=False) as tx:
            return tx.claim(lane, now, now + lease, owner, turns_every)

    def next_due(self, lane: Lane) -> datetime | None:
        """When the next unclaimed task of a lane, or the end of a lease, is due; may be past."""
        with self._read() as tx:
            return tx.next_due(lane)

    def release_leases(self, owner: str) -> int:
        """Gives back what a dead process of this name held. Only at start, or living work is done twice."""
        with self._write(announce=True) as tx:
            return tx.release_leases(owner)

    # --- news

    def wait_for_change(self, seen: int, timeout: float, topic: str = "", heard: float = 0.0) -> int:
        """Blocks until anybody committed a write after change number `seen` (start with 0), or signalled `topic` after
        `heard`, or `timeout` seconds.
        """
        return self._changes.wait(seen, timeout, topic, heard)

    def signal(self, topic: str) -> None:
        """Wakes whoever listens to the topic, in every process of this database (on SQLite: in this one). Written nowhere."""
        self._changes.signal(topic)
        if not self._engines.is_sqlite:
            with translated(), self._engines.write.begin() as connection:
                connection.execute(
                    text("SELECT pg_notify(:channel, :payload)"),
                    {"channel": SIGNALS, "payload": f"{self._process} {topic}"},
                )

    def signalled(self, topic: str) -> float:
        """When that was last, on this machine's monotonic clock; 0: not lately."""
        return self._changes.signalled(topic)

    def _watcher(self, changes: Changes) -> Watcher:
        if self._engines.is_sqlite:
            return SqliteWatcher(changes, self._engines.read)
        return PostgresWatcher(changes, self._engines.write, self._process)


@contextmanager
def _closing(connection: Connection) -> Iterator[None]:
    try:
        yield
    finally:
        with translated():
            connection.close()


@contextmanager
def _transaction(connection: Connection) -> Iterator[None]:
    """Commits at the end, rolls back on any exception. Only what the database itself does is translated here:
    statements pass the door in `Rows`, and the caller's own exceptions are not ours to change.
    """
    with translated():
        transaction = connection.begin()
    try:
        yield
    except BaseException:
        # A connection that broke cannot roll back; the server does, and the first error is the one to be told.
        with suppress(HotlineError), translated():
            transaction.rollback()
        raise
    with translated():
        transaction.commit()
