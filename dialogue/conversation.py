"""Conversation, turn, message, reply: what passes between a resident, the bot and an operator. Pure."""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Channel(StrEnum):
    PHONE = "phone"
    CHAT = "chat"  # our own page and widget
    WECHAT = "wechat"  # the official account

    @property
    def is_written(self) -> bool:
        """Read, not heard: may wait, may be passed on without audio, is given to whoever is free."""
        return self is not Channel.PHONE


class Floor(StrEnum):
    """Who speaks with the resident. QUEUE: the resident waits for a person, the bot only keeps company."""

    BOT = "bot"
    QUEUE = "queue"
    OPERATOR = "operator"
    ENDED = "ended"


class Author(StrEnum):
    RESIDENT = "resident"
    BOT = "bot"
    OPERATOR = "operator"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Conversation:
    """One call, or one visitor's chat. `state` is the policy's own JSON (dialogue.policy.DialogueState)."""

    id: str  # uuid4 hex, part of webhook paths and chat tokens
    channel: Channel
    external_id: str  # CallSid, or the chat visitor's id; unique per channel
    peer: str  # caller's number in E.164; "" = withheld, or a chat visitor
    floor: Floor
    opened_at: datetime
    last_at: datetime
    state: dict[str, Any] = field(default_factory=dict)
    household_id: int | None = None
    operator_id: int | None = None  # who holds the floor; None unless floor is OPERATOR
    epoch: int = 0  # +1 with every change of floor: an answer of an older epoch is discarded
    last_seq: int = 0
    waiting_since: datetime | None = None  # since when the resident waits for a person
    seen_by_operator_at: datetime | None = None  # heartbeat of the holder's open page


@dataclass(frozen=True, slots=True)
class Message:
    """One line of a conversation's append-only log. `seq` runs gapless from 1 within the conversation."""

    conversation_id: str
    seq: int
    author: Author
    text: str
    at: datetime
    #: what a channel needs beside the text: `voice` (spoken variant), `quick_replies`, `card`, `script` (key), `understanding`, `operator`
    data: dict[str, Any] = field(default_factory=dict)
    client_id: str | None = None  # the sender's own id; unique within the conversation


@dataclass(frozen=True, slots=True)
class Turn:
    """What a channel heard. `key` is the same for a repeated delivery of the same turn (webhook path, client message id).

    Exactly one of text, digits and choice carries meaning; all empty means nothing was heard (silence).
    """

    conversation_id: str
    key: str
    text: str = ""
    digits: str = ""  # keypad, "" if none
    choice: str = ""  # key of a quick reply that was tapped; `text` then holds its label
    confidence: float | None = None  # of speech recognition, if told


class Expect(StrEnum):
    """What the resident is asked for: lets the channel listen well."""

    ANYTHING = "anything"
    YES_NO = "yes_no"
    ADDRESS = "address"
    PHONE = "phone"
    CARD = "card"  # of the heating card: many digits
    NUMBER = "number"  # of a building, a unit, a room
    MENU = "menu"


class Then(StrEnum):
    """What the channel does after speaking."""

    LISTEN = "listen"
    WAIT = "wait"  # the resident waits for (or has) a person: hold loop on the phone, open chat
    RECORD = "record"  # a message is recorded; the words before it are its announcement. Telephone only
    HANG_UP = "hang_up"


@dataclass(frozen=True, slots=True)
class Said:
    """One rendered sentence (or a few). `interruptible` is False for safety instructions."""

    script: str
    chat: str
    voice: str
    interruptible: bool = True
    card: dict[str, Any] | None = (
        None  # {"kind": "safety", "phone": …} | {"kind": "ticket", "number", "title", "clocks": [...]}
    )


@dataclass(frozen=True, slots=True)
class QuickReply:
    """A button in the chat, a key on the phone ("" = no key)."""

    choice: str
    label: str
    digit: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a turn: the same content for both channels. Stored; a repeated turn gets the stored one."""

    said: tuple[Said, ...]
    quick_replies: tuple[QuickReply, ...] = ()
    expect: Expect = Expect.ANYTHING
    then: Then = Then.LISTEN
    turn_number: int = 0  # how many turns the conversation had, this one included: the phone's next action path
    ticket_ids: tuple[int, ...] = ()
    last_seq: int = 0  # seq of the last message stored with this reply: where the phone's hold loop goes on listening

    @property
    def takes_one_key(self) -> bool:
        """The first key is the answer, whatever is expected: there are choices with keys (0, for a person, is everywhere)."""
        return any(option.digit not in ("", "0") for option in self.quick_replies)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Reply":
        """The inverse of `to_json`."""
        return cls(
            said=tuple(Said(**s) for s in data["said"]),
            quick_replies=tuple(QuickReply(**q) for q in data["quick_replies"]),
            expect=Expect(data["expect"]),
            then=Then(data["then"]),
            turn_number=data["turn_number"],
            ticket_ids=tuple(data["ticket_ids"]),
            last_seq=data["last_seq"],
        )
