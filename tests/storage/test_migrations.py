"""The database as the migrations build it is the database the code believes in."""

import shutil
import textwrap
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from kernel.errors import ConfigurationError
from storage import Store, engines, migrate, schema
from storage.ticket_search import is_in_schema
from tests.fakes import small_company


@pytest.fixture
def empty_url(engine: str, new_url: Callable[..., str]) -> str:
    return new_url(engine, stocked=False)


def test_there_is_one_head() -> None:
    assert len(migrate.wanted_heads()) == 1


def test_the_migrated_tables_are_those_of_the_schema(url: str) -> None:
    engine = engines.for_migration(engines.parse(url))
    with engine.connect() as connection:
        differences = compare_metadata(
            MigrationContext.configure(connection, opts={"include_name": is_in_schema}), schema.metadata
        )
    engine.dispose()
    assert differences == []


def test_partial_indexes_have_their_conditions(url: str, new_url: Callable[..., str], engine: str) -> None:
    """compare_metadata does not look at them: the migrated ones are compared with those made from the metadata."""
    made = new_url(engine, stocked=False)
    other = engines.for_migration(engines.parse(made))
    with other.begin() as connection:
        schema.metadata.create_all(connection)
    other.dispose()
    wanted = partial_indexes(made)
    assert {"ix_outbox_pending", "ix_outbox_dead", "uq_clock_running", "ix_ticket_open"} <= set(wanted)
    assert partial_indexes(url) == wanted


def partial_indexes(url: str) -> dict[str, str]:
    engine = engines.for_migration(engines.parse(url))
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql LIKE '% WHERE %'"
    if engine.dialect.name == "postgresql":
        query = "SELECT indexname, indexdef FROM pg_indexes WHERE indexdef LIKE '% WHERE %' AND schemaname = 'public'"
    with engine.connect() as connection:
        found = {name: str(sql).split(" ON ", 1)[1] for name, sql in connection.execute(sa.text(query))}
    engine.dispose()
    return found


def test_before_during_and_after(empty_url: str) -> None:
    with Store(empty_url) as store:
        assert store.is_current() is False
        with pytest.raises(ConfigurationError, match="migrate"), store.read() as tx:
            tx.communities()
        store.migrate()
        assert store.is_current() is True
        small_company(store)  # type: ignore[arg-type] # it needs no more than the port
        store.migrate()
        with store.read() as tx:
            assert len(tx.communities()) == 2


def test_looking_at_a_database_that_is_not_there_makes_none(tmp_path: Path) -> None:
    file = tmp_path / "var" / "hotline.db"
    with Store(f"sqlite:///{file}") as store:
        assert store.is_current() is False
        assert not file.parent.exists()
        store.migrate()
        assert file.stat().st_mode & 0o077 == 0  # residents' data (N17)


def test_two_processes_may_start_at_once(empty_url: str) -> None:
    def start(_: int) -> bool:
        with Store(empty_url) as store:
            store.migrate()
            return store.is_current()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(start, range(4))) == [True] * 4


@pytest.fixture
def with_a_second(tmp_path: Path) -> Callable[[str], Path]:
    """Our migrations and one more after them, which does what the test says."""

    def add(body: str) -> Path:
        scripts = tmp_path / "migrations"
        shutil.copytree(migrate.MIGRATIONS, scripts)
        (scripts / "versions" / "9999_next.py").write_text(
            "import sqlalchemy as sa\nfrom alembic import op\n\n"
            f"revision = '9999'\ndown_revision = {migrate.wanted_heads()[0]!r}\n\n"
            f"def upgrade():\n{textwrap.indent(textwrap.dedent(body), '    ')}"
        )
        return scripts

    return add


def test_a_migration_that_fails_leaves_everything_as_it_was(
    empty_url: str, with_a_second: Callable[[str], Path]
) -> None:
    scripts = with_a_second("op.create_table('half', sa.Column('id', sa.Integer))\nraise RuntimeError('half way')\n")
    url = engines.parse(empty_url)
    with pytest.raises(RuntimeError, match="half way"):
        migrate.upgrade(url, scripts)
    engine = engines.for_migration(url)
    assert sa.inspect(engine).get_table_names() == []
    engine.dispose()
    migrate.upgrade(url)
    assert migrate.stored_heads(url) == migrate.wanted_heads()


def test_rebuilding_a_table_keeps_its_children(
    engine: str, new_url: Callable[..., str], with_a_second: Callable[[str], Path]
) -> None:
    """SQLite cannot alter, it rebuilds; with foreign keys on that would be refused, or empty the children."""
    url = new_url(engine, stocked=True, altered=True)
    scripts = with_a_second(
        """
        with op.batch_alter_table("station", recreate="auto") as station:
            station.alter_column("phone", new_column_name="telephone")
        """
    )
    migrate.upgrade(engines.parse(url), scripts)
    with Store(url) as store:
        assert store.is_current() is False
        with store.read() as tx:
            assert (len(tx.communities()), len(tx.all_staff())) == (2, 6)


def test_a_migration_that_orphans_rows_is_refused(
    new_url: Callable[..., str], with_a_second: Callable[[str], Path]
) -> None:
    """Only SQLite has to be asked: it migrates with foreign keys off."""
    url = new_url("sqlite", stocked=True)
    scripts = with_a_second("op.execute('DELETE FROM station')\n")
    with pytest.raises(ConfigurationError, match="community, duty, staff"):
        migrate.upgrade(engines.parse(url), scripts)
    with Store(url) as store, store.read() as tx:
        assert store.is_current()
        assert len(tx.stations()) == 1


def test_tickets_from_before_the_search_are_found(empty_url: str) -> None:
    url = engines.parse(empty_url)
    engine = engines.for_migration(url)
    empty = ("building", "unit", "room", "address_text", "contact_phone", "acknowledged_by")
    values = dict.fromkeys(empty, "") | {"number": "0105-0001", "kind": "leak_inside", "state": "closed"}
    values |= {"contact_name": "陈静", "symptom": "客厅漏水", "opened_at": "2026-01-05 08:00:00+00:00", "details": "{}"}
    with engine.begin() as connection:
        command.upgrade(migrate._config(connection, migrate.MIGRATIONS), "0009")
        names = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        connection.execute(
            sa.text(f"INSERT INTO ticket (emergency, nudges, rev, {names}) VALUES (true, 0, 0, {marks})"),
            values,
        )
    engine.dispose()
    migrate.upgrade(url)
    with Store(empty_url) as store, store.read() as tx:
        hits = {word: [t.number for t in tx.tickets(search=word)] for word in ("漏水", "0105-0001", "静", "水漏")}
    assert hits == {"漏水": ["0105-0001"], "0105-0001": ["0105-0001"], "静": ["0105-0001"], "水漏": []}
