"""WeChat's API, through wechatpy's client: messages to followers, their pictures, the menu. Foreign errors end here.

The access token is kept in memory until a minute before its end, one thread fetching it at a time; other processes have
their own: `stable_token` gives all of them the same one, where a second fetch of the older `token` would make the first void.
"""

import threading
import time
from typing import Any

import requests
from urllib3.exceptions import NewConnectionError
from wechatpy import WeChatClient
from wechatpy.exceptions import WeChatClientException

from kernel.errors import CarrierBusy, CarrierError, CarrierRefused, CarrierUnknown
from wechat.account import Account

_TIMEOUT = 10
_LONGEST_PICTURE = 10 * 1024 * 1024  # WeChat's own limit for pictures
_TOKEN_IS_VOID = (40001, 40014, 42001)
#: Nothing happened, and it may work in a moment: busy, a void token, too many calls.
_LATER = (-1, *_TOKEN_IS_VOID, 45009, 45011)

Menu = dict[str, Any]


class _Client(WeChatClient):  # type: ignore[misc] # wechatpy is untyped
    """wechatpy's, with the token of all processes, time-outs, and no repeating on its own."""

    def __init__(self, account: Account) -> None:
        super().__init__(account.app_id, account.secret, timeout=_TIMEOUT, auto_retry=False)
        self.API_BASE_URL = f"{account.api}/cgi-bin/"
        self._one_fetcher = threading.Lock()

    @property
    def access_token(self) -> str:
        with self._one_fetcher:
            return str(super().access_token)

    def fetch_access_token(self) -> dict[str, Any]:
        asked = {"grant_type": "client_credential", "appid": self.appid, "secret": self.secret}
        answer = self._http.post(f"{self.API_BASE_URL}stable_token", json=asked, timeout=_TIMEOUT)
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        if "access_token" not in told:
            raise WeChatClientException(told.get("errcode", 0), str(told.get("errmsg", "")), client=self)
        life = int(told.get("expires_in", 0))
        self.session.set(self.access_token_key, told["access_token"], life)
        self.expires_at = int(time.time()) + life  # wechatpy compares with this machine's clock
        return told

    def forget_token(self) -> None:
        self.session.delete(self.access_token_key)


class WeChatApi:
    """Safe to share between threads. Raises CarrierBusy (nothing happened, try again), CarrierRefused (`.code` is WeChat's
    errcode), CarrierUnknown (perhaps it happened). Each call ends within 10 s, and 10 more for a new token.
    """

    def __init__(self, account: Account) -> None:
        self._client = _Client(account)

    def sign_in(self) -> None:
        """Fetches the access token, or has it. Raises CarrierRefused: wrong id or secret, or this machine is not on the list."""
        try:
            _ = self._client.access_token
        except WeChatClientException as exc:
            raise _translated(exc) from exc
        except (requests.RequestException, ValueError) as exc:
            raise CarrierBusy(f"no access token: {type(exc).__name__}") from exc  # nothing was asked for yet

    def send_text(self, openid: str, text: str) -> None:
        self._call(lambda: self._client.message.send_text(openid, text))

    def fetch_picture(self, media_id: str) -> bytes:
        answer = self._call(lambda: self._client.media.download(media_id))
        content: bytes = getattr(answer, "content", b"")
        if not 0 < len(content) <= _LONGEST_PICTURE:
            raise CarrierRefused(f"a picture of {len(content)} bytes")
        return content

    def push_menu(self, menu: Menu) -> None:
        self._call(lambda: self._client.menu.create(menu))

    def _call(self, call: Any) -> Any:
        try:
            self.sign_in()
        except CarrierRefused as exc:
            raise CarrierBusy(
                f"cannot sign in: {exc}"
            ) from exc  # not the message's fault: it waits until somebody repairs it
        try:
            return call()
        except WeChatClientException as exc:
            error = _translated(exc)
            if exc.errcode in _TOKEN_IS_VOID:
                self._client.forget_token()
            raise error from exc
        except requests.RequestException as exc:
            if isinstance(exc, requests.ConnectTimeout) or _never_connected(exc):
                raise CarrierBusy(type(exc).__name__) from exc
            raise CarrierUnknown(type(exc).__name__) from exc


def _translated(exc: WeChatClientException) -> CarrierError:
    code = exc.errcode
    if code is None:  # an HTTP status, no answer of the API
        return CarrierUnknown("the API answered with an HTTP error")
    if code in _LATER:
        return CarrierBusy(f"errcode {code}")
    return CarrierRefused(f"errcode {code}: {exc.errmsg}", code=int(code))


def _never_connected(exc: requests.RequestException) -> bool:
    reason = getattr(exc.args[0] if exc.args else None, "reason", None)
    return isinstance(reason, NewConnectionError)
