"""data/visit.yml as the product reads it; see the comments there. Pure."""

from dataclasses import dataclass


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


@dataclass(frozen=True, slots=True)
class VisitRules:
    checklist: tuple[Check, ...]
    nobody_home: tuple[Check, ...]
    free_parts: tuple[str, ...]
    reasons: tuple[Reason, ...]
    late_minutes: tuple[int, ...]
    temperature_test: TemperatureRules

    def reason(self, key: str) -> str:
        """Its title, "" for a key that no table knows."""
        return next((r.title for r in self.reasons if r.key == key), "")
