"""When somebody comes: the slots of one butler's day, each given once. Pure."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from fulfillment.business_calendar import Span
from kernel.clock import BEIJING, local
from kernel.errors import BadInput


class AppointmentState(StrEnum):
    BOOKED = "booked"
    FREED = "freed"  # another time, another person, or the case is over


@dataclass(frozen=True, slots=True)
class Appointment:
    """A slot of one person's time, for one ticket. `starts_at` aware UTC."""

    id: int
    ticket_id: int
    staff_id: int
    starts_at: datetime
    booked_by: str  # a person's name
    state: AppointmentState = AppointmentState.BOOKED


def slot_of(text: str) -> datetime:
    """A slot as a form sends it back (ISO 8601, aware). Raises BadInput."""
    try:
        slot = datetime.fromisoformat(text)
    except ValueError as exc:
        raise BadInput("no instant") from exc
    if slot.tzinfo is None:
        raise BadInput("an instant without its zone")
    return slot


@dataclass(frozen=True, slots=True)
class SlotRules:
    """data/visit.yml: for which kinds, in which hours (local), how long a slot is, how far ahead, and when it is reminded of."""

    clause: str
    kinds: tuple[str, ...]
    hours: tuple[Span, ...]
    length: timedelta
    days: int
    soonest: timedelta
    remind_before: timedelta

    def slots(self, now: datetime) -> Iterator[datetime]:
        """Every slot that may be given, whoever has it; aware, oldest first."""
        today = local(now).date()
        for day in (today + timedelta(days=n) for n in range(self.days)):
            for span in self.hours:
                at, end = (datetime.combine(day, hour, BEIJING) for hour in (span.start, span.until))
                while at + self.length <= end:
                    if at >= now + self.soonest:
                        yield at
                    at += self.length

    def free(self, now: datetime, taken: Collection[datetime]) -> list[datetime]:
        return [slot for slot in self.slots(now) if slot not in taken]
