"""What the carrier reports of a text about an incident stands in the list of who was told, whatever comes first."""

from collections.abc import Callable

import pytest

from fulfillment.incident_news import Told, ToldState
from fulfillment.text_reports import TextReports
from fulfillment.ticket import Ticket
from kernel.errors import CarrierUnknown, NotFound
from tests.dialogue.incident_town import IncidentTown


@pytest.fixture
def town() -> IncidentTown:
    return IncidentTown()


def begun(town: IncidentTown) -> Ticket:
    """Three cold homes; the first one has a telephone that is texted."""
    ticket = town.report(101)
    for room in (102, 103):
        town.report(room)
    town.confirmed()
    return ticket


def told(town: IncidentTown, ticket: Ticket) -> Told:
    [one] = town.told(ticket)
    return one


@pytest.mark.parametrize(
    ("reported", "state"),
    [
        (["queued", "sent", "delivered"], ToldState.DELIVERED),
        (["delivered", "sent"], ToldState.DELIVERED),
        (["sent", "undelivered"], ToldState.UNDELIVERED),
        (["failed", "failed"], ToldState.UNDELIVERED),
        (["delivered", "failed"], ToldState.DELIVERED),
        (["sent"], ToldState.SENT),
        (["who knows"], ToldState.SENT),
    ],
)
def test_the_list_says_what_became_of_it(town: IncidentTown, reported: list[str], state: ToldState) -> None:
    ticket = begun(town)
    sid = told(town, ticket).sid
    for status in reported:
        TextReports(town.store, town.clock).told_event(told(town, ticket).id, status=status, sid=sid)
    assert told(town, ticket).state is state


def test_the_report_of_another_text_changes_nothing(town: IncidentTown) -> None:
    ticket = begun(town)
    TextReports(town.store, town.clock).told_event(told(town, ticket).id, status="failed", sid="SM" + "0" * 32)
    assert told(town, ticket).state is ToldState.SENT


def reporting_first(town: IncidentTown, failure: Exception | None) -> Callable[..., str]:
    """A carrier that delivers, and reports it, before it answers; or never answers."""
    place = town.carrier.told_text

    def told_text(*, to: str, body: str, told_id: int) -> str:
        sid = place(to=to, body=body, told_id=told_id)
        TextReports(town.store, town.clock).told_event(told_id, status="delivered", sid=sid)
        if failure:
            raise failure
        return sid

    return told_text


@pytest.mark.parametrize("failure", [None, CarrierUnknown("timeout")], ids=["answered", "no answer"])
def test_a_report_that_is_faster_than_the_answer_stands(
    town: IncidentTown, monkeypatch: pytest.MonkeyPatch, failure: Exception | None
) -> None:
    monkeypatch.setattr(town.carrier, "told_text", reporting_first(town, failure))
    assert told(town, begun(town)).state is ToldState.DELIVERED


def test_a_text_that_perhaps_was_sent_turns_out_to_have_been(town: IncidentTown) -> None:
    town.carrier.text_failures.append(CarrierUnknown("timeout"))
    ticket = begun(town)
    [uncertain] = [t for t in town.store.tables.of_incidents.told.values() if t.state is ToldState.UNCERTAIN]
    TextReports(town.store, town.clock).told_event(uncertain.id, status="delivered", sid="SM" + "7" * 32)
    with town.store.read() as tx:
        assert tx.told(uncertain.id).state is ToldState.DELIVERED
    assert ticket.contact_phone


def test_nobody_was_promised_that(town: IncidentTown) -> None:
    with pytest.raises(NotFound):
        TextReports(town.store, town.clock).told_event(77, status="delivered", sid="")
