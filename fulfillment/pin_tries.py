"""Tries at the PIN of a member of staff, and when they are too many. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class PinVerdict(StrEnum):
    RIGHT = "right"
    WRONG = "wrong"
    LOCKED = "locked"  # not even looked at


@dataclass(frozen=True, slots=True)
class PinTry:
    """One entry, right or wrong. `key` is the same for a repeated delivery of it."""

    key: str
    at: datetime
    caller: str  # E.164, "" = withheld: all withheld callers are counted together
    staff_number: str
    verdict: PinVerdict


@dataclass(frozen=True, slots=True)
class PinRules:
    """The lengths of a PIN, and how many wrong ones in a row, `within` which time, lock for how long."""

    shortest: int
    longest: int
    tries: int
    within: timedelta
    locked_for: timedelta

    @property
    def memory(self) -> timedelta:
        """Older tries lock nobody any more."""
        return self.within + self.locked_for

    def is_locked(self, tries: Iterable[PinTry], now: datetime) -> bool:
        """`tries` of the `memory`, oldest first. Entries while locked do not prolong it."""
        wrong: list[datetime] = []
        for one in tries:
            if one.verdict is PinVerdict.RIGHT:
                wrong.clear()
            elif one.verdict is PinVerdict.WRONG:
                wrong.append(one.at)
        last = wrong[-self.tries :]
        if len(last) < self.tries or last[-1] - last[0] > self.within:
            return False
        return now < last[-1] + self.locked_for
