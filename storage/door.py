"""Where driver errors become the product's own, once, keeping the cause.

StoreBusy       locked past the budget, a deadlock lost, or the database cannot be reached or written just now
Conflict        a row with this unique key is there already
NotFound        a row points at one that does not exist
BadInput        a value no column can hold
ConfigurationError  the tables are missing: not migrated
HotlineError    anything else the database refuses, writing in a read transaction included: a mistake of ours

Messages never hold the values of a row (N17): the driver's own text is in the cause.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import exc as sa

from kernel.errors import BadInput, ConfigurationError, Conflict, HotlineError, NotFound, StoreBusy

_NOT_MIGRATED = "the database has no tables of this release: migrate it first"
_SQLITE_UNIQUE = {sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY}
#: Locked; full or failing disk; the file cannot be opened. In all of them the caller can only come again.
_SQLITE_BUSY = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
}
#: lock_not_available, query_canceled (statement_timeout), serialization and deadlock; then by class: connection, resources, shutdown.
_POSTGRES_BUSY = ("55P03", "57014", "40001", "40P01", "08", "53", "57P", "58")
_POSTGRES_BY_STATE: dict[str, tuple[type[HotlineError], str]] = {
    "23505": (Conflict, "there is one already"),
    "23503": (NotFound, "a row points at one that does not exist"),
    "42P01": (ConfigurationError, _NOT_MIGRATED),
    "42703": (ConfigurationError, _NOT_MIGRATED),
}


@contextmanager
def translated() -> Iterator[None]:
    """Translates whatever SQLAlchemy or its drivers raise inside the block."""
    try:
        yield
    except sa.TimeoutError as exc:
        raise StoreBusy("no free database connection within the budget") from exc
    except sa.DBAPIError as exc:
        raise _own_error(exc.orig) from exc
    except (sqlite3.Error, psycopg.Error) as exc:  # raised past SQLAlchemy: the watchers, the backup
        raise _own_error(exc) from exc
    except sa.StatementError as exc:
        if exc.orig is None:
            raise
        raise exc.orig from None  # a type refused a value: a naive datetime, an unknown enumeration member
    except (OverflowError, UnicodeError) as exc:  # raised by the drivers as they are
        raise BadInput(f"a value no column can hold: {type(exc).__name__}") from exc


def _own_error(error: BaseException | None) -> HotlineError:
    return _from_sqlite(error) if isinstance(error, sqlite3.Error) else _from_postgres(error)


def _from_sqlite(error: sqlite3.Error) -> HotlineError:
    code = getattr(error, "sqlite_errorcode", 0)
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    if code in _SQLITE_UNIQUE:
        return Conflict(f"there is one already ({name})")
    if code == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
        return NotFound(f"a row points at one that does not exist ({name})")
    if code & 0xFF in _SQLITE_BUSY:  # the low byte is the primary code of an extended one
        return StoreBusy(f"the database cannot be written or read just now ({name})")
    if code & 0xFF in {sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH}:
        return BadInput(f"a value no column can hold ({name})")
    if "no such table" in str(error) or "no such column" in str(error):
        return ConfigurationError(_NOT_MIGRATED)
    return HotlineError(f"the database refused ({name})")


def _from_postgres(error: BaseException | None) -> HotlineError:
    state = getattr(error, "sqlstate", None) or ""
    what = f"({state or type(error).__name__})"
    lost = not state and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    if lost or state.startswith(_POSTGRES_BUSY):
        return StoreBusy(f"the database cannot be written or read just now {what}")
    if state in _POSTGRES_BY_STATE:
        kind, message = _POSTGRES_BY_STATE[state]
        return kind(f"{message} {what}")
    if state.startswith(("22", "23")) or isinstance(error, psycopg.DataError):
        return BadInput(f"a value no column can hold {what}")
    return HotlineError(f"the database refused {what}")
