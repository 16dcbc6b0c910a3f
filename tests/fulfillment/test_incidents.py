"""What people do with incidents: confirmed, dismissed, changed; tickets that come and go."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from fulfillment.announcing import told_to
from fulfillment.clocks import ClockEvent
from fulfillment.desk import Desk as TicketDesk
from fulfillment.incident import Extent, Incident, IncidentState
from fulfillment.incident_course import IncidentFacts
from fulfillment.incidents import Incidents
from fulfillment.ticket import Address, ClockState, Ticket, TicketState
from kernel.errors import BadInput, Conflict, IncidentRefused, NotFound
from tests.fulfillment.drill import Drill, standard

HOUR = timedelta(hours=1)
LEAD = "周主管"
GARDEN = Extent(frozenset({1}))


class Desk:
    """A drill with a supervisor at the console."""

    def __init__(self) -> None:
        self.drill = Drill()
        self.store = self.drill.store
        self.incidents = Incidents(self.store, standard(), self.drill.clock)
        self.desk = TicketDesk(self.store, standard(), self.drill.clock)

    def report(self, room: int, kind: str = "no_heat", community: int = 1) -> Ticket:
        ticket = self.drill.open(kind, Address(community, "3", "2", str(room)), contact_phone=f"+86138000010{room}")
        self.drill.run()
        return ticket

    def facts(self, **changes: Any) -> IncidentFacts:
        now = self.drill.clock.now()
        return replace(IncidentFacts("阳光花园抢修。", GARDEN, now, "阀门爆裂", now + 4 * HOUR), **changes)

    def suggested(self) -> Incident:
        for room in (11, 12, 13):
            self.report(room)
        [found] = self.all(IncidentState.SUGGESTED)
        return found

    def all(self, state: IncidentState) -> list[Incident]:
        return [i for i in self.store.tables.of_incidents.incidents.values() if i.state is state]

    def members(self, incident: Incident) -> list[int]:
        with self.store.read() as tx:
            return [a.ticket_id for a in tx.attachments(incident.id) if a.detached_at is None]

    def heard(self, community: int = 1, building: str = "3") -> list[str]:
        with self.store.read() as tx:
            return [a.what for a in told_to(tx, [Address(community, building)], self.drill.clock.now())]

    def history(self, incident: Incident) -> list[str]:
        with self.store.read() as tx:
            return [e.key for e in tx.incident_log(incident.id)]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_confirmed_incident_takes_its_tickets_and_is_heard(desk: Desk) -> None:
    found = desk.suggested()
    assert desk.heard() == [], "a suggestion is announced by nobody"
    confirmed = desk.incidents.confirm(found.id, desk.facts(), by=LEAD)
    assert (confirmed.state, confirmed.title, confirmed.author) == (IncidentState.RUNNING, "阳光花园抢修", LEAD)
    assert desk.members(confirmed) == [1, 2, 3]
    assert desk.heard() == ["阳光花园抢修"]
    assert desk.heard(2) == [], "of another community"
    assert desk.incidents.confirm(found.id, desk.facts(), by="另一位") == confirmed, "twice is once"
    late, elsewhere = desk.report(14), desk.report(15, community=2)
    assert desk.members(confirmed) == [1, 2, 3, late.id]
    assert elsewhere.id not in desk.members(confirmed)
    assert desk.all(IncidentState.SUGGESTED) == [], "what runs is not suggested again"
    assert desk.history(confirmed) == ["suggested", "attached", "attached", "attached", "confirmed", "attached"]


def test_tickets_keep_their_own_course(desk: Desk) -> None:
    running = desk.incidents.declare("leak", desk.facts(), by=LEAD)
    leak = desk.report(21, "leak_inside")
    assert desk.members(running) == [leak.id]
    assert desk.drill.rung(leak), "attached, and forwarded"
    assert desk.drill.ticket(leak).state is TicketState.NEW
    assert desk.drill.clocks(leak).keys() >= {"emergency_acknowledged", "leak_on_site"}


def test_dismissed_with_a_reason(desk: Desk) -> None:
    found = desk.suggested()
    for empty in ("", "  ", "长" * 201):
        with pytest.raises(IncidentRefused):
            desk.incidents.dismiss(found.id, empty, by=LEAD)
    dismissed = desk.incidents.dismiss(found.id, "三户各自关了阀门", by=LEAD)
    assert (dismissed.state, dismissed.reason) == (IncidentState.DISMISSED, "三户各自关了阀门")
    assert desk.incidents.dismiss(found.id, "又一次", by=LEAD) == dismissed
    with pytest.raises(Conflict):
        desk.incidents.confirm(found.id, desk.facts(), by=LEAD)
    assert desk.members(found) == []


def test_a_ticket_that_was_taken_out_stays_out_until_a_person_brings_it_back(desk: Desk) -> None:
    running = desk.incidents.confirm(desk.suggested().id, desk.facts(), by=LEAD)
    for _ in range(2):
        desk.incidents.detach(running.id, 2, by=LEAD)
    changed = desk.incidents.change(running.id, desk.facts(cause="管道"), by=LEAD, seen=running.rev)
    desk.drill.run()
    assert desk.members(changed) == [1, 3]
    for _ in range(2):
        desk.incidents.attach(running.id, 2, by=LEAD)
    assert desk.members(changed) == [1, 2, 3]
    other = desk.incidents.declare("no_heat", desk.facts(extent=Extent(frozenset({2}))), by=LEAD)
    with pytest.raises(Conflict):
        desk.incidents.attach(other.id, 2, by=LEAD)
    with pytest.raises(NotFound):
        desk.incidents.attach(other.id, 99, by=LEAD)
    desk.incidents.detach(running.id, 2, by=LEAD)
    desk.incidents.attach(other.id, 2, by=LEAD)
    assert (desk.members(running), desk.members(other)) == ([1, 3], [2])


def test_a_wider_extent_takes_more_tickets_and_is_heard_by_more(desk: Desk) -> None:
    running = desk.incidents.confirm(desk.suggested().id, desk.facts(), by=LEAD)
    elsewhere = desk.report(15, community=2)
    wider = desk.facts(extent=Extent(station_id=1), title="东城站抢修")
    changed = desk.incidents.change(running.id, wider, by=LEAD, seen=running.rev)
    assert elsewhere.id in desk.members(changed)
    assert desk.heard(2) == ["东城站抢修"]
    with pytest.raises(Conflict):
        desk.incidents.change(running.id, wider, by=LEAD, seen=running.rev)


@pytest.mark.parametrize(
    ("reason", "wrong"),
    [
        ("incident_title", {"title": " "}),
        ("incident_title", {"title": "长" * 61}),
        ("incident_title", {"cause": "长" * 201}),
        ("incident_nobody", {"extent": Extent()}),
        ("incident_buildings", {"extent": Extent(frozenset({1, 2}), None, frozenset({"3"}))}),
        ("incident_buildings", {"extent": Extent(station_id=1, buildings=frozenset({"3"}))}),
        ("incident_unit", {"extent": Extent(frozenset({1}), None, frozenset({"3", "4"}), "2")}),
        ("incident_end", {"hours": 0}),
        ("incident_future", {"later": 1}),
    ],
)
def test_facts_that_cannot_be_get_a_reason(desk: Desk, reason: str, wrong: dict[str, Any]) -> None:
    found = desk.suggested()
    now = desk.drill.clock.now()
    if "hours" in wrong:
        wrong = {"expected_end": now}
    if "later" in wrong:
        wrong = {"begins_at": now + HOUR}
    with pytest.raises(IncidentRefused) as refused:
        desk.incidents.confirm(found.id, desk.facts(**wrong), by=LEAD)
    assert refused.value.reason == reason
    assert desk.all(IncidentState.SUGGESTED) == [found], "nothing was changed"
    assert desk.heard() == []


def test_places_and_categories_that_do_not_exist(desk: Desk) -> None:
    for extent in (Extent(frozenset({77})), Extent(station_id=77)):
        with pytest.raises(NotFound):
            desk.incidents.declare("no_heat", desk.facts(extent=extent), by=LEAD)
    with pytest.raises(BadInput):
        desk.incidents.declare("earthquake", desk.facts(), by=LEAD)
    with pytest.raises(NotFound):
        desk.incidents.confirm(77, desk.facts(), by=LEAD)


def on_site(desk: Desk, ticket: Ticket) -> list[ClockState]:
    """States of its clocks of being on site, oldest first."""
    with desk.store.read() as tx:
        clocks = tx.clocks([ticket.id])[ticket.id]
    return [c.state for c in clocks if standard().rule(c.rule).stops is ClockEvent.ARRIVED]


RUNNING, VOID = ClockState.RUNNING, ClockState.VOID


def test_a_cold_home_in_an_incident_is_owed_no_visit_until_it_says_that_it_is_still_cold() -> None:
    """ADR 17: F18, B6. Contact, reason and the end of the repair are owed all the same."""
    desk = Desk()
    cold, outage = desk.report(21), desk.report(22, "outage")
    suggested = desk.suggested()
    assert on_site(desk, cold) == [RUNNING], "a suggestion changes nothing"
    incident = desk.incidents.confirm(suggested.id, desk.facts(), by=LEAD)
    assert on_site(desk, cold) == on_site(desk, outage) == [VOID]
    assert desk.drill.story(cold).count("visit_not_owed") == 1
    with desk.store.read() as tx:
        left = {c.rule: c.state for c in tx.clocks([outage.id])[outage.id]}
    assert left["outage_reason"] is RUNNING
    desk.drill.clock.advance(hours=3)
    desk.incidents.end(incident.id, by=LEAD)
    assert on_site(desk, cold) == [VOID], "nobody has said that it is cold"
    desk.incidents.recheck(incident.id, cold.id, warm=False, by=LEAD)
    desk.incidents.recheck(incident.id, cold.id, warm=False, by=LEAD)
    assert on_site(desk, cold) == [VOID, RUNNING]
    with desk.store.read() as tx:
        newest = max(tx.clocks([cold.id])[cold.id], key=lambda c: c.id)
    assert newest.due_by - desk.drill.clock.now() == 2 * HOUR, "from now, at full length"
    desk.incidents.resume(incident.id, desk.facts(), by=LEAD)
    assert on_site(desk, cold) == [VOID, VOID]


def test_who_is_taken_out_of_an_incident_is_owed_a_visit_again_and_who_moves_is_not() -> None:
    desk = Desk()
    ticket = desk.report(21)
    first = desk.incidents.confirm(desk.suggested().id, desk.facts(), by=LEAD)
    for _ in range(2):
        desk.incidents.detach(first.id, ticket.id, by=LEAD)
    assert on_site(desk, ticket) == [VOID, RUNNING]
    desk.incidents.attach(first.id, ticket.id, by=LEAD)
    assert on_site(desk, ticket) == [VOID, VOID]


def test_leaks_and_homes_that_come_first_keep_their_visit_in_an_incident() -> None:
    desk = Desk()
    leak, frail = desk.report(21, "leak_inside"), desk.report(22)
    with desk.store.write() as tx:
        tx.save_ticket(replace(tx.ticket(frail.id), details={"vulnerable": "yes"}))
    incident = desk.incidents.confirm(desk.suggested().id, desk.facts(), by=LEAD)
    assert frail.id in desk.members(incident)
    assert on_site(desk, leak) == on_site(desk, frail) == [RUNNING]


def test_what_was_broken_before_the_incident_was_confirmed_stays_broken() -> None:
    desk = Desk()
    ticket = desk.report(21)
    suggested = desk.suggested()
    desk.drill.clock.advance(hours=2, minutes=1)
    desk.incidents.confirm(suggested.id, desk.facts(begins_at=desk.drill.clock.now() - 2 * HOUR), by=LEAD)
    assert on_site(desk, ticket) == [ClockState.BROKEN]
