"""The clocks of a ticket: when a promise starts, what keeps it, until when. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from fulfillment.business_calendar import BusinessCalendar
from fulfillment.outbox import NewTask, TaskKind
from fulfillment.ticket import ClockState, TicketClock


class ClockEvent(StrEnum):
    """What happens to a ticket and starts or stops clocks."""

    TOLD = "told"  # a butler heard of it from the resident, before there was a ticket (G7g)
    REPORTED = "reported"
    OPENED = "opened"
    ACKNOWLEDGED = "acknowledged"
    CONTACTED = "contacted"
    ARRIVED = "arrived"
    INVESTIGATED = "investigated"
    SURVEYED = "surveyed"
    BUILT = "built"
    INSPECTED = "inspected"
    ANSWERED = "answered"
    RESOLVED = "resolved"
    CALLBACK_DONE = "callback_done"


_ON_SITE = frozenset({ClockEvent.ACKNOWLEDGED, ClockEvent.CONTACTED, ClockEvent.ARRIVED, ClockEvent.INVESTIGATED})
#: Later events imply earlier ones: whoever is on site has made contact, what is resolved has been answered.
_IMPLIED: Mapping[ClockEvent, frozenset[ClockEvent]] = {
    ClockEvent.ARRIVED: _ON_SITE,
    ClockEvent.INVESTIGATED: frozenset({ClockEvent.ACKNOWLEDGED, ClockEvent.INVESTIGATED}),
    ClockEvent.ANSWERED: frozenset({ClockEvent.ACKNOWLEDGED, ClockEvent.CONTACTED, ClockEvent.ANSWERED}),
    ClockEvent.RESOLVED: _ON_SITE
    | {ClockEvent.REPORTED, ClockEvent.SURVEYED, ClockEvent.INSPECTED, ClockEvent.ANSWERED, ClockEvent.RESOLVED},
}


class Calendar(StrEnum):
    """How `within` is counted; see data/clocks.yml."""

    CONTINUOUS = "continuous"
    WORKING_DAYS = "working_days"
    CALLING_HOURS = "calling_hours"
    SAME_DAY = "same_day"
    HEATING_SEASON = "heating_season"


class ClockAction(StrEnum):
    """What is done when most of the time is used up, or all of it; see data/clocks.yml."""

    ASSIGNEE = "assignee"
    DUTY_CHIEF = "duty_chief"
    SUPERVISOR = "supervisor"
    REROUTE = "reroute"


@dataclass(frozen=True, slots=True)
class ClockPlan:
    """Who is told of a promise that is about to be broken, and of one that is."""

    warning: tuple[ClockAction, ...]
    breach: tuple[ClockAction, ...]


@dataclass(frozen=True, slots=True)
class ClockRule:
    """One row of data/clocks.yml. `title` is Chinese, for pages and the timeline."""

    key: str
    clause: str
    title: str
    starts: ClockEvent
    stops: ClockEvent
    within: timedelta = timedelta(0)
    calendar: Calendar = Calendar.CONTINUOUS
    warn_at: float = 0.7
    profile: str = ""
    plan: str = "ordinary"
    then: str = ""  # kind of ticket that a breach opens
    only_if: Mapping[str, str] = field(default_factory=dict)

    def applies_to(self, details: Mapping[str, str]) -> bool:
        return all(details.get(name) == value for name, value in self.only_if.items())

    def due_by(self, started_at: datetime, calendar: BusinessCalendar) -> datetime:
        """When the promise must have been kept."""
        match self.calendar:
            case Calendar.WORKING_DAYS:
                return calendar.after_working_days(started_at, self.within.days)
            case Calendar.CALLING_HOURS:
                return calendar.last_calling_moment(started_at + self.within)
            case Calendar.SAME_DAY:
                return calendar.end_of_day(started_at)
            case Calendar.HEATING_SEASON if not calendar.is_late_payment(started_at):
                return calendar.season_start(started_at)
            case _:
                return started_at + self.within

    def begin(self, ticket_id: int, started_at: datetime, calendar: BusinessCalendar) -> TicketClock:
        """A running clock, not stored yet."""
        return TicketClock(
            id=0,
            ticket_id=ticket_id,
            rule=self.key,
            clause=self.clause,
            started_at=started_at,
            due_by=self.due_by(started_at, calendar),
        )

    def warns_at(self, clock: TicketClock) -> datetime:
        """When the set share of the time is used up."""
        return clock.started_at + (clock.due_by - clock.started_at) * self.warn_at

    def tasks(self, clock: TicketClock) -> tuple[NewTask, NewTask]:
        """The warning and the breach of a stored clock; a re-planned clock (higher rev) gets new ones, old ones find nothing to do."""
        payload = {"clock_id": clock.id, "rev": clock.rev}
        suffix = f"{clock.id}-{clock.rev}"
        return (
            NewTask(TaskKind.WARN_CLOCK, f"warn-{suffix}", self.warns_at(clock), payload, clock.ticket_id),
            NewTask(TaskKind.BREACH_CLOCK, f"breach-{suffix}", clock.due_by, payload, clock.ticket_id),
        )


def started_by(rules: Iterable[ClockRule], event: ClockEvent, details: Mapping[str, str]) -> list[ClockRule]:
    """The rules whose clocks start with an event on a ticket with these details."""
    return [rule for rule in rules if rule.starts is event and rule.applies_to(details)]


def stops(rule: ClockRule, event: ClockEvent) -> bool:
    """Whether an event, or one that it implies, keeps the promise."""
    return rule.stops in _IMPLIED.get(event, {event})


def reaches_the_resident(event: ClockEvent) -> bool:
    """Somebody has spoken with the resident, or must have."""
    return ClockEvent.CONTACTED in _IMPLIED.get(event, {event})


def stopped(clock: TicketClock, at: datetime) -> TicketClock:
    """The promise is fulfilled at an instant: kept, or broken if that was too late."""
    state = ClockState.KEPT if at <= clock.due_by else ClockState.BROKEN
    return replace(clock, state=state, stopped_at=at)


def voided(clock: TicketClock, at: datetime) -> TicketClock:
    """The promise is no longer owed; one that was broken by then stays broken."""
    state = ClockState.VOID if at <= clock.due_by else ClockState.BROKEN
    return replace(clock, state=state, stopped_at=at)


def replanned(clock: TicketClock, rule: ClockRule, calendar: BusinessCalendar) -> TicketClock:
    """The clock with the end that its rule gives today; the same object if nothing changed."""
    due_by = rule.due_by(clock.started_at, calendar)
    if due_by == clock.due_by:
        return clock
    return replace(clock, due_by=due_by, rev=clock.rev + 1, breached_at=None)
