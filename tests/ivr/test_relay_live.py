"""ConversationRelay over a real socket: gunicorn, the real dialogue, the real danger words; the carrier's end is ours."""

import json
import secrets
from collections.abc import Iterator
from socket import create_connection
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from simple_websocket import Client
from twilio.request_validator import RequestValidator

from ops.town import Town
from tests.faults.calling import Line, stranger
from tests.faults.records import cancel_open_tickets, conversation_of, ticket_of
from tests.twilio_judges import assert_twiml

pytestmark = pytest.mark.nlu


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, nlu_url: str) -> Iterator[Town]:
    environment = {"VOICE_TRANSPORT": "relay", "WEB_THREADS": "8"}
    with Town(tmp_path_factory.mktemp("relay"), nlu_url, environment=environment) as running:
        yield running
        cancel_open_tickets(running)


class Relay:
    """The carrier's side of one session."""

    def __init__(self, town: Town) -> None:
        self.town, self.line = town, Line(town)
        self.form = {"CallSid": "CA" + secrets.token_hex(16), "From": stranger(), "CallStatus": "in-progress"}
        answer = assert_twiml(self.line.post("/ivr/calls", self.form).content)
        (connect,) = answer.findall("Connect")
        self.action = str(connect.get("action"))
        self.url = str(connect[0].get("url"))

    def open(self, token: str = "") -> Client:
        signature = RequestValidator(token or self.town.token).compute_signature(self.url, {})
        return Client.connect(self.url, headers={"X-Twilio-Signature": signature})

    def knock(self, token: str = "") -> int:
        """The status of an upgrade whose connection is let go at once."""
        signature = RequestValidator(token or self.town.token).compute_signature(self.url, {})
        address = urlsplit(self.url)
        lines = (
            f"GET {address.path} HTTP/1.1", f"Host: {address.netloc}", "Upgrade: websocket", "Connection: Upgrade",
            "Sec-WebSocket-Key: nAhuYw2ExV0ogUsnbO/Crg==", "Sec-WebSocket-Version: 13", f"X-Twilio-Signature: {signature}",
        )  # fmt: skip
        with create_connection((str(address.hostname), int(address.port or 80)), timeout=20) as connection:
            connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
            return int(connection.recv(100).split()[1])

    def setup(self, socket: Client) -> str:
        """Everything up to the greeting; at night its own words come first (N6)."""
        socket.send(json.dumps({"type": "setup", "sessionId": "VX" + "0" * 32, "callSid": self.form["CallSid"]}))
        said = ""
        while "为您服务" not in said:
            said += self.next(socket)["token"]
        return said

    def next(self, socket: Client) -> dict[str, Any]:
        raw = socket.receive(timeout=20)
        assert raw is not None, self.town.logs()
        message: dict[str, Any] = json.loads(raw)
        return message

    def over(self) -> httpx.Response:
        return self.line.post(self.action, self.form | {"SessionStatus": "ended"})


def test_a_leak_told_over_the_relay_rings_the_butler_and_goes_on_by_gather(town: Town) -> None:
    relay = Relay(town)
    socket = relay.open()
    assert "温心01号" in relay.setup(socket)
    leak = "家里暖气管爆了,水喷得到处都是,翠湖花园三号楼二单元五零一"
    socket.send(json.dumps({"type": "prompt", "voicePrompt": leak, "lang": "cmn-Hans-CN", "last": True}))
    first = relay.next(socket)
    assert "阀门" in first["token"]
    assert first["interruptible"] is False
    ticket = ticket_of(town, conversation_of(town, relay.form["CallSid"]).id)
    assert ticket.emergency
    socket.close()  # the relay dies in the middle of the call
    document = assert_twiml(relay.over().content)
    (gather,) = document.findall("Gather")
    assert "阀门" in "".join(document.itertext()), "what was perhaps not heard is said again"
    assert relay.over().content == relay.over().content
    following = relay.line.post(
        str(gather.get("action")), relay.form | {"SpeechResult": "好的,谢谢", "Confidence": "0.9"}
    )
    assert_twiml(following.content)
    assert [t.id for t in [ticket_of(town, conversation_of(town, relay.form["CallSid"]).id)]] == [ticket.id]


def test_an_unsigned_upgrade_is_refused(town: Town) -> None:
    assert Relay(town).knock(token="another account's token") == 403


def test_more_sessions_than_seats_go_on_by_gather(town: Town) -> None:
    """Two of eight threads."""
    relays = [Relay(town) for _ in range(3)]
    sockets = [relay.open() for relay in relays[:2]]
    for relay, socket in zip(relays, sockets, strict=False):
        relay.setup(socket)
    assert relays[2].knock() == 503
    assert assert_twiml(relays[2].over().content).find("Gather") is not None
    for socket in sockets:
        socket.close()
    town.wait(lambda: relays[2].knock() == 101, 15)
