"""Two incidents become one, one becomes two: tickets, announcements and histories."""

import pytest

from fulfillment.incident import Extent, Incident, IncidentState
from fulfillment.incident_news import Occasion
from fulfillment.ticket import TicketState
from kernel.errors import Conflict, IncidentRefused, NotFound
from tests.fulfillment.test_incidents import HOUR, LEAD, Desk

RISER = Extent(frozenset({1}), None, frozenset({"3"}), "2")
BUILDING = Extent(frozenset({1}), None, frozenset({"3"}))


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (RISER, BUILDING, BUILDING),
        (BUILDING, RISER, BUILDING),
        (BUILDING, Extent(frozenset({1}), None, frozenset({"4"})), Extent(frozenset({1}), None, frozenset({"3", "4"}))),
        (RISER, Extent(frozenset({1}), None, frozenset({"3"}), "1"), BUILDING),
        (BUILDING, Extent(frozenset({2})), Extent(frozenset({1, 2}))),
        (BUILDING, Extent(station_id=1), Extent(station_id=1)),
        (Extent(station_id=2), BUILDING, Extent(station_id=2)),
    ],
)
def test_whom_either_concerns(one: Extent, other: Extent, both: Extent) -> None:
    assert one.joined(other, {1: 1, 2: 1}) == both


def two(desk: Desk) -> tuple[Incident, Incident]:
    """Of 阳光花园 and of 翠湖苑, with two tickets each."""
    first = desk.incidents.declare("no_heat", desk.facts(title="一号抢修"), by=LEAD)
    second = desk.incidents.declare(
        "no_heat", desk.facts(title="二号抢修", extent=Extent(frozenset({2})), expected_end=desk.drill.clock.now() + HOUR), by=LEAD
    )  # fmt: skip
    for room in (11, 12):
        desk.report(room)
        desk.report(room, community=2)
    return first, second


def now(desk: Desk, incident: Incident) -> Incident:
    return desk.store.tables.of_incidents.incidents[incident.id]


def test_merged_its_tickets_and_its_people_belong_to_the_other(desk: Desk) -> None:
    first, second = two(desk)
    for _ in range(2):
        desk.incidents.merge(first.id, second.id, by=LEAD)
    assert now(desk, first).state is IncidentState.MERGED
    assert now(desk, first).merged_into_id == second.id
    assert desk.members(first) == []
    assert desk.members(second) == [1, 2, 3, 4]
    assert now(desk, second).extent == Extent(frozenset({1, 2}))
    assert desk.heard(1) == ["二号抢修"], "callers of both hear one thing"
    assert desk.history(first)[-1] == "merged_into"
    assert "merged_here" in desk.history(second)
    assert desk.history(first)[:1] == ["declared"], "what was before is kept"
    news = [t.ticket_id for t in desk.store.tables.of_incidents.told.values() if t.occasion is Occasion.CHANGED]
    assert news == [1, 3], "another end is expected for those who came over"
    later = desk.report(13)
    assert later.id in desk.members(second)


def test_a_suggestion_is_merged_into_what_runs(desk: Desk) -> None:
    suggestion = desk.suggested()
    running = desk.incidents.declare("no_heat", desk.facts(extent=Extent(frozenset({2}))), by=LEAD)
    desk.incidents.merge(suggestion.id, running.id, by=LEAD)
    assert desk.members(running) == [1, 2, 3]
    assert desk.all(IncidentState.SUGGESTED) == []


def test_what_cannot_be_merged(desk: Desk) -> None:
    first, second = two(desk)
    with pytest.raises(IncidentRefused):
        desk.incidents.merge(first.id, first.id, by=LEAD)
    with pytest.raises(NotFound):
        desk.incidents.merge(first.id, 77, by=LEAD)
    desk.incidents.end(second.id, by=LEAD)
    with pytest.raises(IncidentRefused):
        desk.incidents.merge(first.id, second.id, by=LEAD)
    with pytest.raises(Conflict):
        desk.incidents.merge(second.id, first.id, by=LEAD)
    assert desk.members(first) == [1, 3]


def test_split_off_with_facts_and_an_announcement_of_its_own(desk: Desk) -> None:
    first, second = two(desk)
    merged = desk.incidents.merge(first.id, second.id, by=LEAD)
    facts = desk.facts(title="三号楼另有原因", extent=BUILDING)
    new = desk.incidents.split(merged.id, [1, 3], facts, by=LEAD)
    assert (desk.members(merged), desk.members(new)) == ([2, 4], [1, 3])
    assert desk.heard(1) == ["二号抢修", "三号楼另有原因"]
    assert desk.history(new)[-1] == "split_from"
    assert "split_off" in desk.history(merged)
    desk.drill.clock.advance(minutes=1)
    assert desk.report(14).id in desk.members(new), "the narrower one knows better"
    with pytest.raises(IncidentRefused):
        desk.incidents.split(merged.id, [1], facts, by=LEAD)
    with pytest.raises(IncidentRefused):
        desk.incidents.split(merged.id, [], facts, by=LEAD)
    with pytest.raises(IncidentRefused):
        desk.incidents.split(new.id, [1], desk.facts(title=""), by=LEAD)
    assert desk.members(new) == [1, 3, 5], "a refused split moved nothing"


def test_merged_back_and_split_again_the_tickets_follow(desk: Desk) -> None:
    first, second = two(desk)
    desk.incidents.merge(first.id, second.id, by=LEAD)
    third = desk.incidents.split(second.id, [1, 3], desk.facts(title="又是一号"), by=LEAD)
    desk.incidents.merge(third.id, second.id, by=LEAD)
    assert desk.members(second) == [1, 2, 3, 4], "a ticket may come back to where it was"


def test_what_was_closed_before_stays_with_the_incident_that_it_ended_in(desk: Desk) -> None:
    first, second = two(desk)
    desk.desk.change_state(1, TicketState.RESOLVED, by=LEAD)
    desk.incidents.merge(first.id, second.id, by=LEAD)
    assert (desk.members(first), desk.members(second)) == ([1], [2, 3, 4])
