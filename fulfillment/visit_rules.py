"""data/visit.yml as the product reads it; see the comments there. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from fulfillment.appointment import SlotRules
from fulfillment.business_calendar import Span
from kernel.clock import BEIJING, local


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to be ticked off. `title` is Chinese, for the pages."""

    key: str
    clause: str
    title: str


@dataclass(frozen=True, slots=True)
class Reason:
    key: str
    title: str


@dataclass(frozen=True, slots=True)
class TemperatureRules:
    """Of a temperature test; temperatures in °C."""

    kinds: tuple[str, ...]
    rooms: tuple[str, ...]
    height_cm: int
    lowest: float
    highest: float
    limit_celsius: float
    repair_kind: str
    repair_symptom: str  # with {celsius} and {limit}
    fee_review: str


class Duty(StrEnum):
    """Whose the fault is."""

    COMPANY = "company"
    UNCLEAR = "unclear"  # handled as if it were the company's (K4)
    OWN = "own"


@dataclass(frozen=True, slots=True)
class Ground:
    """Why the fault is whose it is; `tell` is the script with which the resident hears it."""

    key: str
    duty: Duty
    clause: str
    title: str
    tell: str
    signed: bool = False  # what was explained is signed by the resident
    first: bool = False  # it is settled before the work, or a day is agreed for it (Y3)


@dataclass(frozen=True, slots=True)
class WarrantyRules:
    """`alike`: kinds of ticket that are one fault when they come back."""

    clause: str
    within: timedelta
    alike: tuple[tuple[str, ...], ...]

    def is_same_fault(self, kind: str, other: str) -> bool:
        return any(kind in kinds and other in kinds for kinds in self.alike)


@dataclass(frozen=True, slots=True)
class VisitingHours:
    """When homes are visited, local; no hours: at any time."""

    clause: str
    hours: tuple[Span, ...] = ()
    overtime: str = ""  # what a visit beside them costs, in words; "" = whoever comes tells it

    def has(self, start: datetime, end: datetime) -> bool:
        """Whether somebody can come in a time that a resident named; `start`, `end` aware."""
        if not self.hours:
            return True
        first, last = local(start), local(end)
        days = (first.date() + timedelta(days=n) for n in range((last.date() - first.date()).days + 1))
        spans = (
            (datetime.combine(d, s.start, BEIJING), datetime.combine(d, s.until, BEIJING))
            for d in days
            for s in self.hours
        )
        return any(begin < last and first < until for begin, until in spans)


@dataclass(frozen=True, slots=True)
class VisitRules:
    checklist: tuple[Check, ...]
    nobody_home: tuple[Check, ...]
    free_parts: tuple[str, ...]
    reasons: tuple[Reason, ...]
    late_minutes: tuple[int, ...]
    temperature_test: TemperatureRules
    grounds: tuple[Ground, ...]
    warranty: WarrantyRules
    reported_kinds: tuple[str, ...]
    told_minutes: tuple[int, ...]
    told_by_key: tuple[int, ...]
    appointments: SlotRules
    visiting_hours: VisitingHours

    def ground(self, key: str) -> Ground | None:
        """None for a key that no table knows (any more)."""
        return next((ground for ground in self.grounds if ground.key == key), None)

    def reason(self, key: str) -> str:
        """Its title, "" for a key that no table knows."""
        return next((r.title for r in self.reasons if r.key == key), "")
