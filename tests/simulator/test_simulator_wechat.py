"""The simulated WeChat delivers as WeChat does: signed, and again what was not answered in time."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from simulator import wechat
from simulator.config import WeChatAccount
from simulator.network import Impossible
from simulator.wechat import WeChat
from simulator.wechat_envelope import fields_of, xml_of

KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"


class Product:
    """A webhook whose answers are given: seconds to wait, status, body."""

    def __init__(self) -> None:
        self.answers: list[tuple[float, int, str]] = []
        self.heard: list[bytes] = []
        product = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                product.heard.append(self.rfile.read(int(self.headers["Content-Length"])))
                seconds, status, body = product.answers.pop(0)
                time.sleep(seconds)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def product() -> Iterator[Product]:
    running = Product()
    yield running
    running.server.shutdown()
    running.server.server_close()


@pytest.fixture
def platform(product: Product, monkeypatch: pytest.MonkeyPatch) -> WeChat:
    monkeypatch.setattr(wechat, "_WAITS_SECONDS", 0.5)
    url = f"http://127.0.0.1:{product.server.server_port}/wechat"
    return WeChat(WeChatAccount("wx0", "secret", "token", "", url))


def test_the_same_message_comes_again_until_it_is_answered(platform: WeChat, product: Product) -> None:
    product.answers = [(0, 503, ""), (1.0, 200, "success"), (0, 200, xml_of({"Content": "您好"}))]
    told = platform.deliver("o-1", {"MsgType": "text", "Content": "在吗"})
    assert told["answer"] == "您好"
    assert len(told["seconds"]) == 3
    assert len({fields_of(body)["MsgId"] for body in product.heard}) == 1
    assert [line.get("text") for line in platform.followers["o-1"].lines] == [None, "您好"]


def test_three_times_unanswered_is_told(platform: WeChat, product: Product) -> None:
    product.answers = [(0, 500, ""), (0, 200, "<html>"), (0, 404, "success")]
    with pytest.raises(Impossible, match="three times"):
        platform.deliver("o-1", {"MsgType": "text", "Content": "在吗"})


def test_an_answer_that_is_not_sealed_as_agreed_is_none(product: Product) -> None:
    url = f"http://127.0.0.1:{product.server.server_port}/wechat"
    platform = WeChat(WeChatAccount("wx0", "secret", "token", KEY, url))
    product.answers = [(0, 200, xml_of({"Content": "plain"}))] * 3
    with pytest.raises(Impossible):
        platform.deliver("o-1", {"MsgType": "event", "Event": "subscribe"})
    sealed = {"Encrypt": platform.sealing.encrypt(xml_of({"Content": "您好"})), "TimeStamp": "1", "Nonce": "2"}
    sealed["MsgSignature"] = platform.sealing.sign("1", "2", sealed["Encrypt"])
    product.answers = [(0, 200, xml_of(sealed))]
    assert platform.deliver("o-1", {"MsgType": "text", "Content": "在吗"})["answer"] == "您好"
    assert "在吗" not in product.heard[-1].decode(), "it was encrypted"
