"""What the chat needs from below. Kept to the few methods it calls; the lower floors' own classes fit as they are."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from dialogue.chat import Rating, Receipt, Side
from dialogue.conversation import Channel, Conversation, Message, Reply, Said, Turn
from dialogue.pictures import Photograph
from fulfillment.company import Operator
from kernel.clock import Clock


class Hotline(Protocol):
    """dialogue.handle_turn.Hotline."""

    def open(self, channel: Channel, external_id: str, peer: str) -> tuple[Conversation, Reply]: ...
    def handle_turn(self, turn: Turn) -> Reply:
        """Stores the utterance as a message whose client_id is the turn's key, and the answer. Idempotent by key."""
        ...

    def hang_up(self, conversation_id: str) -> None: ...


class Scripts(Protocol):
    """dialogue.script_book.ScriptBook."""

    def say(self, key: str, **params: object) -> Said: ...


class Pictures(Protocol):
    """dialogue.pictures.Pictures."""

    def take(self, conversation_id: str, key: str, photograph: Photograph) -> None: ...
    def file(self, picture_id: str, *, small: bool = False) -> tuple[str, Path]:
        """Whose conversation it is from, and where it lies. Raises NotFound."""
        ...


class Ratings(Protocol):
    """dialogue.ratings.Ratings."""

    def rate(self, conversation_id: str, stars: int, words: str) -> None: ...


class TellsWaiting(Protocol):
    """Where somebody who waits for a person stands, in words for the page; "" for everybody else (dialogue.line)."""

    def __call__(self, tx: Any, conversation: Conversation, /) -> str: ...


class TellsTickets(Protocol):
    """The tickets of a conversation as cards, as they are now (dialogue.ticket_cards.TicketCards)."""

    def __call__(self, tx: Any, conversation: Conversation, /) -> Sequence[dict[str, Any]]: ...


def no_tickets(_tx: Any, _conversation: Conversation, /) -> Sequence[dict[str, Any]]:
    """For a chat whose hotline opens none."""
    return ()


def nobody_waits(_tx: Any, _conversation: Conversation, /) -> str:
    """For a chat without operators."""
    return ""


class ChatTx(Protocol):
    """The part of dialogue.ports.DialogueTx that a chat page needs."""

    def conversation(self, conversation_id: str) -> Conversation: ...
    def conversation_by_external_id(self, channel: Channel, external_id: str) -> Conversation | None: ...
    def live_tops(self) -> Mapping[str, tuple[int, int]]: ...
    def messages(self, conversation_id: str, after: int = 0, limit: int = 200) -> Sequence[Message]: ...
    def stored_reply(self, conversation_id: str, key: str) -> dict[str, Any] | None: ...
    def operator(self, operator_id: int) -> Operator: ...
    def rating(self, conversation_id: str) -> Rating | None: ...
    def receipts(self, conversation_id: str) -> Mapping[Side, Receipt]: ...
    def note_receipt(self, conversation_id: str, side: Side, receipt: Receipt) -> bool: ...


class ChatStore(Protocol):
    """dialogue.ports.DialogueStore. The chat itself writes only what its page tells of itself: receipts."""

    def write(self) -> AbstractContextManager[ChatTx]: ...
    def read(self) -> AbstractContextManager[ChatTx]: ...
    def wait_for_change(self, seen: int, timeout: float, topic: str = "", heard: float = 0.0) -> int: ...
    def signal(self, topic: str) -> None: ...
    def signalled(self, topic: str) -> float: ...


@dataclass(frozen=True, slots=True)
class ChatRooms:
    """What the chat works with, built once by app.py."""

    hotline: Hotline
    store: ChatStore
    pictures: Pictures
    ratings: Ratings
    scripts: Scripts
    clock: Clock
