"""Which tickets somebody wants to see. Pure; the store answers it on both engines alike."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from fulfillment.report import Outcome, Period
from fulfillment.resident_calls import CallResult


class Standing(StrEnum):
    """OPEN: somebody has to do something about it; CLOSED: resolved, closed or cancelled."""

    OPEN = "open"
    CLOSED = "closed"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Promised:
    """A promise that began in this period, of this clause and clock rule ("" = any), and came out so at `now` (None: anyhow)."""

    period: Period
    now: datetime
    clause: str = ""
    rule: str = ""
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """What the resident said at a callback in this period."""

    period: Period
    result: CallResult


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
    promised: Promised | None = None
    answered: Answered | None = None
