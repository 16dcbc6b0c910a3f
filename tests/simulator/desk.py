"""A tiny product that answers webhooks, and the network in front of it, both on real ports."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from flask import Flask, Response, request
from werkzeug.serving import make_server

from simulator.app import create_app
from simulator.config import Config
from simulator.network import Network

ACCOUNT = "AC" + "0123456789abcdef" * 2
TOKEN = "throw-away-token"
HOTLINE = "+15005550006"
RESIDENT = "+8613900000001"
BUTLER = "+8613700000001"
SECOND_BUTLER = "+8613700000002"

Handler = Callable[[], str | tuple[str, int] | Response]


@dataclass
class Seen:
    """One request that reached the product."""

    path: str
    method: str
    url: str
    form: dict[str, str]
    headers: dict[str, str]


@dataclass
class Product:
    """`answers` maps a path to its TwiML or to a function that makes it; everything else is 204."""

    base: str
    answers: dict[str, str | Handler] = field(default_factory=dict)
    requests: list[Seen] = field(default_factory=list)

    def forms(self, path: str) -> list[dict[str, str]]:
        return [seen.form for seen in self.requests if seen.path == path]


@dataclass
class Desk:
    """The network as people and tests reach it: over HTTP."""

    base: str
    network: Network
    http: httpx.Client

    def do(self, number: str, action: str, **body: Any) -> dict[str, Any]:
        answer = self.http.post(f"/api/phones/{number}/{action}", json=body)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def phone(self, number: str) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(f"/api/phones/{number}").raise_for_status().json()
        return found

    def heard(self, number: str) -> list[str]:
        return [line["text"] for line in self.phone(number)["call"]["lines"]]

    def wait_phase(self, number: str, phase: str) -> None:
        eventually(lambda: self.http.get(f"/api/phones/{number}").json().get("phase") == phase)


def eventually(done: Callable[[], object], seconds: float = 8.0) -> None:
    """Waits until `done()` is true; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


def twiml(inner: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{inner}</Response>'


def gather(prompt: str, **attributes: str) -> str:
    """A Gather in Mandarin whose action is /heard."""
    given = {"input": "dtmf speech", "language": "cmn-Hans-CN", "action": "/heard", "speechTimeout": "2"} | attributes
    written = " ".join(f'{name}="{value}"' for name, value in given.items())
    return f'<Gather {written}><Say language="cmn-CN">{prompt}</Say></Gather>'


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The app on a real port; its base address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def running_product() -> Iterator[Product]:
    app = Flask("product")
    product = Product("")

    @app.route("/<path:_path>", methods=["GET", "POST"])
    def any_path(_path: str) -> Response:
        product.requests.append(
            Seen(request.path, request.method, request.url, request.form.to_dict(), dict(request.headers))
        )
        answer = product.answers.get(request.path, ("", 204))
        made = answer() if callable(answer) else answer
        if isinstance(made, Response):
            return made
        body, status = made if isinstance(made, tuple) else (made, 200)
        return Response(body, status=status, mimetype="text/xml")

    with served(app) as product.base:
        yield product


@contextmanager
def running_desk(config: Config) -> Iterator[Desk]:
    app = create_app(config)
    network: Network = app.extensions["network"]
    with served(app) as base, httpx.Client(base_url=base, timeout=30, trust_env=False) as http:
        try:
            yield Desk(base, network, http)
        finally:
            network.close()
