"""A company's own time limits: shorter than the standard's, never longer, for the tickets that are opened from a day on.

An edition of the part `limits` (fulfillment.editions) holds seconds by the key of a clock rule; what it leaves out is as in
data/clocks.yml. Every ticket keeps those that held when it was opened (fulfillment.case). Pure.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from fulfillment.clocks import Calendar, ClockEvent, ClockRule
from kernel.errors import ConfigurationError

PART = "limits"
_DAY, _HOUR, _MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
#: Longer ones are counted in whole hours.
_IN_MINUTES = timedelta(hours=3)


def can_be_shorter(rule: ClockRule) -> bool:
    """Not the end of a day, and not what runs before there is a ticket."""
    return rule.calendar is not Calendar.SAME_DAY and rule.starts is not ClockEvent.TOLD and rule.within > unit_of(rule)


def unit_of(rule: ClockRule) -> timedelta:
    """What the limit of a rule of the standard is counted in."""
    if rule.calendar is Calendar.WORKING_DAYS:
        return _DAY
    return _MINUTE if rule.within <= _IN_MINUTES else _HOUR


def with_own_limit(rule: ClockRule, content: Any) -> ClockRule:
    """A rule of the standard as the company keeps it. What cannot be used, because a release has shortened the standard
    meanwhile, counts for nothing: an edition must not cost a ticket.
    """
    own = _limit(rule, content.get(rule.key)) if isinstance(content, Mapping) else None
    return rule if own is None else replace(rule, within=own)


def _limit(rule: ClockRule, seconds: Any) -> timedelta | None:
    """None: it is none that the rule could have."""
    if type(seconds) is not int or not can_be_shorter(rule):
        return None
    own = timedelta(seconds=seconds)
    return own if timedelta(0) < own <= rule.within and not own % unit_of(rule) else None


class OwnLimits:
    """Reads editions (fulfillment.editions.Keeper). It holds nothing: which limits are in force, each ticket asks for itself."""

    def __init__(self, rules: Mapping[str, ClockRule]) -> None:
        self._rules = rules

    def read_edition(self, part: str, content: Any) -> Mapping[str, int]:
        """Seconds by rule. Raises ConfigurationError."""
        limits = {} if content is None else content
        if not isinstance(limits, dict):
            raise ConfigurationError(f"{part}: seconds by the key of a rule")
        for key, seconds in limits.items():
            rule = self._rules.get(key)
            if rule is None or _limit(rule, seconds) is None:
                raise ConfigurationError(f"{part}: {rule.title if rule else key}: {seconds} s")
        return limits

    def adopt(self, part: str, content: Any) -> None:
        self.read_edition(part, content)
