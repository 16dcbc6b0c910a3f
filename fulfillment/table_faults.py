"""What is wrong with a table that a company may change: (key, what) for each fault, for the file and for its editions. Pure."""

from collections.abc import Iterator, Mapping
from datetime import datetime, time

from fulfillment.business_calendar import BusinessCalendar, Span
from fulfillment.company import OtherUnit
from fulfillment.dispatch import LadderPlan
from fulfillment.importing.rows import is_dialled
from fulfillment.outbox import FARTHEST, Lane
from kernel.clock import BEIJING

#: Seconds for which a person's telephone rings: he takes it out of his pocket, and his voicemail (after about 30 s, to which
#: the carrier comes 5 s nearer than it was told) stays asleep.
SHORTEST_RING, LONGEST_RING = 15, 25
_SECONDS_TO_ACCEPT = 480  # the last rung starts before minute 8 (G7e: 10 minutes)
_TEN_MINUTES = 600
#: No step of a ladder may be planned further ahead: the outbox would take it for a clock that jumped.
_PLANNED_AT_MOST = FARTHEST[Lane.EMERGENCY].total_seconds()
_TRIES_AT_MOST = 10
_MORE_THAN_NOTHING = (
    "ring_seconds",
    "step_seconds",
    "round_pause_seconds",
    "redial_within_seconds",
    "leak_question_seconds",
    "busy_carrier_tries",
    "calls_per_second",
    "texts_per_second",
)
#: N7: not before 7:00, not after 22:00.
DAYTIME = Span(time(7), time(22))
#: Coordinates between all others when nobody more precise is known (12345): it always has a number.
COORDINATOR = "government"


def ladder_faults(plan: LadderPlan) -> Iterator[tuple[str, str]]:
    """An emergency reaches somebody in time, whatever the company prefers (G7e)."""
    for name in ("rungs", "company_wide"):
        roles = getattr(plan, name)
        if not roles:
            yield name, "an emergency must reach somebody: name the roles"
        if len(set(roles)) != len(roles):
            yield name, "each role once"
    for name in _MORE_THAN_NOTHING:
        if getattr(plan, name) <= 0:
            yield name, "must be more than nothing, or nobody is told"
    yield from _time_faults(plan)


def _time_faults(plan: LadderPlan) -> Iterator[tuple[str, str]]:
    if not 0 < plan.last_rung_within_seconds < _SECONDS_TO_ACCEPT:
        yield "last_rung_within_seconds", "the last rung starts before minute 8 (480)"
    if plan.last_rung_within_seconds + plan.ring_seconds > _TEN_MINUTES:
        yield "ring_seconds", "the last one has rung within ten minutes"
    if plan.leak_question_seconds + plan.last_rung_within_seconds + plan.ring_seconds > _TEN_MINUTES:
        yield "leak_question_seconds", "a question that nobody answers and the ladder after it end within ten minutes"
    if not 0 <= plan.no_address_grace_seconds < plan.last_rung_within_seconds:
        yield "no_address_grace_seconds", "must leave time for the ladder"
    if plan.step_seconds > plan.last_rung_within_seconds:
        yield "step_seconds", "no longer than last_rung_within_seconds, or the second person comes after the last"
    longest_round = plan.last_rung_within_seconds
    if longest_round + plan.round_pause_seconds > min(_TEN_MINUTES, _PLANNED_AT_MOST):
        yield (
            "round_pause_seconds",
            "a round and the pause after it end within ten minutes (600, last_rung_within_seconds)",
        )
    if plan.busy_carrier_tries > _TRIES_AT_MOST:
        yield "busy_carrier_tries", f"at most {_TRIES_AT_MOST}: others are waiting for the line"


def calendar_faults(calendar: BusinessCalendar) -> Iterator[tuple[str, str]]:
    """N7 is a bound, not a choice; and a promise in working days must end some day."""
    for name, spans in (("calling_hours", calendar.calling_hours), ("daytime", (calendar.daytime,))):
        if any(span.start < DAYTIME.start or span.until > DAYTIME.until for span in spans):
            yield name, "N7: not before 7:00, not after 22:00"
    if calendar.working_days & calendar.days_off:
        yield "working_days, days_off", "a day is one or the other"
    for day in calendar.days_off:
        try:
            calendar.after_working_days(datetime.combine(day, time(12), BEIJING), 1)
        except ValueError as exc:
            yield "days_off", str(exc)


def directory_faults(units: Mapping[str, OtherUnit]) -> Iterator[tuple[str, str]]:
    """What a resident is told can be dialled."""
    for unit in units.values():
        if not unit.name.strip() or (unit.phone and not is_dialled(unit.phone)):
            yield unit.key, "a name, and a number that can be dialled"
    if COORDINATOR in units and not units[COORDINATOR].phone:
        yield COORDINATOR, "is named when nobody else is: needs a number"
