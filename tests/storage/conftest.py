"""One suite, three stores: SQLite in a file, a real PostgreSQL, and the fake that all other tests trust."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dialogue.ports import DialogueStore
from storage import Store
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


@pytest.fixture
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Makes databases: `new_url("postgres", stocked=False)` is an empty one; they are gone after the test."""
    names: list[str] = []

    def new(engine: str, *, stocked: bool) -> str:
        if engine == "sqlite":
            path = tmp_path / f"{len(list(tmp_path.iterdir()))}.db"
            if stocked:
                shutil.copyfile(request.getfixturevalue("stocked_file"), path)
            return f"sqlite:///{path}"
        cluster: Cluster = request.getfixturevalue("postgres_cluster")
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
