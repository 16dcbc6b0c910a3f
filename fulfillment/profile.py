"""Which profile of data/clocks.yml holds where documents disagree, by choice of the company. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ProfileChoice:
    """A person's choice for one theme, never changed afterwards; it can be withdrawn before it holds."""

    id: int
    theme: str
    choice: str
    from_at: datetime
    chosen_at: datetime
    chosen_by: str
    withdrawn_at: datetime | None = None
    withdrawn_by: str = ""


def in_force(choices: Iterable[ProfileChoice], at: datetime) -> Mapping[str, str]:
    """Theme → choice at an instant; themes that nobody has chosen are left out. Of two, the one that began later holds."""
    begun = [one for one in choices if one.withdrawn_at is None and one.from_at <= at]
    return {one.theme: one.choice for one in sorted(begun, key=lambda one: (one.from_at, one.id))}
