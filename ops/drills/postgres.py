"""A PostgreSQL cluster with its default, durable settings, to be killed and started again. For the drills only."""

import os
import shutil
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any, Self

import psycopg

from ops.nlu_process import free_port

_STARTS_WITHIN_SECONDS = 60.0


def programs() -> Path | None:
    """The folder with `initdb` and `postgres`, the newest version; None if there is none."""
    found = [p.parent for p in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if on_path := shutil.which("initdb"):
        found.append(Path(on_path).resolve().parent)
    return max(found, key=lambda p: [int(n) for n in p.parent.name.split(".") if n.isdigit()], default=None)


class Cluster:
    """As user postgres when the drill runs as root, which PostgreSQL refuses. `url` is a database of its own."""

    def __init__(self, folder: Path) -> None:
        """`folder`: of the programs."""
        self._programs = folder
        # Directly below /tmp: the path of a socket may have about 100 characters, and user postgres must be able to enter.
        self._home = Path(tempfile.mkdtemp(prefix="drill-pg-", dir="/tmp"))
        self._port = free_port()
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:
            self._user = {"user": "postgres", "group": "postgres", "extra_groups": []}
            shutil.chown(self._home, "postgres", "postgres")
        self._server: subprocess.Popen[bytes] | None = None
        self.url = f"postgresql+psycopg://postgres@127.0.0.1:{self._port}/drill{uuid.uuid4().hex[:8]}"

    def __enter__(self) -> Self:
        command = [str(self._programs / "initdb"), "-D", str(self._home / "data"), "-U", "postgres", "-A", "trust"]
        subprocess.run(
            [*command, "-E", "UTF8", "--locale=C", "-N"], cwd=self._home, check=True, capture_output=True, **self._user
        )
        self.start()
        self.wait()
        with self._connect() as connection:
            connection.execute(f"CREATE DATABASE {self.url.rsplit('/', 1)[1]}".encode())
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.terminate()
            try:
                self._server.wait(20)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
        shutil.rmtree(self._home, ignore_errors=True)

    def start(self) -> None:
        """Returns at once."""
        settings = (f"port={self._port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={self._home}")
        arguments = [part for setting in settings for part in ("-c", setting)]
        with (self._home / "log").open("ab") as out:
            self._server = subprocess.Popen(
                [str(self._programs / "postgres"), "-D", str(self._home / "data"), *arguments],
                cwd=self._home,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                **self._user,
            )

    def kill(self) -> None:
        """SIGKILL to the postmaster; its children notice and end by themselves."""
        if self._server is None:
            raise RuntimeError("there is no server to kill")
        self._server.kill()
        self._server.wait()

    def wait(self) -> None:
        """Until it answers. Raises TimeoutError with its log."""
        until = time.monotonic() + _STARTS_WITHIN_SECONDS
        while True:
            try:
                with self._connect():
                    return
            except psycopg.OperationalError as exc:
                if time.monotonic() > until:
                    raise TimeoutError((self._home / "log").read_text("utf-8")[-1000:]) from exc
                if self._server is not None and self._server.poll() is not None:
                    self.start()  # the old children still held the shared memory
                time.sleep(0.1)

    def _connect(self) -> "psycopg.Connection[Any]":
        return psycopg.connect(host="127.0.0.1", port=self._port, user="postgres", dbname="postgres", autocommit=True)
