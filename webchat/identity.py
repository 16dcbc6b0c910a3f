"""Who a visitor is: a random id under our signature. No account, no tracking; the token is all that opens a history.

A conversation's `external_id` is `<visitor>-<round>`: the visitor's first chat is round 1, the next one (after the
first has ended) round 2. So whose a conversation is can be read off its row, without a table of visitors.
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from itsdangerous import BadSignature, URLSafeSerializer

from dialogue.conversation import Channel, Conversation
from kernel.clock import Clock


@dataclass(frozen=True, slots=True)
class StreamKey:
    """What a live stream is opened with."""

    visitor: str
    conversation_id: str


class Identity:
    """Issues and checks tokens. Tokens are pure signatures: any process with the same secret understands them."""

    def __init__(self, secret: str, clock: Clock, *, token_life: timedelta, stream_key_life: timedelta) -> None:
        self._tokens = URLSafeSerializer(secret, salt="webchat.visitor")
        self._stream_keys = URLSafeSerializer(secret, salt="webchat.stream")
        self._clock = clock
        self._token_life = token_life
        self._stream_key_life = stream_key_life

    def new_visitor(self) -> str:
        return secrets.token_hex(16)

    def token(self, visitor: str) -> str:
        return str(self._tokens.dumps([visitor, self._now()]))

    def visitor(self, token: str) -> str | None:
        """The visitor a token names; None if it is forged, foreign or too old."""
        opened = self._opened(self._tokens, token, self._token_life)
        return opened[0] if opened else None

    def stream_key(self, visitor: str, conversation_id: str) -> str:
        """EventSource cannot send headers, and a token in an address ends up in access logs: so a short-lived key
        that opens one conversation's stream and nothing else.
        """
        return str(self._stream_keys.dumps([visitor, conversation_id, self._now()]))

    def opened_stream_key(self, key: str) -> StreamKey | None:
        opened = self._opened(self._stream_keys, key, self._stream_key_life)
        return StreamKey(opened[0], opened[1]) if opened else None

    def _opened(self, serializer: URLSafeSerializer, text: str, life: timedelta) -> list[str] | None:
        try:
            payload: Any = serializer.loads(text)
        except BadSignature:
            return None
        *names, issued = payload
        if self._now() - issued > life.total_seconds():
            return None
        return [str(name) for name in names]

    def _now(self) -> int:
        return int(self._clock.now().timestamp())


def external_id(visitor: str, round_number: int) -> str:
    return f"{visitor}-{round_number}"


def round_of(conversation: Conversation, visitor: str) -> int | None:
    """Which of the visitor's chats this is; None if it is not theirs."""
    if conversation.channel is not Channel.CHAT:
        return None
    owner, _, number = conversation.external_id.rpartition("-")
    return int(number) if owner == visitor and number.isdigit() else None
