"""WeChat's side of an official account, as little as is needed: token, messages, pictures, menu; and residents who write.

A resident's message is delivered as WeChat does it: signed, encrypted if that was agreed, five seconds, three times. What
WeChat would not take (a text beyond 2,048 bytes, a sixth message between two of his, anything 48 hours later) it refuses
with WeChat's code. Control: under /api/wechat, JSON, without a login, as all of this network's.
"""

import itertools
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
from flask import Blueprint, Response, jsonify, request

from simulator.config import WeChatAccount
from simulator.network import Impossible
from simulator.wechat_envelope import Sealing, xml_of

OURS = "gh_0123456789ab"
_WAITS_SECONDS, _DELIVERIES = 5.0, 3
_LONGEST_TEXT, _MOST_BETWEEN = 2048, 5
_MENU_BYTES, _ENTRY_BYTES, _MOST_BUTTONS, _MOST_ENTRIES = 16, 60, 3, 5
_EVENTS_HAVE_NO_NUMBER = "event"


@dataclass
class Follower:
    """A resident's WeChat: what stands in it, who said it and by which way it came."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    open: bool = True  # he has written within 48 hours
    since_his_last: int = 0


class WeChat:
    """One account, and its followers by OpenID."""

    def __init__(self, account: WeChatAccount) -> None:
        self.account = account
        self.sealing = Sealing(account.app_id, account.token, account.aes_key)
        self.followers: dict[str, Follower] = {}
        self.media: dict[str, bytes] = {}
        self.menu: dict[str, Any] | None = None
        self.access_token = secrets.token_hex(32)
        self.lock = threading.Lock()
        self._numbers = itertools.count(time.time_ns())

    def deliver(self, openid: str, told: dict[str, str]) -> dict[str, Any]:
        """To the product's webhook, until it is answered. Returns the answer's text, "" for none, and how it went."""
        number = {} if told.get("MsgType") == _EVENTS_HAVE_NO_NUMBER else {"MsgId": str(next(self._numbers))}
        fields = {"ToUserName": OURS, "FromUserName": openid, "CreateTime": str(int(time.time())), **number, **told}
        with self.lock:
            follower = self.followers.setdefault(openid, Follower())
            follower.open, follower.since_his_last = True, 0
            follower.lines.append({"from": "resident", **told})
        took: list[float] = []
        for _ in range(_DELIVERIES):
            began = time.monotonic()
            answer = self._post(xml_of(fields))
            took.append(round(time.monotonic() - began, 2))
            if answer is not None:
                if answer:
                    self._shown(openid, answer, "answer")
                return {"answer": answer, "seconds": took}
        raise Impossible(f"the official account did not answer three times, after {took} s")

    def _post(self, plain: str) -> str | None:
        """None: nothing that WeChat would take."""
        query, body = self.sealing.request(plain, int(time.time()))
        try:
            answer = httpx.post(
                self.account.url, params=query, content=body.encode(), timeout=_WAITS_SECONDS, trust_env=False,
                headers={"Content-Type": "text/xml"},
            )  # fmt: skip
        except httpx.HTTPError:
            return None
        if answer.status_code != httpx.codes.OK:
            return None
        if answer.text in ("success", ""):
            return ""
        try:
            return self.sealing.answer(answer.content)["Content"]
        except (ValueError, KeyError):
            return None

    def _shown(self, openid: str, text: str, how: str) -> None:
        with self.lock:
            self.followers[openid].lines.append({"from": "account", "text": text, "how": how})

    def send(self, asked: dict[str, Any]) -> tuple[int, str]:
        """A customer-service message; WeChat's errcode and errmsg."""
        openid, text = str(asked.get("touser", "")), str((asked.get("text") or {}).get("content", ""))
        with self.lock:
            follower = self.followers.get(openid)
            if follower is None:
                return 40003, "invalid openid"
            if asked.get("msgtype") != "text" or not text:
                return 40008, "invalid message type"
            if len(text.encode()) > _LONGEST_TEXT:
                return 45002, "content size out of limit"
            if not follower.open:
                return 45015, "response out of time limit or subscription is canceled"
            if follower.since_his_last >= _MOST_BETWEEN:
                return 45047, "out of response count limit"
            follower.since_his_last += 1
        self._shown(openid, text, "message")
        return 0, "ok"

    def set_menu(self, menu: dict[str, Any]) -> tuple[int, str]:
        buttons = menu.get("button", [])
        if not 1 <= len(buttons) <= _MOST_BUTTONS:
            return 40016, "invalid button size"
        for button in buttons:
            entries = button.get("sub_button", [])
            if len(entries) > _MOST_ENTRIES:
                return 40023, "invalid sub button size"
            if len(button["name"].encode()) > _MENU_BYTES or any(
                len(e["name"].encode()) > _ENTRY_BYTES for e in entries
            ):
                return 40018, "invalid button name size"
        self.menu = menu
        return 0, "ok"


