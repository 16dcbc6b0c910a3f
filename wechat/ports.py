"""What the official account needs from below. Kept to the few methods it calls; the lower floors' own classes fit as they are."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from dialogue.conversation import Channel, Conversation, Reply, Said, Turn
from dialogue.pictures import Photograph
from dialogue.ports import DialogueStore
from kernel.clock import Clock


class Hotline(Protocol):
    """dialogue.handle_turn.Hotline."""

    def open(self, channel: Channel, external_id: str, peer: str) -> tuple[Conversation, Reply]: ...
    def handle_turn(self, turn: Turn) -> Reply:
        """Idempotent by the turn's key. Raises NotFound, StoreBusy."""
        ...


class Scripts(Protocol):
    """dialogue.script_book.ScriptBook."""

    def say(self, key: str, **params: object) -> Said: ...
    def word(self, key: str, params: dict[str, Any] | None = None) -> str: ...


class TakesPictures(Protocol):
    """dialogue.pictures.Pictures."""

    def take(self, conversation_id: str, key: str, photograph: Photograph) -> None: ...


class DrawsPictures(Protocol):
    """webchat.photographs.DarkRoom: raises BadInput for what is no picture."""

    def draw(self, data: bytes) -> Photograph: ...


class Api(Protocol):
    """wechat.api.WeChatApi. Raises CarrierBusy, CarrierRefused, CarrierUnknown."""

    def send_text(self, openid: str, text: str) -> None: ...
    def fetch_picture(self, media_id: str) -> bytes: ...


def wait_as_always(_seconds: float | None, /) -> None:
    """For a store that has no locks to wait for."""


@dataclass(frozen=True, slots=True)
class AccountRooms:
    """What the account works with, built once by app.py."""

    hotline: Hotline
    store: DialogueStore
    pictures: TakesPictures
    dark_room: DrawsPictures
    api: Api
    book: Scripts
    clock: Clock
    limit_waiting: Callable[[float | None], None] = wait_as_always  # storage.Store.limit_waiting
