"""WeChat's side of signature, encryption and XML, written from its documents: nothing of the product's library is in it."""

import base64
import hashlib
import secrets
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape

import xmltodict
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_BLOCK = 32


@dataclass(frozen=True, slots=True)
class Sealing:
    """What an official account and WeChat have agreed on. `aes_key` "": plain text."""

    app_id: str
    token: str
    aes_key: str = ""

    def sign(self, *parts: str) -> str:
        return hashlib.sha1("".join(sorted((self.token, *parts))).encode()).hexdigest()  # noqa: S324 - as WeChat does

    def request(self, plain: str, at: int) -> tuple[dict[str, str], str]:
        """Query and body of one delivery."""
        made_at, nonce = str(at), secrets.token_hex(5)
        query = {"timestamp": made_at, "nonce": nonce, "signature": self.sign(made_at, nonce)}
        if not self.aes_key:
            return query, plain
        sealed = self.encrypt(plain)
        query |= {"encrypt_type": "aes", "msg_signature": self.sign(made_at, nonce, sealed)}
        return query, xml_of({"Encrypt": sealed})

    def answer(self, body: bytes) -> dict[str, str]:
        """The fields of a passive answer. Raises ValueError: not what WeChat would take."""
        fields = fields_of(body)
        if not self.aes_key:
            return fields
        sealed = fields.get("Encrypt", "")
        if fields.get("MsgSignature") != self.sign(fields.get("TimeStamp", ""), fields.get("Nonce", ""), sealed):
            raise ValueError("MsgSignature")
        return fields_of(self.decrypt(sealed).encode())

    def encrypt(self, plain: str) -> str:
        """16 random bytes, length, text, AppID, filled up to a multiple of 32."""
        text = plain.encode()
        whole = secrets.token_bytes(16) + struct.pack(">I", len(text)) + text + self.app_id.encode()
        fill = _BLOCK - len(whole) % _BLOCK
        worker = self._cipher().encryptor()
        return base64.b64encode(worker.update(whole + bytes([fill]) * fill) + worker.finalize()).decode()

    def decrypt(self, sealed: str) -> str:
        worker = self._cipher().decryptor()
        whole = worker.update(base64.b64decode(sealed)) + worker.finalize()
        whole = whole[16 : -whole[-1]]
        (length,) = struct.unpack(">I", whole[:4])
        if whole[4 + length :].decode() != self.app_id:
            raise ValueError("AppID")
        return whole[4 : 4 + length].decode()

    def _cipher(self) -> Cipher[modes.CBC]:
        key = base64.b64decode(self.aes_key + "=")
        return Cipher(algorithms.AES(key), modes.CBC(key[:16]))


def xml_of(fields: Mapping[str, str]) -> str:
    return "<xml>" + "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields.items()) + "</xml>"


def fields_of(body: bytes) -> dict[str, str]:
    """Raises ValueError."""
    try:
        return {name: value or "" for name, value in xmltodict.parse(body)["xml"].items()}
    except Exception as exc:
        raise ValueError("not WeChat's XML") from exc
