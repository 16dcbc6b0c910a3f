"""Which tickets somebody wants to see. Pure; the store answers it on both engines alike."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Standing(StrEnum):
    """OPEN: somebody has to do something about it; CLOSED: resolved, closed or cancelled."""

    OPEN = "open"
    CLOSED = "closed"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class TicketFilter:
    """What is left out restricts nothing. `search`: each word, parted by spaces, is in the number, contact name, phone,
    symptom or the words of the address.
    """

    standing: Standing = Standing.OPEN
    kind: str | None = None
    only_emergencies: bool = False
    owner_id: int | None = None  # Operator.id (W6e)
    overdue_at: datetime | None = None  # a clock that runs was due before this instant
    station_id: int | None = None
    community_id: int | None = None
    opened_from: datetime | None = None
    opened_until: datetime | None = None  # exclusive
    search: str = ""
