"""Working days, seasons and hours. Pure: the calendar is given, the present is a parameter.

Instants go in and come out as aware UTC; days and hours mean local time (Asia/Shanghai).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from kernel.clock import BEIJING, local

#: A day that is no working day within this many days of another would mean a broken calendar, not a holiday.
_LONGEST_HOLIDAY = 60


@dataclass(frozen=True, slots=True, order=True)
class MonthDay:
    """A day of every year."""

    month: int
    day: int


@dataclass(frozen=True, slots=True)
class Season:
    """From `first` to `last`, both included; may run over the end of the year."""

    first: MonthDay
    last: MonthDay

    def has(self, day: date) -> bool:
        today = MonthDay(day.month, day.day)
        if self.first <= self.last:
            return self.first <= today <= self.last
        return today >= self.first or today <= self.last

    @property
    def days(self) -> int:
        """From the first to the last day of a season without 29 February, as a season is counted: 15 November to 15 March are 120."""
        first, last = date(2022, self.first.month, self.first.day), date(2022, self.last.month, self.last.day)
        return ((last if last >= first else last.replace(year=2023)) - first).days

    def next_start(self, day: date) -> date:
        """The first day of the season that starts on or after a day."""
        start = date(day.year, self.first.month, self.first.day)
        return start if start >= day else start.replace(year=day.year + 1)


@dataclass(frozen=True, slots=True)
class Span:
    """Part of a day; `until` is not included."""

    start: time
    until: time


class Moment(StrEnum):
    """What time it is for somebody who calls the hotline (N6)."""

    SEASON = "season"
    SEASON_NIGHT = "season_night"
    BEFORE_SEASON = "before_season"  # from the first day of fee collection
    AFTER_SEASON = "after_season"
    CLOSED = "closed"  # outside the season and outside office hours


@dataclass(frozen=True)
class BusinessCalendar:
    """`is_public_working_day` is the public calendar with its make-up days; the company's own dates win over it."""

    season: Season
    fee_collection: Season
    office_hours: tuple[Span, ...]
    calling_hours: tuple[Span, ...]
    is_public_working_day: Callable[[date], bool]
    working_days: frozenset[date] = frozenset()
    days_off: frozenset[date] = frozenset()
    daytime: Span = Span(time(7), time(22))

    def is_working_day(self, day: date) -> bool:
        if day in self.days_off:
            return False
        return day in self.working_days or self.is_public_working_day(day)

    def after_working_days(self, instant: datetime, days: int) -> datetime:
        """The end of office hours on the n-th working day after the day of `instant`, which itself does not count."""
        day = local(instant).date()
        for _ in range(days):
            day = self._next_working_day(day)
        return _at(day, self.office_hours[-1].until)

    def end_of_day(self, instant: datetime) -> datetime:
        return _at(local(instant).date() + timedelta(days=1), time(0))

    def in_season(self, instant: datetime) -> bool:
        return self.season.has(local(instant).date())

    def season_start(self, instant: datetime) -> datetime:
        """The start of the season that begins on or after the day of `instant`."""
        return _at(self.season.next_start(local(instant).date()), time(0))

    def is_late_payment(self, instant: datetime) -> bool:
        """Between the end of fee collection and the end of the season."""
        day = local(instant).date()
        last = self.fee_collection.last
        if self.season.has(day):
            return True
        start = self.season.next_start(day)
        return day > date(start.year, last.month, last.day)

    def hotline_is_open(self, instant: datetime) -> bool:
        """N6: around the clock in the season, otherwise office hours of working days."""
        at = local(instant)
        return self.season.has(at.date()) or (self.is_working_day(at.date()) and _within(self.office_hours, at.time()))

    def moment(self, instant: datetime) -> Moment:
        """N6: how the hotline opens now."""
        at = local(instant)
        if self.season.has(at.date()):
            return Moment.SEASON if _within((self.daytime,), at.time()) else Moment.SEASON_NIGHT
        if not self.hotline_is_open(instant):
            return Moment.CLOSED
        until_season = Season(self.fee_collection.first, self.season.first)
        return Moment.BEFORE_SEASON if until_season.has(at.date()) else Moment.AFTER_SEASON

    def is_daytime(self, instant: datetime) -> bool:
        """Nobody is told what can wait before 7:00 or after 22:00 (N7 for residents, the same courtesy for staff)."""
        return _within((self.daytime,), local(instant).time())

    def next_daytime(self, instant: datetime) -> datetime:
        """`instant` itself in the daytime, otherwise when the next one begins."""
        if self.is_daytime(instant):
            return instant
        at = local(instant)
        day = at.date() if at.time() < self.daytime.start else at.date() + timedelta(days=1)
        return _at(day, self.daytime.start)

    def may_call(self, instant: datetime) -> bool:
        """N7: a resident may be rung up now without a reason of urgency."""
        return _within(self.calling_hours, local(instant).time())

    def last_calling_moment(self, instant: datetime) -> datetime:
        """`instant` itself if it lies in the calling hours, otherwise the end of the last ones before it."""
        if self.may_call(instant):
            return instant
        at = local(instant)
        ended = [span.until for span in self.calling_hours if span.until <= at.time()]
        if ended:
            return _at(at.date(), max(ended))
        return _at(at.date() - timedelta(days=1), self.calling_hours[-1].until)

    def _next_working_day(self, day: date) -> date:
        for n in range(1, _LONGEST_HOLIDAY):
            candidate = day + timedelta(days=n)
            if self.is_working_day(candidate):
                return candidate
        msg = f"no working day within {_LONGEST_HOLIDAY} days of {day}: data/calendar.yml, days_off"
        raise ValueError(msg)


def _at(day: date, hour: time) -> datetime:
    return datetime.combine(day, hour, tzinfo=BEIJING).astimezone(UTC)


def _within(spans: tuple[Span, ...], hour: time) -> bool:
    return any(span.start <= hour < span.until for span in spans)
