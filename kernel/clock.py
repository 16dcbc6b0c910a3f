"""The one source of the present.

Inside the product every instant is an aware datetime in UTC; Asia/Shanghai appears only at the edge
(what is shown, spoken or typed). Code that needs the present is given a `Clock`.
"""

from datetime import UTC, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

BEIJING = ZoneInfo("Asia/Shanghai")


class Clock(Protocol):
    """Tells the present as an aware UTC datetime."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def local(instant: datetime) -> datetime:
    """The same instant as the residents' wall clocks show it. Refuses a naive datetime (ValueError)."""
    if instant.tzinfo is None:
        msg = f"naive datetime {instant!r}: every instant inside the product is aware"
        raise ValueError(msg)
    return instant.astimezone(BEIJING)
