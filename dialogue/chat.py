"""What a chat has beside its messages: how far each side has got, photographs, and what the resident thought of it. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Side(StrEnum):
    """Who received something: the resident's page, or the house's people (the bot reads everything at once)."""

    RESIDENT = "resident"
    HOUSE = "house"


@dataclass(frozen=True, slots=True)
class Receipt:
    """How far one side has got. It only grows, whoever tells it late or twice."""

    delivered_seq: int = 0  # on a screen that may be in a pocket
    read_seq: int = 0  # on a screen that was being looked at


@dataclass(frozen=True, slots=True)
class Picture:
    """A photograph of a resident. `id` is unguessable and names the file, a JPEG of our own making."""

    id: str
    conversation_id: str
    made_at: datetime
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Rating:
    """What the resident thought of a chat; the first word stands."""

    conversation_id: str
    stars: int  # 1 (very dissatisfied) to 5 (very satisfied)
    words: str
    at: datetime
    operator_id: int | None = None  # who spoke with him last; None: only the bot
