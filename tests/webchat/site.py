"""The chat as an application of its own, over fakes, on a real socket where a browser needs one."""

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from werkzeug.serving import make_server

from dialogue.conversation import Said
from dialogue.pictures import Pictures
from dialogue.ratings import Ratings
from dialogue.script_book import ScriptBook
from fulfillment.company import Operator, OperatorRole
from kernel.clock import Clock, SystemClock
from kernel.settings import HOME
from storage import SoundFolder
from tests.fakes import FakeStore
from tests.webchat.fake_hotline import PHONE, FakeHotline
from webchat.blueprint import build_webchat
from webchat.config import ChatConfig
from webchat.ports import ChatRooms
from webchat.stream import Pace

BOOK = ScriptBook(HOME / "scripts_zh", company="华暖", number="01")


class FakeScripts:
    def say(self, key: str, **params: object) -> Said:
        return Said(key, f"[{key}]", f"[{key}]{params or ''}")


@dataclass
class Site:
    app: Flask
    store: FakeStore
    hotline: FakeHotline
    operator: Operator
    tickets: list[dict[str, Any]] = field(default_factory=list)  # what the hotline tells of them


CONFIG = ChatConfig(
    secret="throw-away secret of the tests, 32+",
    company_name="华暖示例热力",
    hotline_phone=PHONE,
    secure_cookies=False,
    pace=Pace(keep_alive=0.5, longest=20),
)


def site(config: ChatConfig = CONFIG, clock: Clock | None = None, *, thinks: float = 0.0) -> Site:
    clock = clock or SystemClock()
    store = FakeStore()
    with store.write() as tx:
        operator = tx.upsert_operator(Operator(0, "zhangmin", "张敏", OperatorRole.OPERATOR, "", ""))
    hotline = FakeHotline(store, clock, thinks)
    app = Flask("tests.webchat")
    limiter = Limiter(get_remote_address, app=app, storage_uri="memory://")
    pictures = Pictures(store, SoundFolder(Path(tempfile.mkdtemp(prefix="pictures-")), ".jpg"), BOOK, clock)
    rooms = ChatRooms(hotline, store, pictures, Ratings(store, clock), FakeScripts(), clock)
    place = Site(app, store, hotline, operator)
    config = replace(config, tickets=lambda _tx, _conversation: place.tickets)
    app.register_blueprint(build_webchat(rooms, limiter, config))
    return place


def with_limits(**limits: object) -> ChatConfig:
    return replace(CONFIG, limits=replace(CONFIG.limits, **limits))  # type: ignore[arg-type] - names are checked by replace


@contextmanager
def served(app: Flask, port: int = 0) -> Iterator[str]:
    """Its address while it runs; on the same port again after it was away."""
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