def wechat(account: WeChatAccount) -> Blueprint:
    """The API below /cgi-bin and its control."""
    blueprint = Blueprint("wechat", __name__)
    whole = WeChat(account)
    _api(blueprint, whole)
    _control(blueprint, whole)
    return blueprint


def _api(blueprint: Blueprint, whole: WeChat) -> None:
    def outcome(errcode: int, errmsg: str) -> Response:
        return jsonify(errcode=errcode, errmsg=errmsg)

    def is_stranger() -> bool:
        return request.args.get("access_token") != whole.access_token

    @blueprint.post("/cgi-bin/stable_token")
    def token() -> Response:
        asked = _asked()
        if (asked.get("appid"), asked.get("secret")) != (whole.account.app_id, whole.account.secret):
            return outcome(40125, "invalid appsecret")
        return jsonify(access_token=whole.access_token, expires_in=7200)

    @blueprint.post("/cgi-bin/message/custom/send")
    def send() -> Response:
        return outcome(40001, "invalid credential") if is_stranger() else outcome(*whole.send(_asked()))

    @blueprint.get("/cgi-bin/media/get")
    def media() -> Response:
        picture = whole.media.get(request.args.get("media_id", ""))
        if is_stranger():
            return outcome(40001, "invalid credential")
        return outcome(40007, "invalid media_id") if picture is None else Response(picture, mimetype="image/jpeg")

    @blueprint.post("/cgi-bin/menu/create")
    def menu() -> Response:
        return outcome(40001, "invalid credential") if is_stranger() else outcome(*whole.set_menu(_asked()))


def _control(blueprint: Blueprint, whole: WeChat) -> None:
    @blueprint.post("/api/wechat/<openid>/messages")
    def write(openid: str) -> dict[str, Any]:
        """A resident writes: WeChat's own fields, without those that WeChat adds."""
        return whole.deliver(openid, {str(name): str(value) for name, value in _asked().items()})

    @blueprint.get("/api/wechat/<openid>")
    def read(openid: str) -> list[dict[str, Any]]:
        with whole.lock:
            return list(whole.followers.get(openid, Follower()).lines)

    @blueprint.put("/api/wechat/<openid>")
    def set_window(openid: str) -> dict[str, Any]:
        """{open}: whether he has written within 48 hours."""
        with whole.lock:
            follower = whole.followers.setdefault(openid, Follower())
            follower.open = bool(_asked().get("open"))
        return {"open": follower.open}

    @blueprint.put("/api/wechat/media/<media_id>")
    def put_media(media_id: str) -> dict[str, Any]:
        whole.media[media_id] = request.get_data()
        return {"media_id": media_id}

    @blueprint.get("/api/wechat/menu")
    def read_menu() -> Response:
        return jsonify(whole.menu)

    @blueprint.post("/api/wechat/token")
    def change_token() -> dict[str, Any]:
        """All tokens that were given out are void."""
        whole.access_token = secrets.token_hex(32)
        return {}

    @blueprint.errorhandler(Impossible)
    def impossible(error: Impossible) -> tuple[Response, int]:
        return jsonify(error=str(error)), 409


def _asked() -> dict[str, Any]:
    """The API takes JSON under any content type, as WeChat does; the control API none but JSON's."""
    body = request.get_json(force=request.path.startswith("/cgi-bin/"))
    if not isinstance(body, dict):
        raise Impossible("a JSON object, please")
    return body
