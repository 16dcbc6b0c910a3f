"""Working days with make-up days, seasons and hours."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from fulfillment.business_calendar import BusinessCalendar, Moment, MonthDay, Season
from fulfillment.standard import Standard
from kernel.clock import BEIJING

DATA = Path(__file__).resolve().parents[2] / "data"


@pytest.fixture(scope="module")
def calendar() -> BusinessCalendar:
    return Standard(DATA).calendar


def at(text: str) -> datetime:
    """Local wall-clock time as an instant."""
    return datetime.fromisoformat(text).replace(tzinfo=BEIJING).astimezone(UTC)


@pytest.mark.parametrize(
    ("day", "works"),
    [
        ("2026-02-13", True),
        ("2026-02-14", True),  # a Saturday made up for the spring festival
        ("2026-02-15", False),  # the first day of the holiday
        ("2026-02-16", False),
        ("2026-02-20", False),
        ("2026-02-23", False),  # a Monday off
        ("2026-02-24", True),
        ("2026-02-28", True),  # the second Saturday that is made up
        ("2026-10-10", True),
        ("2027-02-05", False),  # spring festival's eve 2027
        ("2027-02-20", False),  # no make-up days are published yet
    ],
)
def test_the_public_calendar_is_kept_with_its_make_up_days(calendar: BusinessCalendar, day: str, works: bool) -> None:
    assert calendar.is_working_day(date.fromisoformat(day)) is works


def test_two_working_days_over_the_spring_festival_use_the_make_up_saturday(calendar: BusinessCalendar) -> None:
    # Friday 13 → Saturday 14 (made up), then the festival until Monday 23 → Tuesday 24
    assert calendar.after_working_days(at("2026-02-13T10:00"), 2) == at("2026-02-24T17:30")


def test_what_comes_in_late_at_night_counts_from_its_local_day(calendar: BusinessCalendar) -> None:
    # 23:59 on Friday is still Friday, although it is 15:59 in UTC
    assert calendar.after_working_days(at("2026-11-20T23:59"), 1) == at("2026-11-23T17:30")
    assert calendar.after_working_days(at("2026-11-23T00:01"), 1) == at("2026-11-24T17:30")


def test_the_company_knows_better_than_the_public_calendar(calendar: BusinessCalendar) -> None:
    saturday, monday = date(2027, 2, 20), date(2027, 2, 22)
    own = replace(calendar, working_days=frozenset({saturday}), days_off=frozenset({monday}))
    assert own.after_working_days(at("2027-02-19T09:00"), 1) == at("2027-02-20T17:30")
    assert own.after_working_days(at("2027-02-19T09:00"), 2) == at("2027-02-23T17:30")


def test_a_calendar_without_working_days_is_refused_rather_than_searched_for_ever(calendar: BusinessCalendar) -> None:
    broken = replace(calendar, is_public_working_day=lambda _day: False)
    with pytest.raises(ValueError, match="no working day"):
        broken.after_working_days(at("2026-02-13T10:00"), 1)


def test_the_season_runs_over_the_new_year_with_both_ends(calendar: BusinessCalendar) -> None:
    inside = ["2026-11-15T00:00", "2026-12-31T23:59", "2027-01-01T00:00", "2027-03-15T23:59"]
    outside = ["2026-11-14T23:59", "2027-03-16T00:00", "2026-07-01T12:00"]
    assert all(calendar.in_season(at(t)) for t in inside)
    assert not any(calendar.in_season(at(t)) for t in outside)


def test_a_season_inside_one_year() -> None:
    summer = Season(MonthDay(5, 1), MonthDay(9, 30))
    assert summer.has(date(2026, 5, 1))
    assert summer.has(date(2026, 9, 30))
    assert not summer.has(date(2026, 10, 1))
    assert summer.next_start(date(2026, 5, 2)) == date(2027, 5, 1)


def test_late_payment_is_the_time_between_collection_and_the_end_of_the_season(calendar: BusinessCalendar) -> None:
    late = ["2026-11-01T00:00", "2026-11-14T12:00", "2026-12-01T00:00", "2027-03-15T12:00"]
    in_time = ["2026-10-31T23:59", "2026-09-08T00:00", "2027-03-16T00:00", "2026-07-01T00:00"]
    assert all(calendar.is_late_payment(at(t)) for t in late)
    assert not any(calendar.is_late_payment(at(t)) for t in in_time)


def test_the_hotline_is_open_around_the_clock_only_in_the_season(calendar: BusinessCalendar) -> None:
    assert calendar.hotline_is_open(at("2027-01-03T03:00"))  # a Sunday night in winter
    assert calendar.hotline_is_open(at("2026-07-01T09:00"))
    assert not calendar.hotline_is_open(at("2026-07-01T12:30"))  # lunch
    assert not calendar.hotline_is_open(at("2026-07-04T09:00"))  # a Saturday in summer


def test_residents_are_not_rung_at_night_meals_and_siesta(calendar: BusinessCalendar) -> None:
    assert calendar.may_call(at("2026-11-23T09:00"))
    for quiet in ("06:59", "07:30", "12:00", "13:00", "18:00", "22:00"):
        assert not calendar.may_call(at(f"2026-11-23T{quiet}"))


def test_a_moment_outside_the_calling_hours_falls_back_into_them(calendar: BusinessCalendar) -> None:
    assert calendar.last_calling_moment(at("2026-11-23T09:00")) == at("2026-11-23T09:00")
    assert calendar.last_calling_moment(at("2026-11-23T12:30")) == at("2026-11-23T11:30")
    assert calendar.last_calling_moment(at("2026-11-23T03:00")) == at("2026-11-22T22:00")


def test_a_day_ends_at_local_midnight(calendar: BusinessCalendar) -> None:
    assert calendar.end_of_day(at("2026-11-23T23:30")) - at("2026-11-23T23:30") == timedelta(minutes=30)


@pytest.mark.parametrize(
    ("when", "moment"),
    [
        ("2026-11-22T10:00", Moment.SEASON), ("2026-11-22T06:59", Moment.SEASON_NIGHT), ("2026-11-22T22:00", Moment.SEASON_NIGHT),
        ("2026-11-15T07:00", Moment.SEASON), ("2026-03-15T21:59", Moment.SEASON),
        ("2026-11-13T10:00", Moment.BEFORE_SEASON), ("2026-09-08T10:00", Moment.BEFORE_SEASON), ("2026-09-07T10:00", Moment.AFTER_SEASON),
        ("2026-03-16T10:00", Moment.AFTER_SEASON), ("2026-07-01T12:30", Moment.CLOSED), ("2026-11-14T23:00", Moment.CLOSED), ("2026-07-05T10:00", Moment.CLOSED),
    ],
)  # fmt: skip
def test_the_hotline_knows_what_time_it_is_for_its_callers(
    calendar: BusinessCalendar, when: str, moment: Moment
) -> None:
    """N6."""
    assert calendar.moment(at(when)) is moment
