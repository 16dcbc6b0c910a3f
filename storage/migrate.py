"""The database brought to this release: Alembic from inside the program, in one transaction under a lock.

Two processes may start at once: the second one waits, finds nothing to do and goes on. A migration that fails leaves
everything as it was, on both engines.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, text

from kernel.errors import ConfigurationError
from storage import engines
from storage.door import translated

MIGRATIONS = Path(__file__).parent / "migrations"
#: Any number, as long as nothing else in the same PostgreSQL database locks it.
_ADVISORY_LOCK = 0x484F_544C


def upgrade(url: URL, scripts: Path = MIGRATIONS) -> None:
    """Brings the database to the head of `scripts`; creates the file and its folder on SQLite.

    Raises StoreBusy, ConfigurationError.
    """
    file = engines.sqlite_file(url)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)  # residents' data is the service's alone (N17); SQLite's side files follow its mode
    engine = engines.for_migration(url)
    try:
        with translated(), engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
            command.upgrade(_config(connection, scripts), "head")
            _refuse_orphans(connection)
    finally:
        engine.dispose()


def stored_heads(url: URL) -> tuple[str, ...]:
    """The revisions the database is at; empty if it was never migrated or is not there. Creates nothing."""
    file = engines.sqlite_file(url)
    if file is not None and not file.exists():
        return ()
    engine = engines.for_migration(url)
    try:
        with translated(), engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_heads()
    finally:
        engine.dispose()


def wanted_heads() -> tuple[str, ...]:
    """The newest revisions of this release; a house test keeps it at one."""
    return tuple(ScriptDirectory(str(MIGRATIONS)).get_heads())


def _config(connection: Connection, scripts: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _refuse_orphans(connection: Connection) -> None:
    """SQLite migrates with foreign keys off; what it broke is found here, before the commit."""
    if connection.dialect.name != "sqlite":
        return
    orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if orphans:
        tables = ", ".join(sorted({str(row[0]) for row in orphans}))
        raise ConfigurationError(
            f"the migration would leave rows without their parents in: {tables}; nothing was changed"
        )
