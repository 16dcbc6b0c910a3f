"""A PostgreSQL cluster of our own for as long as the tests run: real, thrown away afterwards, nobody else's.

Started from the machine's own package (Debian, Homebrew, Postgres.app) in a temporary folder; as user postgres when the
tests run as root, which PostgreSQL refuses. Without the programs the tests that need it are skipped, except in CI,
where that is a failure.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

START_SECONDS = 30
_PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)
# Nothing here needs to survive a power cut.
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")

#: The server ends when its standard input does: also when the tests are killed and can tidy nothing.
_UNTIL_STDIN_CLOSES = '"$@" </dev/null & server=$!; cat >/dev/null; kill -INT "$server"; wait "$server"'


@dataclass(frozen=True)
class Cluster:
    """A running cluster on loopback and on a socket in its own folder."""

    port: int

    def url(self, database: str) -> str:
        """SQLAlchemy address of a database."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{database}"

    def new_database(self, template: str = "template1") -> str:
        """Creates a database, as a copy of another one if wanted (nobody may be connected to that); returns its name."""
        name = f"t{uuid.uuid4().hex[:12]}"
        self.run(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        return name

    def drop_database(self, name: str) -> None:
        """Drops it, whoever is still connected."""
        self.run(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def run(self, statement: sql.SQL | sql.Composed, database: str = "postgres") -> None:
        with psycopg.connect(
            host="127.0.0.1", port=self.port, user="postgres", dbname=database, autocommit=True
        ) as connection:
            connection.execute(statement)


def programs() -> Path | None:
    """The folder with `initdb` and `postgres`, the newest version first; None if there is none."""
    on_path = [Path(found).resolve().parent for found in [shutil.which("initdb")] if found]
    places = [path for place in _PLACES for path in Path("/").glob(place.lstrip("/"))]
    whole = [p for p in (*places, *on_path) if (p / "initdb").exists() and (p / "postgres").exists()]
    return max(whole, key=_version, default=None)


def _version(folder: Path) -> list[int]:
    told = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    return [int(part) for part in told.split()[2].split(".") if part.isdigit()]


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[Cluster]:
    folder = programs()
    if folder is None:
        reason = "PostgreSQL's programs (initdb, postgres) are not installed"
        if os.environ.get("CI", "").lower() in {"1", "true"}:
            pytest.fail(f"{reason}: CI must run these tests (apt-get install postgresql)")
        pytest.skip(reason)
    # Directly below /tmp: the path of a socket may have about 100 characters, and user postgres must be able to enter.
    home = Path(tempfile.mkdtemp(prefix="hotline-pg-", dir="/tmp"))
    try:
        with _running(folder, home) as cluster:
            yield cluster
    finally:
        shutil.rmtree(home)


@pytest.fixture(scope="session")
def postgres_url(postgres_cluster: Cluster) -> str:
    """SQLAlchemy address of an empty database that is the whole session's."""
    return postgres_cluster.url(postgres_cluster.new_database())


@contextmanager
def _running(programs: Path, home: Path) -> Iterator[Cluster]:
    user: dict[str, Any] = {}
    if os.geteuid() == 0:
        user = {"user": "postgres", "group": "postgres", "extra_groups": []}
        shutil.chown(home, "postgres", "postgres")
    data, log, port = home / "data", home / "log", _free_port()
    made = subprocess.run(
        [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"],
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        **user,
    )
    if made.returncode != 0:
        pytest.fail(f"initdb failed: {made.stderr}")
    settings = [f"port={port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={home}", *_FAST]
    server: list[str | Path] = [
        programs / "postgres",
        "-D",
        data,
        *(part for setting in settings for part in ("-c", setting)),
    ]
    with (
        log.open("w") as out,
        subprocess.Popen(
            ["/bin/sh", "-c", _UNTIL_STDIN_CLOSES, "sh", *map(str, server)],
            cwd=home,
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for pytest, which then closes the pipe
            **user,
        ),  # leaving the block closes the pipe and waits
    ):
        cluster = Cluster(port)
        _wait_for(cluster, log)
        yield cluster


def _wait_for(cluster: Cluster, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return cluster.run(sql.SQL("SELECT 1"))
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                pytest.fail(f"PostgreSQL did not start: {log.read_text()}")
            time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
