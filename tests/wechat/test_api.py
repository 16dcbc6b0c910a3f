"""wechatpy's client against the simulated WeChat: what is sent, what is refused, and one token for all."""

import socket
import threading
from collections.abc import Iterator

import httpx
import pytest
from flask import Flask, request
from werkzeug.serving import make_server

from kernel.errors import CarrierBusy, CarrierRefused, CarrierUnknown
from simulator.app import create_app
from simulator.config import Config, WeChatAccount
from tests.dialogue.talk import BOOK
from tests.wechat.official import OPENID, SAFE
from wechat.account import Account
from wechat.api import WeChatApi
from wechat.menu import menu


class Platform:
    """The simulated WeChat on a socket; `asked` counts requests by path."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        told = WeChatAccount(SAFE.app_id, SAFE.secret, SAFE.token, SAFE.aes_key, "http://127.0.0.1:9/wechat")
        app = create_app(Config(account_sid="AC" + "0" * 32, auth_token="t" * 32, wechat=told))
        app.before_request(lambda: self.asked.append(request.path))
        self.app: Flask = app
        self.server = make_server("127.0.0.1", 0, app, threaded=True)
        self.base = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
        self.app.extensions["network"].close()

    def account(self, secret: str = SAFE.secret) -> Account:
        return Account(SAFE.app_id, secret, SAFE.token, SAFE.aes_key, self.base)

    def lines(self) -> list[dict[str, str]]:
        told: list[dict[str, str]] = httpx.get(f"{self.base}/api/wechat/{OPENID}").json()
        return told


@pytest.fixture
def platform() -> Iterator[Platform]:
    running = Platform()
    httpx.put(f"{running.base}/api/wechat/{OPENID}", json={"open": True})
    yield running
    running.close()


def test_a_message_a_picture_and_the_menu_with_one_token(platform: Platform) -> None:
    api = WeChatApi(platform.account())
    api.send_text(OPENID, "您好")
    assert platform.lines() == [{"from": "account", "text": "您好", "how": "message"}]
    httpx.put(f"{platform.base}/api/wechat/media/m1", content=b"\xff\xd8\xff picture")
    assert api.fetch_picture("m1") == b"\xff\xd8\xff picture"
    api.push_menu(menu("https://hotline.example", BOOK))
    assert httpx.get(f"{platform.base}/api/wechat/menu").json()["button"][0]["name"] == "报修"
    assert platform.asked.count("/cgi-bin/stable_token") == 1


def test_many_threads_fetch_one_token(platform: Platform) -> None:
    api = WeChatApi(platform.account())
    threads = [threading.Thread(target=api.sign_in) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert platform.asked.count("/cgi-bin/stable_token") == 1


def test_a_void_token_costs_one_try_and_not_the_message(platform: Platform) -> None:
    api = WeChatApi(platform.account())
    api.sign_in()
    httpx.post(f"{platform.base}/api/wechat/token")
    with pytest.raises(CarrierBusy):
        api.send_text(OPENID, "您好")
    api.send_text(OPENID, "您好")
    assert len(platform.lines()) == 1


def test_wechats_codes_are_told_apart(platform: Platform) -> None:
    api = WeChatApi(platform.account())
    with pytest.raises(CarrierRefused) as unknown:
        api.send_text("nobody", "您好")
    assert unknown.value.code == 40003
    for _ in range(5):
        api.send_text(OPENID, "您好")
    with pytest.raises(CarrierRefused) as too_many:
        api.send_text(OPENID, "您好")
    assert too_many.value.code == 45047
    httpx.put(f"{platform.base}/api/wechat/{OPENID}", json={"open": False})
    with pytest.raises(CarrierRefused) as too_late:
        api.send_text(OPENID, "您好")
    assert too_late.value.code == 45015
    with pytest.raises(CarrierRefused) as no_picture:
        api.fetch_picture("gone")
    assert no_picture.value.code == 40007


def test_a_wrong_secret_is_told_to_who_signs_in_and_keeps_messages_waiting(platform: Platform) -> None:
    api = WeChatApi(platform.account("wrong"))
    with pytest.raises(CarrierRefused) as refused:
        api.sign_in()
    assert refused.value.code == 40125
    assert "wrong" not in str(refused.value)
    with pytest.raises(CarrierBusy):
        api.send_text(OPENID, "您好")


def test_what_never_arrived_may_be_repeated_and_what_perhaps_did_not() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    api = WeChatApi(Account(SAFE.app_id, SAFE.secret, SAFE.token, api=nobody))
    with pytest.raises(CarrierBusy):
        api.send_text(OPENID, "您好")
    api._client.session.set(api._client.access_token_key, "token", 7200)
    with pytest.raises(CarrierBusy):
        api.send_text(OPENID, "您好")
    with _hangs_up() as address:
        api = WeChatApi(Account(SAFE.app_id, SAFE.secret, SAFE.token, api=address))
        api._client.session.set(api._client.access_token_key, "token", 7200)
        with pytest.raises(CarrierUnknown):
            api.send_text(OPENID, "您好")


class _hangs_up:  # noqa: N801 - used as a function
    """Hears the request and closes."""

    def __enter__(self) -> str:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self._answer)
        self.thread.start()
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}"

    def _answer(self) -> None:
        with self.socket.accept()[0] as heard:
            heard.recv(65536)

    def __exit__(self, *_: object) -> None:
        self.thread.join()
        self.socket.close()
