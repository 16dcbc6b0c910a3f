"""Incidents, said to every store alike."""

from dataclasses import replace

import pytest

from dialogue.ports import DialogueStore
from fulfillment.incident import Attachment, Extent, Incident, IncidentState, LogEntry, Recheck
from fulfillment.incident_news import Occasion, Told, ToldState
from fulfillment.ticket import Address, TicketState
from kernel.errors import Conflict, NotFound
from tests.storage.samples import MINUTE, NOW, a_ticket

COLD = Incident(
    0, "no_heat", IncidentState.SUGGESTED, Extent(frozenset({1}), None, frozenset({"3", "4"})), NOW, NOW - MINUTE,
    spot="no_heat:community-1/3",
)  # fmt: skip


def stored(store: DialogueStore, incident: Incident = COLD) -> Incident:
    with store.write() as tx:
        found = tx.add_incident(incident)
    assert found is not None
    return found


def test_one_open_suggestion_for_a_spot(store: DialogueStore) -> None:
    first = stored(store)
    with store.write() as tx:
        assert tx.add_incident(COLD) is None
        other = tx.add_incident(replace(COLD, spot="no_heat:station-1"))
        tx.save_incident(replace(first, state=IncidentState.DISMISSED, settled_at=NOW, reason="x"))
        again = tx.add_incident(COLD)
        assert again is not None
        assert other is not None
    with store.read() as tx:
        assert tx.incident(again.id) == again
        assert tx.settled_at(COLD.spot) == NOW
        assert tx.settled_at("no_heat:station-9") is None
        assert [i.id for i in tx.live_incidents()] == [other.id, again.id]
        assert [i.id for i in tx.settled_incidents()] == [first.id]
    with pytest.raises(NotFound), store.read() as tx:
        tx.incident(99)


def test_an_old_revision_is_refused(store: DialogueStore) -> None:
    first = stored(store)
    with store.write() as tx:
        saved = tx.save_incident(replace(first, title="抢修", expected_end=NOW + MINUTE, extent=Extent(station_id=1)))
    with store.read() as tx:
        assert tx.incident(first.id) == saved
    with pytest.raises(Conflict), store.write() as tx:
        tx.save_incident(first)


def test_a_ticket_belongs_to_one_incident(store: DialogueStore) -> None:
    one, other = stored(store), stored(store, replace(COLD, spot="elsewhere"))
    with store.write() as tx:
        ticket = tx.add_ticket(a_ticket())
        first = Attachment(one.id, ticket.id, NOW, "worker")
        assert tx.attach(first)
        assert not tx.attach(first)
        assert not tx.attach(replace(first, incident_id=other.id)), "it belongs to another one"
        assert tx.attachment_of(ticket.id) == first
        out = replace(first, detached_at=NOW, detached_by="周主管", recheck=Recheck.COLD)
        tx.save_attachment(out)
        assert tx.attachment_of(ticket.id) is None
        assert not tx.attach(first), "what a person took out does not come back by itself"
        assert tx.attach(replace(first, incident_id=other.id))
        assert tx.attachments(one.id) == [out]
        assert [t.id for t in tx.incident_tickets(one.id)] == [ticket.id], "those that left, too"
        assert tx.incident_tickets(99) == []
    with pytest.raises(Conflict), store.write() as tx:
        tx.save_attachment(first)
    with pytest.raises(NotFound), store.write() as tx:
        tx.save_attachment(replace(first, ticket_id=ticket.id + 1))


def test_loose_tickets_are_open_new_enough_there_and_in_no_incident(store: DialogueStore) -> None:
    cold = a_ticket(kind="no_heat", emergency=False, household_id=None)
    one = stored(store)
    with store.write() as tx:
        loose = tx.add_ticket(cold)
        tx.add_ticket(replace(cold, opened_at=NOW - 5 * MINUTE))
        tx.add_ticket(replace(cold, kind="question"))
        tx.add_ticket(replace(cold, state=TicketState.RESOLVED))
        tx.add_ticket(replace(cold, address=Address(text="somewhere")))
        attached = tx.add_ticket(cold)
        tx.attach(Attachment(one.id, attached.id, NOW, "worker"))
        detached = tx.add_ticket(cold)
        tx.attach(Attachment(one.id, detached.id, NOW, "worker", NOW, "x"))
        kinds, since = ("no_heat", "cold_room"), NOW - MINUTE
        assert [t.id for t in tx.loose_tickets(kinds, since, [1])] == [loose.id, detached.id]
        assert tx.loose_tickets(kinds, since, [2]) == []


def test_nobody_is_told_the_same_twice(store: DialogueStore) -> None:
    one = stored(store)
    with store.write() as tx:
        ticket = tx.add_ticket(a_ticket())
        news = Told(0, one.id, Occasion.CHANGED, 1, NOW, ticket.id)
        first = tx.add_told(news)
        assert first is not None
        assert tx.add_told(news) is None
        second = tx.add_told(replace(news, revision=2))
        home = tx.add_told(Told(0, one.id, Occasion.PLANNED, 0, NOW, household_id=1))
        sent = replace(first, state=ToldState.SENT, channel="text", sent_at=NOW, sid="SM1")
        tx.save_told(sent)
    with store.read() as tx:
        assert tx.told_of(one.id) == [sent, second, home]
        assert tx.told(first.id) == sent
        assert tx.told_of(one.id, limit=2) == [second, home]
        assert tx.told_totals(one.id) == {ToldState.SENT: 1, ToldState.PROMISED: 2}
    with pytest.raises(NotFound), store.read() as tx:
        tx.told(99)


def test_homes_of_an_extent_in_chunks(store: DialogueStore) -> None:
    def homes(extent: Extent, after: int = 0, limit: int = 10) -> list[int]:
        with store.read() as tx:
            return [h.id for h in tx.homes_in(extent, after, limit)]

    assert homes(Extent(station_id=1)) == [1, 2, 3]
    assert homes(Extent(station_id=1), after=1, limit=1) == [2]
    assert homes(Extent(frozenset({1}))) == [1, 2]
    assert homes(Extent(frozenset({1}), None, frozenset({"3"}), "2")) == [1, 2]
    assert homes(Extent(frozenset({1}), None, frozenset({"4"}))) == []
    assert homes(Extent()) == []


def test_the_history_is_kept_in_order(store: DialogueStore) -> None:
    one = stored(store)
    entries = [LogEntry(one.id, NOW + n * MINUTE, "worker", "suggested", {"homes": n}) for n in range(2)]
    with store.write() as tx:
        for entry in entries:
            tx.log_incident(entry)
    with store.read() as tx:
        assert tx.incident_log(one.id) == entries
