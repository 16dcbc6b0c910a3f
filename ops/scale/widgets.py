"""So many residents' chats open at one web process as it ships: how late a message is on the other screen, and what a
connection costs. Streams are opened as widgets open them; the words come from operators' takeovers in the same database.
"""

import selectors
import socket
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import httpx
import psutil

from dialogue.conversation import Author, Channel, Conversation, Floor
from kernel.clock import SystemClock
from kernel.settings import HOME
from ops.month.show import environment_of
from ops.nlu_process import free_port
from storage import Store
from webchat.api import COOKIE
from webchat.identity import Identity, external_id

MESSAGES, BETWEEN_SECONDS = 60, 0.4
_STARTS_WITHIN, _ARRIVES_WITHIN, _SETTLES_WITHIN = 60.0, 10.0, 12.0


@dataclass(frozen=True, slots=True)
class Live:
    """Milliseconds from the message's commit to its last byte at the widget; KiB a connection."""

    widgets: int
    refused: int  # told to poll instead (503)
    p50: float
    p99: float
    lost: int
    kib: float


def measure(folder: Path, widgets: int, threads: int) -> Live:
    database, port = folder / "widgets.db", free_port()
    environment = environment_of(database, port) | {"WEB_THREADS": str(threads)}
    with Store(f"sqlite:///{database}") as store:
        store.migrate()
        chats = _chats(store, widgets)
        with web(environment, port) as process:
            before = _memory(process)
            identity = Identity(
                environment["SECRET_KEY"], SystemClock(), token_life=timedelta(1), stream_key_life=timedelta(1)
            )
            readers = _Readers(port, [_key(identity, chat) for chat in chats])
            kib = (_memory(process) - before) / 1024 / max(1, len(readers.open))
            late, lost = _talk(store, readers)
            readers.close()
    p99 = statistics.quantiles(late, n=100, method="inclusive")[98]
    return Live(len(readers.open), readers.refused, statistics.median(late), p99, lost, kib)


class _Readers:
    """All streams on one selector: reading a thousand must not cost the machine what serving them does."""

    def __init__(self, port: int, keys: list[tuple[str, str, str]]) -> None:
        self.selector = selectors.DefaultSelector()
        self.open: dict[str, socket.socket] = {}
        self.refused = 0
        for key, token, conversation_id in keys:
            stream = socket.create_connection(("127.0.0.1", port), timeout=30)
            request = f"GET /chat/api/events?after=0&key={quote(key)} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\nCookie: {COOKIE}={token}\r\n\r\n"
            stream.sendall(request.encode())
            if b" 200 " not in stream.recv(15):
                self.refused += 1
                stream.close()
                continue
            stream.setblocking(False)
            self.selector.register(stream, selectors.EVENT_READ, conversation_id)
            self.open[conversation_id] = stream
        self.until_quiet()

    def until_quiet(self) -> None:
        """Every stream has told where its chat stands; keep-alives never end."""
        until = time.monotonic() + _SETTLES_WITHIN
        while time.monotonic() < until and self.selector.select(1.0):
            self._drain()

    def arrival(self, conversation_id: str, words: bytes, within: float) -> float | None:
        """When they were on this widget's wire; everybody else's are read and thrown away."""
        until, seen = time.perf_counter() + within, b""
        while time.perf_counter() < until:
            for key, _ in self.selector.select(0.05):
                data = _read(key.fileobj)
                if key.data == conversation_id:
                    seen += data
                    if words in seen:
                        return time.perf_counter()
        return None

    def close(self) -> None:
        for stream in self.open.values():
            stream.close()

    def _drain(self) -> None:
        for key, _ in self.selector.select(0):
            _read(key.fileobj)


def _key(identity: Identity, chat: Conversation) -> tuple[str, str, str]:
    visitor = chat.external_id.rpartition("-")[0]
    return identity.stream_key(visitor, chat.id), identity.token(visitor), chat.id


def _read(stream: object) -> bytes:
    if not isinstance(stream, socket.socket):
        raise TypeError("only sockets are registered")
    try:
        return stream.recv(65536)
    except BlockingIOError:
        return b""


def _talk(store: Store, readers: _Readers) -> tuple[list[float], int]:
    """An operator's lines, each to another chat, while all others stay open."""
    late, lost, ids = [], 0, list(readers.open)
    for n in range(MESSAGES):
        conversation_id, words = ids[n * 37 % len(ids)], f"line-{n}-{uuid.uuid4().hex}"
        with store.write() as tx:
            tx.add_message(conversation_id, author=Author.OPERATOR, text=words, at=SystemClock().now(), data={})
        committed = time.perf_counter()
        arrived = readers.arrival(conversation_id, words.encode(), _ARRIVES_WITHIN)
        if arrived is None:
            lost += 1
        else:
            late.append((arrived - committed) * 1000)
        time.sleep(BETWEEN_SECONDS)
    return late, lost


def _chats(store: Store, number: int) -> list[Conversation]:
    now, made = SystemClock().now(), []
    for first in range(0, number, 100):
        with store.write() as tx:
            for _ in range(first, min(first + 100, number)):
                visitor = uuid.uuid4().hex
                chat = Conversation(uuid.uuid4().hex, Channel.CHAT, external_id(visitor, 1), "", Floor.BOT, now, now)
                made.append(tx.add_conversation(chat))
    return made


@contextmanager
def web(environment: dict[str, str], port: int) -> Iterator[psutil.Process]:
    gunicorn = str(Path(sys.executable).parent / "gunicorn")
    command = [gunicorn, "-c", "ops/gunicorn_conf.py", "ops.web:start()"]
    started = subprocess.Popen(command, cwd=HOME, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + _STARTS_WITHIN
        while not _answers(port):
            if time.monotonic() > until or started.poll() is not None:
                raise RuntimeError("the web process does not start")
            time.sleep(0.2)
        yield psutil.Process(started.pid)
    finally:
        started.terminate()
        started.wait(20)


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/chat/", timeout=5).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _memory(process: psutil.Process) -> float:
    return float(sum(p.memory_info().rss for p in process.children(recursive=True)))
