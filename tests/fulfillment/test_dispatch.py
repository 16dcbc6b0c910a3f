"""Who is rung, in which order, how fast."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fulfillment.company import Community, Duty, Staff, StaffRole
from fulfillment.dispatch import Company, is_on_duty, ladder, next_rung, next_step_at
from kernel.clock import BEIJING
from tests.fakes import A_WINTER_DAY, EVERY_DAY, FakeStore, small_company
from tests.fulfillment.drill import GARDEN, Drill, standard

PLAN = standard().ladder
HOUSE = Community(1, "C1", "阳光花园", (), station_id=1, butler_id=1, deputy_id=2)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BEIJING).astimezone(UTC)


def people(*inactive: int) -> Mapping[int, Staff]:
    return {n: Staff(n, f"{n:02d}", f"人{n}", f"+8613900000{n:03d}", 1, active=n not in inactive) for n in range(1, 10)}


def duty(role: str, staff_id: int, station_id: int | None = 1, start: int = 0, until: int = 0) -> Duty:
    return Duty(StaffRole(role), staff_id, station_id, EVERY_DAY, time(start), time(until))


def ids(company: Company, community: Community | None = HOUSE, when: str = "2026-11-22T10:00") -> list[int]:
    return [rung.staff.id for rung in ladder(PLAN, company, community, at(when))]


@pytest.mark.parametrize(
    ("when", "on"),
    [
        ("2026-11-20T20:00", True),  # Friday evening
        ("2026-11-21T07:59", True),  # Saturday morning belongs to Friday's line
        ("2026-11-21T08:00", False),
        ("2026-11-21T20:00", False),  # Saturday has no line
        ("2026-11-20T07:59", False),  # Friday morning would belong to Thursday
        ("2026-11-20T19:59", False),
    ],
)
def test_a_night_shift_belongs_to_the_day_on_which_it_starts(when: str, on: bool) -> None:
    line = Duty(StaffRole.STATION_DUTY, 1, 1, frozenset({5}), time(20), time(8))
    assert is_on_duty(line, at(when)) is on


def test_a_sunday_night_runs_into_monday() -> None:
    line = Duty(StaffRole.STATION_DUTY, 1, 1, frozenset({7}), time(22), time(6))
    assert is_on_duty(line, at("2026-11-23T05:59"))
    assert not is_on_duty(line, at("2026-11-22T05:59"))


def test_from_midnight_to_midnight_is_the_whole_day_and_not_the_next() -> None:
    line = Duty(StaffRole.DUTY_CHIEF, 1, None, frozenset({1}), time(0), time(0))
    assert is_on_duty(line, at("2026-11-23T00:00"))
    assert is_on_duty(line, at("2026-11-23T23:59"))
    assert not is_on_duty(line, at("2026-11-24T00:00"))


def test_in_the_order_of_the_standard_whatever_the_order_of_the_rota() -> None:
    rota = [duty("supervisor", 5, None), duty("duty_chief", 4, None), duty("station_duty", 3)]
    assert ids(Company(people(), rota)) == [1, 2, 3, 4, 5]


def test_other_stations_inactive_people_and_second_roles_are_left_out() -> None:
    rota = [
        duty("station_duty", 6, 2),
        duty("station_duty", 3),
        duty("duty_chief", 1, None),
        duty("supervisor", 5, None),
    ]
    assert ids(Company(people(3), rota)) == [1, 2, 5]


def test_a_butler_off_duty_comes_last_and_is_not_forgotten() -> None:
    rota = [duty("butler", 1, 1, 8, 20), duty("duty_chief", 4, None)]
    assert ids(Company(people(), rota)) == [1, 2, 4]
    assert ids(Company(people(), rota), when="2026-11-22T23:00") == [2, 4, 1]


def test_a_community_without_a_deputy_and_a_butler_who_left_the_table() -> None:
    lonely = replace(HOUSE, butler_id=77, deputy_id=None)
    assert ids(Company(people(), [duty("deputy", 8), duty("duty_chief", 4, None)]), lonely) == [8, 4]


def test_without_a_community_everybody_on_duty_is_rung_those_who_can_find_out_first() -> None:
    rota = [
        duty("station_duty", 3, 1),
        duty("station_duty", 6, 2),
        duty("duty_chief", 4, None),
        duty("supervisor", 5, None),
    ]
    assert ids(Company(people(), rota), None) == [4, 5, 3, 6]


def test_the_busy_are_left_until_nobody_else_is_left() -> None:
    rungs = ladder(PLAN, Company(people(), []), HOUSE, A_WINTER_DAY)
    assert [r.staff.id for r in rungs] == [1, 2]
    assert (rung := next_rung(rungs, tried=(), busy={1})) is not None
    assert rung.staff.id == 2
    assert (rung := next_rung(rungs, tried={2}, busy={1})) is not None
    assert rung.staff.id == 1
    assert next_rung(rungs, tried={1, 2}, busy=()) is None


def test_a_short_ladder_keeps_its_pace_a_long_one_and_a_late_one_hurry() -> None:
    began = A_WINTER_DAY
    assert next_step_at(PLAN, now=began, round_began=began, left=4) - began == timedelta(seconds=60)
    assert next_step_at(PLAN, now=began, round_began=began, left=15) - began == timedelta(seconds=30)
    late = began + timedelta(seconds=420)
    assert next_step_at(PLAN, now=late, round_began=began, left=2) - late == timedelta(seconds=15)
    lost = began + timedelta(minutes=20)
    assert next_step_at(PLAN, now=lost, round_began=began, left=2) - lost == timedelta(seconds=5)
    assert next_step_at(PLAN, now=late, round_began=began, left=0) - late == timedelta(seconds=60)


ROTA = st.lists(
    st.builds(
        Duty,
        role=st.sampled_from([StaffRole.STATION_DUTY, StaffRole.DUTY_CHIEF, StaffRole.SUPERVISOR, StaffRole.BUTLER]),
        staff_id=st.integers(1, 40),
        station_id=st.sampled_from([1, 2, None]),
        weekdays=st.frozensets(st.integers(1, 7), min_size=1),
        start=st.builds(time, st.integers(0, 23)),
        until=st.builds(time, st.integers(0, 23)),
    ),
    max_size=60,
)


@settings(max_examples=50, deadline=None)
@given(
    rota=ROTA,
    # shifts change at full hours: a ladder that begins by minute 50 is climbed in one shift
    opened=st.builds(lambda hour, minute: hour * 60 + minute, st.integers(0, 7 * 24), st.integers(0, 50)),
    known=st.booleans(),
    inactive=st.frozensets(st.integers(3, 40)),
    silent=st.booleans(),
)
def test_every_unanswered_ladder_ends_before_minute_eight_and_rings_everybody_once(
    *, rota: list[Duty], opened: int, known: bool, inactive: frozenset[int], silent: bool
) -> None:
    drill = Drill(store=small_company(FakeStore()))
    with drill.store.write() as tx:
        for n in range(7, 41):
            tx.upsert_staff(Staff(0, f"{n:02d}", f"人{n}", f"+86139000010{n:02d}", 1, active=n not in inactive))
        tx.replace_duties([*tx.duties(), *rota])
    drill.clock.set(A_WINTER_DAY + timedelta(minutes=opened))
    ticket = drill.open() if known else drill.open(address=replace(GARDEN, community_id=None))
    for _ in range(480):
        drill.run_for(seconds=1)
        if not silent:  # the carrier tells when the ringing is over
            for attempt in drill.attempts(ticket):
                if drill.clock.now() >= attempt.started_at + timedelta(seconds=PLAN.ring_seconds):
                    drill.no_answer(attempt)
        if drill.ticket(ticket).alarm_exhausted_at is not None:
            break
    first_round = drill.attempts(ticket)
    exhausted = drill.ticket(ticket).alarm_exhausted_at
    if exhausted is not None:
        first_round = [a for a in first_round if a.started_at < exhausted]
    rung = [a.staff_id for a in first_round]
    with drill.store.read() as tx:
        company = Company({s.id: s for s in tx.all_staff()}, tx.duties())
        house = tx.community(1) if known else None
    expected = [r.staff.id for r in ladder(PLAN, company, house, ticket.opened_at)]
    assert len(set(rung)) == len(rung), "nobody twice in one round"
    assert set(expected) <= set(rung), "nobody left out"
    assert max(a.started_at for a in first_round) < ticket.opened_at + timedelta(minutes=8)
