"""Engines for the two databases: how a connection is set up and how a transaction begins.

SQLite: the driver's own transactions are switched off and BEGIN is said here, IMMEDIATE for writers (with the driver's
deferred ones most updates of a read-modify-write race were lost). WAL lets readers go on meanwhile; synchronous=FULL
means that a committed ticket survives a power cut.
PostgreSQL: writers READ COMMITTED with row locks, readers one REPEATABLE READ snapshot.
"""

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.pool import ConnectionPoolEntry

from kernel.errors import ConfigurationError
from storage.wire import as_json

#: Milliseconds a SQLite BEGIN may wait for another process; an execution option of the connection.
BUSY_MS = "hotline_busy_ms"
_WAL_FILE_LIMIT = 64 * 1024 * 1024
_MIGRATION_WAIT_SECONDS = 60
#: A process that froze inside a transaction loses it, and its row locks, after this.
_IDLE_IN_TRANSACTION_MS = 30_000


@dataclass(frozen=True)
class Engines:
    """`write` and `read` may be one engine with two sets of options."""

    write: Engine
    read: Engine

    @property
    def is_sqlite(self) -> bool:
        return self.write.dialect.name == "sqlite"

    def dispose(self) -> None:
        self.write.dispose()
        self.read.dispose()


def parse(url: str) -> URL:
    """Raises ConfigurationError for an address this product does not speak."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if sqlite_file(parsed) is None:
            raise ConfigurationError("DATABASE_URL: SQLite needs a file; in memory nothing is shared or kept")
        return parsed
    if parsed.drivername != "postgresql+psycopg":
        raise ConfigurationError("DATABASE_URL must start with sqlite:/// or postgresql+psycopg://")
    return parsed


def sqlite_file(url: URL) -> Path | None:
    """The file of a SQLite address; None in memory, or if it is not SQLite."""
    if url.get_backend_name() != "sqlite" or url.database in {None, "", ":memory:"}:
        return None
    return Path(str(url.database))


def build(url: URL, busy_seconds: float) -> Engines:
    """Connects to nothing yet, so that it may be called before a fork."""
    if url.get_backend_name() == "sqlite":
        # One writer at a time per process anyway (Store's lock); the second connection is for a hand-over.
        write = _sqlite(url, busy_seconds, begin="BEGIN IMMEDIATE", pool_size=1, max_overflow=1)
        return Engines(write, _sqlite(url, busy_seconds, begin="BEGIN", pool_size=8, max_overflow=56))
    busy_ms = int(busy_seconds * 1000)
    engine = create_engine(
        url,
        connect_args=_postgres_arguments(f"-c lock_timeout={busy_ms} -c statement_timeout={busy_ms}"),
        json_serializer=as_json,
        hide_parameters=True,
        pool_size=5,
        max_overflow=15,
        pool_timeout=busy_seconds,
        pool_pre_ping=True,  # a restarted server costs one round trip instead of a lost turn
    )
    snapshot = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return Engines(engine, snapshot)


def for_migration(url: URL) -> Engine:
    """One connection, foreign keys off on SQLite: a batch migration drops and rebuilds tables, and a cascade would empty others."""
    if url.get_backend_name() == "sqlite":
        return _sqlite(url, _MIGRATION_WAIT_SECONDS, begin="BEGIN IMMEDIATE", foreign_keys=False)
    return create_engine(url, poolclass=NullPool, connect_args=_postgres_arguments(""), hide_parameters=True)


def _postgres_arguments(options: str) -> dict[str, object]:
    return {
        "options": f"-c timezone=UTC -c idle_in_transaction_session_timeout={_IDLE_IN_TRANSACTION_MS} {options}",
        "application_name": "hotline",
        "connect_timeout": 5,
        # a listener that waits for news would not notice for hours that the server's machine is gone
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
    }


def _sqlite(
    url: URL,
    busy_seconds: float,
    *,
    begin: str,
    foreign_keys: bool = True,
    pool_size: int = 1,
    max_overflow: int = 0,
) -> Engine:
    engine = create_engine(
        url,
        connect_args={"isolation_level": None, "timeout": busy_seconds, "check_same_thread": False},
        json_serializer=as_json,
        hide_parameters=True,
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_timeout=busy_seconds,
    )

    @event.listens_for(engine, "connect")
    def _set_up(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
        _to_wal(connection, busy_seconds)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_FILE_LIMIT}")
        connection.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")
        if begin == "BEGIN":
            connection.execute("PRAGMA query_only = ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        busy_ms = connection.get_execution_options().get(BUSY_MS)
        if busy_ms is not None:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(busy_ms)}")
        connection.exec_driver_sql(begin)

    return engine


def _to_wal(connection: sqlite3.Connection, busy_seconds: float) -> None:
    """SQLite's own waiting does not cover the change of journal mode: of two who create a file at once, one is refused."""
    until = time.monotonic() + busy_seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return
