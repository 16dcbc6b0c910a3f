"""Which reports suggest an incident, whom it concerns, what it owes: without a store."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from fulfillment.incident import (
    Extent,
    Incident,
    IncidentState,
    Kept,
    Level,
    Report,
    notices_due,
    suggested,
)
from fulfillment.ticket import Address
from tests.fakes import A_WINTER_DAY
from tests.fulfillment.drill import standard

HOME = Path(__file__).resolve().parents[2]
RULES = standard().incidents
COLD = next(c for c in RULES.categories if c.key == "no_heat")
HOUR = timedelta(hours=1)


def report(n: int, building: str = "3", unit: str = "2", community: int = 1, station: int = 1, **other: str) -> Report:
    address = Address(community, building, unit, str(n))
    return Report(n, other.get("kind", "no_heat"), A_WINTER_DAY, other.get("home", f"home {n}"), station, address)


def place(*reports: Report) -> Extent | None:
    return suggested(reports, reports[-1], COLD, RULES.widens_by)


RISER = Extent(frozenset({1}), None, frozenset({"3"}), "2")
BUILDING = replace(RISER, unit="")
COMMUNITY = Extent(frozenset({1}))
STATION = Extent(station_id=1)


def test_three_homes_of_one_unit_are_a_riser() -> None:
    reports = [report(n) for n in range(1, 4)]
    assert place(*reports[:2]) is None
    assert place(*reports) == RISER


def test_one_home_that_reports_three_times_is_one_home() -> None:
    assert place(report(1), report(2, home="home 1"), report(3, home="home 1")) is None


def test_another_intent_does_not_count() -> None:
    assert place(report(1), report(2, kind="leak_inside"), report(3)) is None


def test_it_widens_only_when_that_explains_clearly_more() -> None:
    riser = [report(n) for n in range(3)]
    assert place(report(9, unit="1"), *riser) == RISER, "one neighbour more is not the whole building"
    assert place(report(8, unit="1"), report(9, unit="1"), *riser) == BUILDING
    assert place(*(report(10 + n, building=str(10 + n)) for n in range(6)), *riser) == COMMUNITY
    elsewhere = [report(30 + n, community=2) for n in range(9)]
    assert place(*elsewhere, *riser) == STATION
    assert place(*(replace(r, station_id=2) for r in elsewhere), *riser) == RISER, "another station has other pipes"


def test_a_report_that_knows_no_building_counts_for_its_community() -> None:
    reports = [report(n, building="", unit="") for n in range(6)]
    assert place(*reports[:5]) is None
    assert place(*reports) == COMMUNITY


@pytest.mark.parametrize(
    ("wide", "narrow", "covered"),
    [
        (BUILDING, RISER, True),
        (RISER, BUILDING, False),
        (COMMUNITY, RISER, True),
        (STATION, COMMUNITY, True),
        (STATION, STATION, True),
        (COMMUNITY, STATION, False),
        (Extent(station_id=2), COMMUNITY, False),
        (Extent(frozenset({2})), RISER, False),
        (Extent(frozenset({1}), None, frozenset({"4"})), RISER, False),
        (Extent(), RISER, False),
    ],
)
def test_who_is_covered(wide: Extent, narrow: Extent, covered: bool) -> None:
    assert wide.covers(narrow, {1: 1, 2: 1}) is covered


def test_levels_and_keys_tell_places_apart() -> None:
    places = (RISER, BUILDING, COMMUNITY, STATION)
    assert [p.level for p in places] == [Level.RISER, Level.BUILDING, Level.COMMUNITY, Level.STATION]
    assert len({p.key for p in (*places, Extent(frozenset({1, 3})), Extent(station_id=2))}) == 6
    assert not Extent().concerns(Address(1), 1), "nothing named concerns nobody"


def incident(**changes: object) -> Incident:
    known = Incident(1, "no_heat", IncidentState.RUNNING, COMMUNITY, A_WINTER_DAY, A_WINTER_DAY)
    return replace(known, **changes)  # type: ignore[arg-type]  # a test's shorthand


def due(one: Incident, hours: float = 0) -> dict[str, tuple[float, str]]:
    """Clause → (hours after the beginning, how it stands)."""
    now = A_WINTER_DAY + hours * HOUR
    return {
        d.rule.clause: ((d.due_by - one.begins_at) / HOUR, d.state.value) for d in notices_due(one, RULES.notices, now)
    }


def test_an_outage_that_lasts_is_told_within_three_hours() -> None:
    unknown_end = incident()
    assert due(unknown_end, 2) == {"B4": (3, Kept.RUNNING)}
    assert due(unknown_end, 3.1) == {"B4": (3, Kept.BROKEN)}
    assert due(incident(announced_at=A_WINTER_DAY + HOUR), 9) == {"B4": (3, Kept.KEPT)}
    assert due(incident(announced_at=A_WINTER_DAY + 4 * HOUR), 9) == {"B4": (3, Kept.BROKEN)}
    assert due(incident(expected_end=A_WINTER_DAY + 2 * HOUR)) == {}, "shorter than three hours"
    assert due(incident(state=IncidentState.DISMISSED)) == {}


def test_a_planned_day_without_heat_is_told_two_days_ahead() -> None:
    later = A_WINTER_DAY + 72 * HOUR
    plan = incident(planned=True, begins_at=later, expected_end=later + 30 * HOUR)
    assert due(plan) == {"B4": (0, Kept.RUNNING), "K3": (-48, Kept.RUNNING)}
    announced = replace(plan, announced_at=A_WINTER_DAY)
    assert due(announced) == {"B4": (0, "kept"), "K3": (-48, "running")}, "nobody calls two days ahead"
    assert due(replace(announced, homes_told_at=A_WINTER_DAY + 24 * HOUR))["K3"] == (-48, "kept")
    assert due(replace(announced, homes_told_at=A_WINTER_DAY + 25 * HOUR))["K3"] == (-48, "broken")
    assert due(replace(plan, expected_end=later + 5 * HOUR)) == {"B4": (0, "running")}


def test_every_fact_of_a_history_has_its_sentence_and_every_sentence_is_told() -> None:
    sentences = yaml.safe_load((HOME / "scripts_zh" / "incident_log.yml").read_text(encoding="utf-8"))
    source = "\n".join(f.read_text(encoding="utf-8") for f in (HOME / "fulfillment").glob("incident*.py"))
    told = set(re.findall(r'\.record\(\s*"(\w+)"', source)) | set(re.findall(r'LogEntry\([^"]*"(\w+)"', source))
    computed = {"recheck_warm", "recheck_cold", "supervisor_told", "supervisor_not_told"}
    assert told | computed == set(sentences)
