"""A rota that leaves a community with nobody is found before the emergency finds it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from fulfillment.company import Community, Duty, Staff, StaffRole
from fulfillment.complete_ladder import demand_complete_ladders
from fulfillment.dispatch import Company, Gap, is_on_duty, ladder, ladder_gaps
from fulfillment.importing import import_company, load_words
from ivr.robots import robot_address
from kernel.clock import local
from kernel.errors import ConfigurationError
from tests.fakes import A_WINTER_DAY, EVERY_DAY, FakeStore, FixedClock, small_company
from tests.fulfillment.drill import HOME, standard

PLAN = standard().ladder
WEEK = timedelta(days=7)
HOUSE = Community(1, "C1", "阳光花园", (), station_id=1, butler_id=1, deputy_id=2)
PEOPLE = {n: Staff(n, f"{n:02d}", f"人{n}", f"+8613900000{n:03d}", 1) for n in range(1, 7)}
ALWAYS = Duty(StaffRole.SUPERVISOR, 6, None, EVERY_DAY, time(0), time(0))
CHIEF = Duty(StaffRole.DUTY_CHIEF, 5, None, EVERY_DAY, time(0), time(0))


def gaps(
    duties: Sequence[Duty], people: dict[int, Staff] = PEOPLE, house: Community = HOUSE, days: int = 7
) -> Sequence[Gap]:
    end = A_WINTER_DAY + timedelta(days=days)
    return ladder_gaps(PLAN, Company(people, duties), [house], A_WINTER_DAY, end)


def test_the_sample_company_is_complete_around_the_clock() -> None:
    store = FakeStore()
    words = load_words(HOME / "data" / "import_words.yml")
    assert import_company(store, HOME / "data" / "company", words, robot_address=robot_address).problems == []
    with store.read() as tx:
        company = Company({s.id: s for s in tx.all_staff()}, tx.duties())
        assert ladder_gaps(PLAN, company, tx.communities(), A_WINTER_DAY, A_WINTER_DAY + WEEK) == []


def test_a_night_without_a_supervisor_is_named_from_when_until_when() -> None:
    by_day = replace(ALWAYS, start=time(8), until=time(20))
    found = [g for g in gaps([CHIEF, by_day], days=2) if g.communities]
    assert [(f"{local(g.since):%d %H:%M}", f"{local(g.until):%d %H:%M}", g.nobody_is) for g in found] == [
        ("22 20:00", "23 08:00", StaffRole.SUPERVISOR),
        ("23 20:00", "24 08:00", StaffRole.SUPERVISOR),
    ]
    assert found[0].communities == (HOUSE,)


def test_a_supervisor_who_has_left_is_nobody() -> None:
    left = PEOPLE | {6: replace(PEOPLE[6], active=False)}
    assert {g.nobody_is for g in gaps([CHIEF, ALWAYS], left)} == {StaffRole.SUPERVISOR}


def test_two_people_on_one_telephone_are_one() -> None:
    alone = replace(HOUSE, deputy_id=None)
    assert gaps([CHIEF, ALWAYS]) == []
    shared = {n: replace(p, phone="+8613900000001") for n, p in PEOPLE.items()}
    found = gaps([CHIEF, ALWAYS], shared, alone)
    assert [(len(g.communities), g.people, g.until - g.since) for g in found] == [(0, 1, WEEK), (1, 1, WEEK)]


def test_an_unknown_place_needs_people_of_its_own() -> None:
    """The butlers of a house do not help whoever has not said where it is."""
    found = gaps([ALWAYS])
    assert [(g.communities, g.people) for g in found] == [((), 1)]


def test_the_start_is_refused_and_says_where_and_when(small: FakeStore) -> None:
    demand_complete_ladders(small, standard(), FixedClock())
    with small.write() as tx:
        tx.replace_duties([d for d in tx.duties() if d.role is not StaffRole.SUPERVISOR])
    with pytest.raises(ConfigurationError, match="11-22 10:00 to 11-29 10:00, 阳光花园: nobody is supervisor and 4"):
        demand_complete_ladders(small, standard(), FixedClock())


@pytest.mark.parametrize(("days", "starts"), [(0, False), (5, True)])
def test_a_gap_of_another_day_starts_with_an_error_in_the_log(small: FakeStore, days: int, *, starts: bool) -> None:
    last = local(FixedClock().now()).date() + timedelta(days=days)
    with small.write() as tx:
        tx.replace_duties([replace(d, last=last) if d.role is StaffRole.SUPERVISOR else d for d in tx.duties()])
    if not starts:
        with pytest.raises(ConfigurationError, match="nobody is supervisor"):
            demand_complete_ladders(small, standard(), FixedClock())
        return
    with capture_logs() as logs:
        demand_complete_ladders(small, standard(), FixedClock())
    [line] = logs
    assert (line["event"], line["log_level"]) == ("ladder_gap_ahead", "error")
    assert "nobody is supervisor" in line["gaps"]


def test_an_empty_database_starts_with_a_warning() -> None:
    with capture_logs() as logs:
        demand_complete_ladders(FakeStore(), standard(), FixedClock())
    assert [line["event"] for line in logs] == ["no_company"]


@pytest.fixture
def small() -> FakeStore:
    return small_company(FakeStore())


@settings(max_examples=40, deadline=None)
@given(
    rota=st.lists(
        st.builds(
            Duty,
            role=st.sampled_from([StaffRole.STATION_DUTY, StaffRole.SUPERVISOR, StaffRole.BUTLER]),
            staff_id=st.integers(1, 6),
            station_id=st.sampled_from([1, 2, None]),
            weekdays=st.frozensets(st.integers(1, 7), min_size=1),
            start=st.builds(time, st.integers(0, 23), st.sampled_from([0, 30])),
            until=st.builds(time, st.integers(0, 23)),
        ),
        max_size=8,
    ),
    half_hours=st.integers(0, 7 * 48 - 1),
    minutes=st.integers(0, 29),
)
def test_at_any_instant_it_says_what_the_ladder_says(rota: list[Duty], half_hours: int, minutes: int) -> None:
    at = A_WINTER_DAY + timedelta(minutes=30 * half_hours + minutes)
    rungs = ladder(PLAN, Company(PEOPLE, rota), HOUSE, at)
    supervisors = [d for d in rota if d.role is StaffRole.SUPERVISOR and d.station_id in (None, 1)]
    supervised = any(is_on_duty(d, at) for d in supervisors)
    here = [g for g in gaps(rota) if g.communities and g.since <= at < g.until]
    assert len(here) <= 1
    assert bool(here) is (len({r.staff.phone for r in rungs}) < 2 or not supervised)
