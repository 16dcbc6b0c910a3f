"""The telephones of the network."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from uuid import uuid4

from simulator.calls import Call


class PhoneState(StrEnum):
    """How a telephone behaves when it is called. OFF ends as Twilio's `failed`, VOICEMAIL answers by itself."""

    ON = "on"
    NO_ANSWER = "no-answer"
    BUSY = "busy"
    VOICEMAIL = "voicemail"
    OFF = "off"


@dataclass
class Text:
    """A text message. `status` runs queued, sent, delivered (or undelivered: the telephone is off)."""

    to: str
    from_: str
    body: str
    callback: str = ""
    status: str = "queued"
    error_code: int | None = None
    sid: str = field(default_factory=lambda: "SM" + uuid4().hex)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))
    sent: datetime | None = None


@dataclass
class ChatMessage:
    """What a chat robot wrote to the owner of a telephone; it needs no telephone network, and arrives while the phone is off."""

    to: str
    body: str
    from_: str = "robot"
    status: str = "delivered"
    sid: str = field(default_factory=lambda: "RB" + uuid4().hex)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class Phone:
    """`call` is the present call or None; `last_call` stays to be read."""

    number: str
    label: str = ""
    kind: str = "other"
    state: PhoneState = PhoneState.ON
    call: Call | None = None
    last_call: Call | None = None
    texts: list[Text] = field(default_factory=list)
    messages: list[ChatMessage] = field(default_factory=list)

    @property
    def can_answer(self) -> bool:
        return self.state is PhoneState.ON
