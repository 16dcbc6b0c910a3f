import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bot.rasa_client import Breaker, RasaClient
from bot.understanding import Intent
from kernel.errors import NluUnavailable

GOOD = {
    "intent": {"name": "no_heat", "confidence": 0.9},
    "intent_ranking": [{"name": "no_heat", "confidence": 0.9}, {"name": "cold_room", "confidence": 0.1}],
}


class FakeRasa(ThreadingHTTPServer):
    """Answers /model/parse as told: a body, a status, or after a pause."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.body = json.dumps(GOOD).encode()
        self.status = 200
        self.pause = 0.0
        self.asked: list[str] = []
        self.connections = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: FakeRasa
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_POST(self) -> None:
        said = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append(said["text"])
        time.sleep(self.server.pause)
        self._answer(self.server.status, self.server.body)

    def do_GET(self) -> None:
        self._answer(self.server.status, b'{"model_id": "hotline"}')

    def _answer(self, status: int, body: bytes) -> None:
        try:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client did not wait: what a hanging server sees

    def log_message(self, *_args: object) -> None:
        """Silent."""


@pytest.fixture
def rasa() -> Iterator[FakeRasa]:
    with FakeRasa() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_guesses_come_likeliest_first_over_one_connection(rasa: FakeRasa) -> None:
    with RasaClient(rasa.url, 2.0) as client:
        for _ in range(5):
            guesses = client.parse("暖气不热")
    assert [(g.intent, g.confidence) for g in guesses] == [(Intent.NO_HEAT, 0.9), (Intent.COLD_ROOM, 0.1)]
    assert rasa.asked == ["暖气不热"] * 5
    assert rasa.connections == 1


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<html>", b"[]", b"null", b'{"intent": null}', b'{"intent": {"name": "no_such_intent", "confidence": 1}}',
        b'{"intent": {"name": "no_heat", "confidence": "high"}}', b'{"intent": {"name": "no_heat", "confidence": 7}}',
        b'{"intent_ranking": 3}', b"\xff\xfe",
    ],
)  # fmt: skip
def test_garbage_is_no_answer(rasa: FakeRasa, body: bytes) -> None:
    rasa.body = body
    with RasaClient(rasa.url, 2.0) as client, pytest.raises(NluUnavailable):
        client.parse("你好")


def test_an_error_status_is_no_answer(rasa: FakeRasa) -> None:
    rasa.status = 500
    with RasaClient(rasa.url, 2.0) as client:
        with pytest.raises(NluUnavailable, match="500"):
            client.parse("你好")
        assert not client.is_ready()


def test_nobody_there() -> None:
    with RasaClient("http://127.0.0.1:9", 0.5) as client:
        with pytest.raises(NluUnavailable):
            client.parse("你好")
        assert not client.is_ready()


def test_a_hanging_server_costs_three_waits_and_then_none(rasa: FakeRasa) -> None:
    rasa.pause = 0.4
    with RasaClient(rasa.url, 0.1, Breaker(failures=3, rest_seconds=60)) as client:
        started = time.monotonic()
        for _ in range(20):
            with pytest.raises(NluUnavailable):
                client.parse("你好")
        assert time.monotonic() - started < 2.0
        assert client.is_open
    assert len(rasa.asked) == 3


def test_after_the_rest_one_question_tries_again(rasa: FakeRasa) -> None:
    now = [0.0]
    rasa.status = 503
    with RasaClient(rasa.url, 2.0, Breaker(failures=2, rest_seconds=10), monotonic=lambda: now[0]) as client:
        for _ in range(4):
            with pytest.raises(NluUnavailable):
                client.parse("你好")
        assert len(rasa.asked) == 2
        now[0] = 11.0
        for _ in range(3):  # the probe fails: rest again
            with pytest.raises(NluUnavailable):
                client.parse("你好")
        assert len(rasa.asked) == 3
        now[0], rasa.status = 22.0, 200
        assert client.parse("你好")
        assert not client.is_open
        assert client.parse("你好")
        assert client.is_ready()


def test_failures_apart_do_not_open_the_circuit(rasa: FakeRasa) -> None:
    with RasaClient(rasa.url, 2.0, Breaker(failures=2, rest_seconds=60)) as client:
        for status in (500, 200, 500, 200, 500):
            rasa.status = status
            if status == 200:
                client.parse("你好")
            else:
                with pytest.raises(NluUnavailable):
                    client.parse("你好")
        assert not client.is_open


def test_only_one_thread_probes(rasa: FakeRasa) -> None:
    now = [0.0]
    rasa.status = 500
    with RasaClient(rasa.url, 2.0, Breaker(failures=1, rest_seconds=1), monotonic=lambda: now[0]) as client:
        with pytest.raises(NluUnavailable):
            client.parse("你好")
        now[0], rasa.status, rasa.pause = 2.0, 200, 0.3
        answered: list[bool] = []

        def ask() -> None:
            try:
                answered.append(bool(client.parse("你好")))
            except NluUnavailable:
                answered.append(False)

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(answered) == [False] * 7 + [True]
