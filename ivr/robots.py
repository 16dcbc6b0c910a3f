"""Chat robots (WeCom, DingTalk, Feishu and whatever else `apprise` speaks) behind fulfillment.ports.Robots.

They stand beside the carrier because it reaches no +86 number with a text that can be answered. The library tells only
"sent" or "not sent", and it takes HTTP 200 for "sent": but the three robots refuse with HTTP 200 and a code in the body.
Therefore its plugins are overheard, and the answer itself is judged here.
"""

import re
import sys
import threading
from collections.abc import Callable, Mapping
from functools import partial
from types import ModuleType
from typing import Any

import apprise
import requests

from ivr.within import TooLate, within
from kernel.errors import CarrierBusy, CarrierRefused, CarrierUnknown

LIMIT_SECONDS = 10.0
#: For connecting and for each piece of the answer; together with the name look-up it stays within the limit.
_SOCKET_SECONDS = 4.0
_SOLD_OUT = 429
_SERVER_ERROR = 500

#: What the providers show their customers, as `apprise` wants it.
_NATIVE = (
    (re.compile(r"https://qyapi\.weixin\.qq\.com/cgi-bin/webhook/send\?key=([\w-]+)"), r"wecombot://\1"),
    (re.compile(r"https://oapi\.dingtalk\.com/robot/send\?access_token=(\w+)"), r"dingtalk://\1"),
    (re.compile(r"https://open\.feishu\.cn/open-apis/bot/v2/hook/([\w-]+)/?"), r"feishu://\1"),
)
#: Where each of the three says in its answer whether it took the message; 0 is yes.
_VERDICT = {"wecombot": "errcode", "dingtalk": "errcode", "feishu": "code"}
#: "Too many messages in this minute", in the words of WeCom, DingTalk (two of them) and Feishu.
_TOO_FAST = frozenset({45009, 130101, 410100, 11232})


def robot_address(text: str) -> str:
    """The apprise address of what a company calls its robot: such an address, or the provider's own webhook; "" if it is
    neither. Asks no network, so that a robot which was deleted is still an address.
    """
    text = text.strip()
    for webhook, address in _NATIVE:
        if webhook.fullmatch(text):
            return webhook.sub(address, text)
    return text if _plugin(text) is not None else ""


class ChatRobots:
    """Safe to share between threads."""

    def __init__(self, *, limit_seconds: float = LIMIT_SECONDS) -> None:
        self._limit = limit_seconds
        # `apprise` finds and loads its plugins when the first address is read, half a second of it: not in an emergency.
        robot_address("json://localhost")

    def send(self, *, address: str, body: str) -> None:
        """Returns when the robot has taken the message. Raises CarrierBusy, CarrierRefused, CarrierUnknown."""
        plugin = _plugin(address)
        if plugin is None:
            raise CarrierRefused("not a robot's address")
        try:
            within(self._limit, partial(_send, plugin, body), name="robot")
        except TooLate as exc:
            raise CarrierUnknown(f"{_name(plugin)}: no answer in {self._limit:.0f} s") from exc


class _Overheard:
    """`requests` as a plugin sees it; keeps what this thread was answered last."""

    def __init__(self, real: ModuleType) -> None:
        self._real = real
        self._of_thread = threading.local()

    def forget(self) -> None:
        self._of_thread.heard = None

    @property
    def heard(self) -> requests.Response | requests.RequestException | None:
        found: requests.Response | requests.RequestException | None = getattr(self._of_thread, "heard", None)
        return found

    def __getattr__(self, name: str) -> Any:
        thing = getattr(self._real, name)
        return self._listening(thing) if name in {"post", "request", "get", "put"} else thing

    def _listening(self, ask: Callable[..., requests.Response]) -> Callable[..., requests.Response]:
        def asked(*args: Any, **kwargs: Any) -> requests.Response:
            try:
                self._of_thread.heard = ask(*args, **kwargs)
            except requests.RequestException as exc:
                self._of_thread.heard = exc
                raise
            return self._of_thread.heard  # type: ignore[no-any-return] # threading.local is untyped

        return asked


def _plugin(address: str) -> Any:
    """The plugin for an address (the library ships no types), or None."""
    plugin = apprise.Apprise.instantiate(address, suppress_exceptions=True)
    if plugin is not None:
        plugin.socket_connect_timeout = plugin.socket_read_timeout = _SOCKET_SECONDS
    return plugin


def _name(plugin: Any) -> str:
    """Of the provider; the address itself is a secret."""
    return str(plugin.service_name)


def _send(plugin: Any, body: str) -> None:
    overheard = _overheard(sys.modules[type(plugin).__module__])
    if overheard is not None:
        overheard.forget()
    taken = bool(plugin.notify(body=body))
    if overheard is not None and overheard.heard is not None:
        _judge(plugin, overheard.heard)
    if not taken:
        raise CarrierUnknown(f"{_name(plugin)}: not sent")


def _overheard(module: ModuleType) -> _Overheard | None:
    """None for a plugin that does not speak HTTP by `requests` (mail): its yes and no must do."""
    known = getattr(module, "requests", None)
    if known is None or isinstance(known, _Overheard):
        return known
    module.requests = _Overheard(known)  # type: ignore[attr-defined] # the one name by which every plugin reaches the net
    return _overheard(module)


def _judge(plugin: Any, heard: requests.Response | requests.RequestException) -> None:
    name = _name(plugin)
    if isinstance(heard, requests.RequestException):
        raise CarrierUnknown(f"{name}: {type(heard).__name__}") from heard
    status = heard.status_code
    if status == _SOLD_OUT:
        raise CarrierBusy(f"{name}: 429", retry_after_seconds=60.0)
    if status >= _SERVER_ERROR:
        raise CarrierUnknown(f"{name}: {status}")
    if not heard.ok:
        raise CarrierRefused(f"{name}: {status}", status)
    verdict = _VERDICT.get(plugin.schema)
    if verdict is None:
        return
    answer = _json(heard)
    code = answer.get(verdict)
    if not isinstance(code, int):
        raise CarrierUnknown(f"{name}: an answer without {verdict}")
    if code in _TOO_FAST:
        raise CarrierBusy(f"{name}: {code}, too many messages in a minute", retry_after_seconds=60.0)
    if code:
        why = answer.get("errmsg") or answer.get("msg") or ""
        raise CarrierRefused(f"{name}: {code} {str(why)[:80]}", code)


def _json(answer: requests.Response) -> Mapping[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
