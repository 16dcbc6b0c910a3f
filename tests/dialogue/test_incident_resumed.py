"""An incident that was said to be over and is not: it runs again, residents hear of it, and are asked anew at its real end."""

import pytest

from fulfillment.incident import Extent, IncidentState, Recheck
from fulfillment.ticket import TicketState
from kernel.errors import Conflict, IncidentRefused
from tests.dialogue.incident_town import HOUR, LEAD, IncidentTown


@pytest.fixture
def town() -> IncidentTown:
    return IncidentTown()


def test_it_runs_again_with_its_announcement_and_its_history(town: IncidentTown) -> None:
    town.report(102)
    town.report(103)
    talk, cold = town.chat_report(101)
    running = town.confirmed()
    town.incidents.end(running.id, by=LEAD)
    town.run()
    assert town.said(talk)[-1] == "incident.ended_question"
    town.clock.advance(hours=1)
    for _ in range(2):
        again = town.incidents.resume(running.id, town.facts(begins_at=running.begins_at), by=LEAD)
        town.run()
    assert (again.state, again.settled_at) == (IncidentState.RUNNING, None)
    assert town.said(talk).count("incident.resumed") == 1
    attachment = town.attachment(cold)
    assert attachment is not None
    assert attachment.recheck is Recheck.NOT_ASKED, "nobody is asked while it is cold"
    with town.store.read() as tx:
        assert tx.announcement(again.announcement_id or 0).is_told(town.clock.now())
        assert [e.key for e in tx.incident_log(again.id)][-2:] == ["ended", "resumed"]
    town.clock.advance(hours=1)
    town.incidents.end(running.id, by=LEAD)
    town.run()
    assert town.said(talk).count("incident.ended_question") == 2, "the real end asks again"


def test_a_home_that_is_warm_stays_settled(town: IncidentTown) -> None:
    talk, warm = town.chat_report(101)
    for room in (102, 103):
        town.report(room)
    running = town.confirmed()
    town.incidents.end(running.id, by=LEAD)
    town.run()
    town.taps(talk, f"recheck_warm:{warm.id}")
    assert town.ticket(warm).state is TicketState.CLOSED
    town.incidents.resume(running.id, town.facts(begins_at=running.begins_at), by=LEAD)
    town.run()
    assert "incident.resumed" not in town.said(talk)
    assert town.ticket(warm).state is TicketState.CLOSED


def test_new_reports_belong_to_it_again(town: IncidentTown) -> None:
    for room in (101, 102, 103):
        town.report(room)
    running = town.confirmed()
    town.incidents.end(running.id, by=LEAD)
    town.clock.advance(minutes=5)
    late = town.report(104)
    town.run()
    assert town.attachment(late) is None
    town.incidents.resume(running.id, town.facts(begins_at=running.begins_at), by=LEAD)
    attachment = town.attachment(late)
    assert attachment is not None
    assert attachment.incident_id == running.id


def test_only_what_has_ended_is_taken_up_again(town: IncidentTown) -> None:
    for room in (101, 102, 103):
        town.report(room)
    found = town.suggestion()
    with pytest.raises(Conflict):
        town.incidents.resume(found.id, town.facts(), by=LEAD)
    later = town.clock.now() + 48 * HOUR
    planned = town.facts(begins_at=later, expected_end=later + HOUR, extent=Extent(frozenset({2})))
    off = town.incidents.declare("no_heat", planned, by=LEAD)
    town.incidents.end(off.id, by=LEAD)
    with pytest.raises(IncidentRefused, match="called_off"):
        town.incidents.resume(off.id, planned, by=LEAD)
