"""A text to a resident about his ticket, and what the carrier reports of it. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class TextState(StrEnum):
    """Of a text that the carrier was asked to send; what it reports first stands."""

    ASKED = "asked"  # perhaps it was sent: nobody has heard
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"


@dataclass(frozen=True, slots=True)
class ResidentText:
    """One word of `ResidentWord`; `key` is its task's, so that a repeated try is the same text."""

    id: int
    ticket_id: int
    key: str
    word: str
    asked_at: datetime
    state: TextState = TextState.ASKED


class ResidentTextTx(Protocol):
    """The part of fulfillment.ports.FulfillmentTx about these texts."""

    def add_resident_text(self, text: ResidentText) -> ResidentText:
        """Stores one whose id is 0; one with the same key that is stored is returned as it is."""
        ...

    def resident_text(self, text_id: int) -> ResidentText:
        """Raises NotFound."""
        ...

    def save_resident_text(self, text: ResidentText) -> None: ...
