"""Signatures, encryption and XML of WeChat's webhook. Nothing that is not signed, fresh and well-formed passes."""

import hmac
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.parsers.expat import ExpatError

import xmltodict
from wechatpy.crypto import WeChatCrypto
from wechatpy.exceptions import WeChatException
from wechatpy.replies import TextReply
from wechatpy.utils import WeChatSigner

from kernel.clock import Clock
from kernel.errors import BadInput, NotAllowed
from wechat.account import Account
from wechat.heard import Heard, read_message

#: Both ways: two clocks. WeChat's own repeats come within 15 seconds.
FRESH_FOR = timedelta(minutes=5)


class Envelope:
    """Safe to share between threads. With an AES key plain bodies are refused: their signature says nothing about them."""

    def __init__(self, account: Account, clock: Clock) -> None:
        self._token = account.token
        self._crypto = WeChatCrypto(account.token, account.aes_key, account.app_id) if account.aes_key else None
        self._clock = clock

    def check(self, query: Mapping[str, str]) -> None:
        """Raises NotAllowed: not signed with our token, or too old."""
        self._check(query, query.get("signature", ""))

    def open(self, query: Mapping[str, str], body: bytes) -> Heard:
        """Raises NotAllowed (signature, age, another account, plain where encrypted is agreed), BadInput (not a message)."""
        if self._crypto is None:
            self.check(query)
            return read_message(_fields(body))
        fields = _fields(body)
        sealed = fields.get("Encrypt", "")
        if not sealed:
            raise NotAllowed("a plain body, and the safe mode was agreed")
        signature = query.get("msg_signature", "")
        self._check(query, signature, sealed)
        try:
            plain = self._crypto.decrypt_message(fields, signature, query["timestamp"], query["nonce"])
        except (
            WeChatException,
            ValueError,
            IndexError,
            ArithmeticError,
        ) as exc:  # UnicodeError and binascii are ValueErrors
            raise NotAllowed("cannot be decrypted with WECHAT_AES_KEY, or is for another account") from exc
        return read_message(_fields(plain.encode()))

    def seal(self, heard: Heard, text: str) -> str:
        """The passive answer: XML, encrypted where that was agreed."""
        reply = TextReply(source=heard.account, target=heard.openid, content=text.replace("]]>", "]] >"))
        reply.time = self._now()
        plain = str(reply.render())
        if self._crypto is None:
            return plain
        return str(self._crypto.encrypt_message(plain, secrets.token_hex(8), str(self._now())))

    def _check(self, query: Mapping[str, str], signature: str, *covered: str) -> None:
        made_at, nonce = query.get("timestamp", ""), query.get("nonce", "")
        signer = WeChatSigner()
        signer.add_data(self._token, made_at, nonce, *covered)
        if not hmac.compare_digest(str(signer.signature).encode(), signature.encode()):
            raise NotAllowed("signature")
        if not (made_at.isascii() and made_at.isdigit()) or abs(int(made_at) - self._now()) > FRESH_FOR.total_seconds():
            raise NotAllowed(f"timestamp {made_at[:20]}")

    def _now(self) -> int:
        return int((self._clock.now() - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())


def _fields(body: bytes) -> dict[str, str]:
    """The children of <xml> that are text. Entities are refused (xmltodict's default, and a test's): no bomb, no file."""
    try:
        document: Any = xmltodict.parse(body, disable_entities=True)
    except (ExpatError, ValueError) as exc:
        raise BadInput("not XML") from exc
    top = document.get("xml") if isinstance(document, dict) else None
    if not isinstance(top, dict):
        raise BadInput("no <xml>")
    return {name: value for name, value in top.items() if isinstance(value, str)}
