"""One suite, three stores: SQLite in a file, a real PostgreSQL, and the fake that all other tests trust."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from psycopg import sql
from sqlalchemy import Integer

from dialogue.ports import DialogueStore
from storage import Store, schema
from tests.fakes import FakeStore, small_company
from tests.postgres import Cluster, postgres_cluster, postgres_url

__all__ = ["postgres_cluster", "postgres_url"]  # fixtures

ENGINES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(scope="session")
def stocked_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database, migrated and with the small company in it, closed, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    with Store(f"sqlite:///{path}") as store:
        store.migrate()
        small_company(store)  # type: ignore[arg-type] # it needs no more than the port
    return path


@pytest.fixture(scope="session")
def stocked_database(postgres_cluster: Cluster) -> str:
    """A PostgreSQL database, migrated and with the small company in it, to be copied."""
    name = postgres_cluster.new_database()
    with Store(postgres_cluster.url(name)) as store:
        store.migrate()
        small_company(store)  # type: ignore[arg-type] # it needs no more than the port
    return name


@pytest.fixture(scope="session")
def reused_database(postgres_cluster: Cluster, stocked_database: str) -> Iterator[Callable[[], str]]:
    """A copy of the stocked database, put back to how it was at each call: much cheaper than a new one per test."""
    name = postgres_cluster.new_database(stocked_database)
    tables = [sql.Identifier(table.name) for table in schema.metadata.sorted_tables]
    numbered = [t.name for t in schema.metadata.sorted_tables if "id" in t.c and isinstance(t.c.id.type, Integer)]
    keep: list[sql.Composable] = [sql.SQL("CREATE SCHEMA stock")]
    keep += [sql.SQL("CREATE TABLE stock.{0} AS TABLE {0}").format(table) for table in tables]
    postgres_cluster.run(sql.SQL(";").join(keep), name)
    back = [sql.SQL("DELETE FROM {}").format(table) for table in reversed(tables)]
    back += [sql.SQL("INSERT INTO {0} TABLE stock.{0}").format(table) for table in tables]
    back += [
        sql.SQL("SELECT setval(pg_get_serial_sequence({}, 'id'), (SELECT count(*) FROM {}) + 1, false)").format(
            sql.Literal(table), sql.Identifier(table)
        )
        for table in numbered
    ]

    def restocked() -> str:
        postgres_cluster.run(sql.SQL(";").join(back), name)
        return name

    yield restocked
    postgres_cluster.drop_database(name)


@pytest.fixture
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Makes databases that are the test's own: `new_url("postgres", stocked=False)` is an empty one.

    `altered=True` for a test that changes the tables themselves.
    """
    names: list[str] = []

    def new(engine: str, *, stocked: bool, altered: bool = False) -> str:
        if engine == "sqlite":
            path = tmp_path / f"{len(list(tmp_path.iterdir()))}.db"
            if stocked:
                shutil.copyfile(request.getfixturevalue("stocked_file"), path)
            return f"sqlite:///{path}"
        cluster: Cluster = request.getfixturevalue("postgres_cluster")
        if stocked and not altered:
            return cluster.url(request.getfixturevalue("reused_database")())
        template = request.getfixturevalue("stocked_database") if stocked else "template1"
        names.append(cluster.new_database(template))
        return cluster.url(names[-1])

    yield new
    for name in names:
        request.getfixturevalue("postgres_cluster").drop_database(name)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Name of a real engine."""
    name: str = request.param
    return name


@pytest.fixture
def url(engine: str, new_url: Callable[..., str]) -> str:
    """Address of a database of a real engine, with the small company in it."""
    return new_url(engine, stocked=True)


@pytest.fixture
def database(url: str) -> Iterator[Store]:
    """A real store with the small company in it."""
    with Store(url) as store:
        yield store


@pytest.fixture(params=[*ENGINES, "fake"])
def store(request: pytest.FixtureRequest, new_url: Callable[..., str]) -> Iterator[DialogueStore]:
    """Any store that keeps the contract, with the small company in it."""
    if request.param == "fake":
        yield small_company(FakeStore())
        return
    with Store(new_url(request.param, stocked=True)) as real:
        yield real
