"""Calls as the carrier makes them, by hand: signed webhooks with whatever a test wants to put into them."""

import secrets
import time
from collections.abc import Mapping

import httpx
from lxml import etree
from twilio.request_validator import RequestValidator

from ops.town import Town
from tests.twilio_judges import action_of, assert_twiml, spoken

#: The carrier hangs up on a webhook after this.
CARRIER_LIMIT_SECONDS = 15.0


def stranger() -> str:
    """A number nobody has called from."""
    return f"+86177{secrets.randbelow(10**8):08}"


class Line:
    """The carrier's end of the webhooks. Not closed: a connection a request."""

    def __init__(self, town: Town) -> None:
        self._town = town

    def post(
        self, path: str, form: Mapping[str, str], *, web: str = "", signed_as: str = "", token: str = ""
    ) -> httpx.Response:
        """`path` below the web process, or an absolute address. `signed_as`: the address in the signature."""
        web = web or self._town.web
        address = path if path.startswith("http") else web + path
        data = {"AccountSid": self._town.account, "ApiVersion": "2010-04-01", **form}
        signature = RequestValidator(token or self._town.token).compute_signature(signed_as or address, data)
        return httpx.post(address, data=data, headers={"X-Twilio-Signature": signature}, timeout=30, trust_env=False)


class Call:
    """A resident's call: each step posts to where the last answer led, and every answer is judged."""

    def __init__(self, town: Town, caller: str = "") -> None:
        self.line = Line(town)
        self.caller = caller or stranger()
        self.sid = "CA" + secrets.token_hex(16)
        self.seconds = 0.0  # of the last answer
        self.body = b""
        self.next = ""
        self.open = False
        self._hear("/ivr/calls", {})

    @property
    def words(self) -> str:
        return "\n".join(self.spoken)

    def say(self, text: str) -> str:
        """What is answered."""
        return self._hear(self.next, {"SpeechResult": text, "Confidence": "0.87"})

    def press(self, digits: str) -> str:
        return self._hear(self.next, {"Digits": digits})

    def silence(self) -> str:
        return self._hear(self.next, {})

    def again(self) -> bytes:
        """The last webhook once more; the bytes of its answer."""
        path, form = self._last
        return self.line.post(path, form).content

    def hang_up(self) -> None:
        ended = {"CallSid": self.sid, "CallStatus": "completed", "From": self.caller}
        assert self.line.post("/ivr/status", ended).status_code == 204

    def _hear(self, path: str, heard: Mapping[str, str]) -> str:
        form = {"CallSid": self.sid, "From": self.caller, "CallStatus": "in-progress", **heard}
        self._last = (path, form)
        began = time.monotonic()
        response = self.line.post(path, form)
        self.seconds = time.monotonic() - began
        assert response.status_code == 200, (path, response.status_code, response.text)
        assert response.headers["content-type"] == "text/xml; charset=utf-8"
        self.body = response.content
        self._follow(assert_twiml(response.content))
        return self.words

    def _follow(self, document: etree._Element) -> None:
        self.spoken = spoken(document)
        self.tags = [element.tag for element in document.iter()]
        dial = document.find("Dial")
        self.dialled = "".join(dial.itertext()) if dial is not None else ""
        self.open = document.find("Hangup") is None
        if self.open:
            self.next = str(dial.get("action")) if dial is not None else action_of(document)
