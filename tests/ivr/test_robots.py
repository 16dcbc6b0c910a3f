"""Chat robots: the real plugins of the library against a server of this machine that answers as the providers do."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from apprise.plugins.dingtalk import NotifyDingTalk
from apprise.plugins.feishu import NotifyFeishu
from apprise.plugins.wecombot import NotifyWeComBot

from ivr.robots import ChatRobots, robot_address
from kernel.errors import CarrierBusy, CarrierRefused, CarrierUnknown

TAKEN = {
    "wecombot": {"errcode": 0, "errmsg": "ok"},
    "dingtalk": {"errcode": 0, "errmsg": "ok"},
    "feishu": {"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}, "msg": "success"},
}


@dataclass
class Provider:
    """`answer` is given to everybody: status, and a body unless None. `got` are the paths and bodies that came."""

    port: int = 0
    status: int = 200
    answer: Any = None
    pause: float = 0.0
    got: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    here = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            here.got.append((self.path, json.loads(body)))
            time.sleep(here.pause)
            self.send_response(here.status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(b"" if here.answer is None else json.dumps(here.answer).encode())

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{here.port}"
    for plugin in (NotifyWeComBot, NotifyDingTalk, NotifyFeishu):  # their own paths, on this machine
        _, _, path = plugin.notify_url.removeprefix("https://").partition("/")
        monkeypatch.setattr(plugin, "notify_url", f"{base}/{path}")
    yield here
    server.shutdown()
    server.server_close()


ADDRESSES = {"wecombot": "wecombot://693a91f6-7xxx", "dingtalk": "dingtalk://abc123", "feishu": "feishu://f0-0d"}


@pytest.mark.parametrize("kind", ADDRESSES)
def test_a_message_that_is_taken(kind: str, provider: Provider) -> None:
    provider.answer = TAKEN[kind]
    ChatRobots().send(address=ADDRESSES[kind], body="【供暖急修】翠湖花园 & <3号楼>")
    ((path, body),) = provider.got
    assert path.split("?")[0].rstrip("/") in {
        "/cgi-bin/webhook/send",
        "/robot/send",
        "/open-apis/bot/v2/hook/f0-0d",
    }
    text = body.get("content") or body["text"]
    assert (text.get("text") or text["content"]) == "【供暖急修】翠湖花园 & <3号楼>"


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("wecombot", {"errcode": 93000, "errmsg": "invalid webhook url, hint: [1]"}),
        ("dingtalk", {"errcode": 310000, "errmsg": "keywords not in content"}),
        ("feishu", {"code": 19001, "msg": "param invalid: incoming webhook access token invalid", "data": {}}),
    ],
)
def test_a_refusal_that_comes_with_http_200_is_a_refusal(kind: str, answer: dict[str, Any], provider: Provider) -> None:
    """The library itself would call it sent."""
    provider.answer = answer
    with pytest.raises(CarrierRefused) as refused:
        ChatRobots().send(address=ADDRESSES[kind], body="x")
    assert refused.value.code in answer.values()
    assert ADDRESSES[kind].partition("://")[2] not in str(refused.value), "the address is a secret"


@pytest.mark.parametrize(
    ("kind", "code"), [("wecombot", 45009), ("dingtalk", 130101), ("dingtalk", 410100), ("feishu", 11232)]
)
def test_too_many_messages_in_a_minute(kind: str, code: int, provider: Provider) -> None:
    provider.answer = {"errcode": code, "code": code}
    with pytest.raises(CarrierBusy):
        ChatRobots().send(address=ADDRESSES[kind], body="x")


@pytest.mark.parametrize(
    ("status", "answer", "error"),
    [
        (429, None, CarrierBusy),
        (404, None, CarrierRefused),
        (502, None, CarrierUnknown),
        (200, None, CarrierUnknown),  # no verdict in it
        (200, ["odd"], CarrierUnknown),
    ],
)
def test_other_answers(status: int, answer: Any, error: type[Exception], provider: Provider) -> None:
    provider.status, provider.answer = status, answer
    with pytest.raises(error):
        ChatRobots().send(address=ADDRESSES["feishu"], body="x")


def test_any_other_address_of_the_library_is_judged_by_http(provider: Provider) -> None:
    address = f"json://127.0.0.1:{provider.port}/robots/8619900000011"
    ChatRobots().send(address=address, body="有急修")
    assert provider.got[0][1]["message"] == "有急修"
    provider.status = 500
    with pytest.raises(CarrierUnknown):
        ChatRobots().send(address=address, body="x")


def test_nobody_there(provider: Provider) -> None:
    with pytest.raises(CarrierUnknown, match="ConnectionError"):
        ChatRobots().send(address="json://127.0.0.1:1/robots/1", body="x")
    assert provider.got == []


def test_a_robot_that_hangs_is_given_up(provider: Provider) -> None:
    provider.pause = 2.0
    started = time.monotonic()
    with pytest.raises(CarrierUnknown, match="no answer"):
        ChatRobots(limit_seconds=0.3).send(address=f"json://127.0.0.1:{provider.port}/x", body="x")
    assert time.monotonic() - started < 1.5


def test_two_messages_at_once_do_not_hear_each_others_answers(provider: Provider) -> None:
    robots, failures = ChatRobots(), []
    provider.answer, provider.pause = {"errcode": 0}, 0.05

    def send(kind: str) -> None:
        try:
            robots.send(address=ADDRESSES[kind], body="x")
        except Exception as exc:  # noqa: BLE001 - collected
            failures.append((kind, type(exc)))

    threads = [threading.Thread(target=send, args=(kind,)) for kind in ("dingtalk", "feishu") * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == [("feishu", CarrierUnknown)] * 4, "feishu says code, not errcode; dingtalk was taken"


@pytest.mark.parametrize(
    ("written", "address"),
    [
        (" https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=693a-91f6 ", "wecombot://693a-91f6"),
        ("https://oapi.dingtalk.com/robot/send?access_token=abc123", "dingtalk://abc123"),
        ("https://open.feishu.cn/open-apis/bot/v2/hook/f0-0d", "feishu://f0-0d"),
        ("dingtalk://SECabc@abc123", "dingtalk://SECabc@abc123"),
        ("json://127.0.0.1:8100/robots/1", "json://127.0.0.1:8100/robots/1"),
        ("https://example.com/hook", ""),
        ("19900000011", ""),
        ("wecombot://", ""),
        ("", ""),
    ],
)
def test_what_is_a_robots_address(written: str, address: str) -> None:
    assert robot_address(written) == address


def test_what_is_no_address_is_refused_when_it_is_sent_to() -> None:
    with pytest.raises(CarrierRefused):
        ChatRobots().send(address="nonsense", body="x")
