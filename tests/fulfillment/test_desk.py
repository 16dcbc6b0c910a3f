"""What people at the console do with a ticket, and what it does to clocks and ladder."""

from dataclasses import replace
from datetime import timedelta

import pytest

from fulfillment.clocks import ClockEvent
from fulfillment.incident import Attachment, Extent, Incident, IncidentState
from fulfillment.open_ticket import Learned
from fulfillment.ticket import ClockState, Ticket, TicketState
from kernel.errors import BadInput, Conflict, NotFound
from tests.fakes import BUTLER, DEPUTY
from tests.fulfillment.drill import LAKE, Drill


@pytest.fixture
def drill() -> Drill:
    return Drill()


@pytest.fixture
def cold(drill: Drill) -> Ticket:
    return drill.open("cold_room", household_id=1)


def states(drill: Drill, ticket: Ticket) -> dict[str, ClockState]:
    return {rule: clock.state for rule, clock in drill.clocks(ticket).items()}


def test_the_whole_life_of_a_repair(drill: Drill, cold: Ticket) -> None:
    desk, clock = drill.desk, drill.clock
    desk.acknowledge(cold.id, by="王管家", staff_id=BUTLER)
    clock.advance(minutes=20)
    desk.contacted(cold.id, by="王管家")
    assert states(drill, cold)["repair_contact"] is ClockState.KEPT
    clock.advance(hours=2)
    desk.change_state(cold.id, TicketState.ON_SITE, by="王管家")
    assert states(drill, cold)["repair_on_site"] is ClockState.BROKEN
    clock.advance(hours=1)
    desk.change_state(cold.id, TicketState.RESOLVED, by="王管家")
    assert states(drill, cold)["repair_done"] is ClockState.KEPT
    callback = drill.clocks(cold)["callback_after_repair"]
    assert callback.state is ClockState.RUNNING
    assert callback.due_by > clock.now() + timedelta(hours=40)
    desk.change_state(cold.id, TicketState.CLOSED, by="小李")
    assert states(drill, cold)["callback_after_repair"] is ClockState.KEPT
    steps = ["opened", "accepted", "contacted", "state_changed", "resident_call_planned"]
    assert drill.story(cold) == [*steps, "state_changed", "state_changed"]


def test_acknowledging_twice_keeps_the_first(drill: Drill, cold: Ticket) -> None:
    first = drill.desk.acknowledge(cold.id, by="小李")
    again = drill.desk.acknowledge(cold.id, by="王管家", staff_id=BUTLER)
    assert (again.acknowledged_by, again.rev) == ("小李", first.rev)
    assert drill.story(cold).count("accepted") == 1


def test_a_dissatisfied_resident_reopens_the_case_and_is_owed_everything_anew(drill: Drill, cold: Ticket) -> None:
    drill.desk.change_state(cold.id, TicketState.RESOLVED, by="王管家")
    drill.clock.advance(days=1)
    reopened = drill.desk.change_state(cold.id, TicketState.ACKNOWLEDGED, by="小李", reason="还是不热")
    assert reopened.is_open
    clocks = drill.clocks(cold)
    assert clocks["callback_after_repair"].state is ClockState.VOID
    assert clocks["repair_done"].state is ClockState.RUNNING
    assert clocks["repair_done"].started_at == drill.clock.now()
    drill.desk.change_state(cold.id, TicketState.RESOLVED, by="王管家")
    assert drill.clocks(cold)["callback_after_repair"].state is ClockState.RUNNING


def test_a_cancelled_case_owes_nothing_but_what_was_broken_stays_broken(drill: Drill, cold: Ticket) -> None:
    drill.clock.advance(hours=1)
    drill.desk.change_state(cold.id, TicketState.CANCELLED, by="小李", reason="重复")
    assert states(drill, cold) == {
        "repair_contact": ClockState.BROKEN,
        "repair_on_site": ClockState.VOID,
        "repair_done": ClockState.VOID,
    }


def test_impossible_steps_are_refused_and_the_present_state_is_no_step(drill: Drill, cold: Ticket) -> None:
    with pytest.raises(Conflict, match="cannot become closed"):
        drill.desk.change_state(cold.id, TicketState.CLOSED, by="小李")
    assert drill.desk.change_state(cold.id, TicketState.NEW, by="小李").rev == cold.rev
    assert drill.story(cold) == ["opened"]


def test_whoever_is_on_site_has_taken_the_emergency(drill: Drill) -> None:
    leak = drill.open()
    taken = drill.desk.change_state(leak.id, TicketState.ON_SITE, by="王管家")
    assert (taken.acknowledged_by, taken.acknowledged_at) == ("王管家", drill.clock.now())
    assert set(states(drill, leak).values()) == {ClockState.KEPT}


def test_by_the_state_menu_an_emergency_is_acknowledged_like_by_the_button(drill: Drill) -> None:
    leak = drill.open()
    taken = drill.desk.change_state(leak.id, TicketState.ACKNOWLEDGED, by="小李")
    assert (taken.acknowledged_by, states(drill, leak)["emergency_acknowledged"]) == ("小李", ClockState.KEPT)


def test_being_contacted_is_not_being_acknowledged(drill: Drill) -> None:
    leak = drill.open()
    assert drill.desk.contacted(leak.id, by="小李").needs_acknowledgement
    assert states(drill, leak)["leak_contact"] is ClockState.KEPT
    assert states(drill, leak)["emergency_acknowledged"] is ClockState.RUNNING


def test_assigning_acknowledges_nothing_and_is_told_once(drill: Drill) -> None:
    leak = drill.open()
    drill.desk.assign(leak.id, DEPUTY, by="小李")
    assigned = drill.desk.assign(leak.id, DEPUTY, by="小李")
    assert (assigned.assignee_id, assigned.needs_acknowledgement) == (DEPUTY, True)
    assert drill.story(leak).count("assigned") == 1
    with pytest.raises(NotFound):
        drill.desk.assign(leak.id, 99, by="小李")


def test_notes_are_kept_as_written_and_refused_when_empty_or_endless(drill: Drill, cold: Ticket) -> None:
    drill.desk.note(cold.id, "  <b>下午三点后在家</b> ", by="小李")
    entry = drill.store.tables.timeline[-1]
    assert (entry.actor, entry.params) == ("小李", {"text": "<b>下午三点后在家</b>"})
    for text in ("", "   ", "长" * 2001):
        with pytest.raises(BadInput):
            drill.desk.note(cold.id, text, by="小李")


def test_a_nudge_is_counted_and_told(drill: Drill, cold: Ticket) -> None:
    drill.desk.nudge(cold.id, by="resident")
    assert drill.desk.nudge(cold.id, by="resident").nudges == 2
    assert drill.store.tables.timeline[-1].params == {"count": 2}
    assert drill.story(cold) == ["opened", "nudged", "nudged"]


def test_a_connection_runs_through_its_stages_and_building_time_is_not_counted(drill: Drill) -> None:
    ticket = drill.open("new_connection_building")
    drill.desk.acknowledge(ticket.id, by="小李")
    assert states(drill, ticket) == {"building_accepted": ClockState.KEPT, "building_surveyed": ClockState.RUNNING}
    drill.desk.milestone(ticket.id, ClockEvent.SURVEYED, by="小李")
    drill.clock.advance(days=200)
    drill.desk.milestone(ticket.id, ClockEvent.BUILT, by="小李")
    drill.desk.milestone(ticket.id, ClockEvent.INSPECTED, by="小李")
    assert states(drill, ticket) == {
        "building_accepted": ClockState.KEPT,
        "building_surveyed": ClockState.KEPT,
        "building_inspected": ClockState.KEPT,
        "building_opened": ClockState.RUNNING,
    }
    assert drill.story(ticket).count("milestone") == 3
    with pytest.raises(BadInput):
        drill.desk.milestone(ticket.id, ClockEvent.RESOLVED, by="小李")


def test_what_is_learned_at_the_console_moves_the_ladder_too(drill: Drill) -> None:
    leak = drill.open()
    drill.run()
    drill.desk.learn(leak.id, Learned(address=LAKE, actor="小李"))
    drill.run()
    assert drill.rung(leak) == [BUTLER, DEPUTY]


def test_an_unknown_ticket_is_not_found(drill: Drill) -> None:
    with pytest.raises(NotFound):
        drill.desk.acknowledge(404, by="小李")


# --- warnings and breaches


def test_a_breach_is_told_before_and_when_it_happens(drill: Drill, cold: Ticket) -> None:
    drill.run_for(minutes=20)
    assert drill.story(cold) == ["opened"]
    drill.run_for(minutes=2)
    assert drill.story(cold) == ["opened", "clock_warning"]
    warning = drill.store.tables.timeline[-1].params
    assert warning == {"title": "联系用户并约定时间", "clause": "B6", "due_by": "11-22 10:30"}
    drill.run_for(minutes=9)
    assert drill.story(cold) == ["opened", "clock_warning", "clock_breached", "rerouted"], "nobody had accepted it"
    clock = drill.clocks(cold)["repair_contact"]
    assert (clock.state, clock.breached_at) == (ClockState.RUNNING, clock.due_by)
    drill.desk.contacted(cold.id, by="王管家")
    assert states(drill, cold)["repair_contact"] is ClockState.BROKEN


def test_an_outage_whose_reason_is_not_told_in_time_goes_on_as_a_complaint(drill: Drill) -> None:
    """F18: once, with everything that is known; the outage keeps its own course."""
    outage = drill.open("outage", contact_name="陈静", conversation_id=None)
    drill.run_for(hours=2, minutes=59)
    assert [t.kind for t in drill.store.tables.tickets.values()] == ["outage"]
    drill.run_for(hours=2)
    first, complaint = drill.store.tables.tickets.values()
    assert (first.id, complaint.kind) == (outage.id, "complaint")
    assert (complaint.address, complaint.contact_name, complaint.symptom) == (outage.address, "陈静", outage.symptom)
    assert complaint.details["from_ticket"] == outage.number
    assert {"complaint_contact", "complaint_answered"} <= drill.clocks(complaint).keys()
    assert "goes_on_as" in drill.story(outage)
    assert drill.ticket(outage).is_open
    drill.desk.change_state(outage.id, TicketState.RESOLVED, by="王管家")
    drill.desk.change_state(outage.id, TicketState.ACKNOWLEDGED, by="小李")
    drill.run_for(hours=5)
    assert len(drill.store.tables.tickets) == 2, "reopened, it is the same complaint"


def test_told_in_time_there_is_nothing_to_complain_about(drill: Drill) -> None:
    outage = drill.open("outage")
    drill.desk.milestone(outage.id, ClockEvent.ANSWERED, by="小李")
    drill.run_for(hours=5)
    assert len(drill.store.tables.tickets) == 1


def test_a_home_of_an_incident_is_told_with_the_others(drill: Drill) -> None:
    outage = drill.open("outage")
    with drill.store.write() as tx:
        here = Extent(frozenset({1}), None, frozenset(), "")
        incident = tx.add_incident(
            Incident(0, "no_heat", IncidentState.RUNNING, here, drill.clock.now(), drill.clock.now())
        )
        assert incident is not None
        assert tx.attach(Attachment(incident.id, outage.id, drill.clock.now(), "周主管"))
    drill.run_for(hours=5)
    assert len(drill.store.tables.tickets) == 1


def test_a_clock_that_was_kept_tells_nothing(drill: Drill, cold: Ticket) -> None:
    drill.desk.contacted(cold.id, by="王管家")
    drill.run_for(hours=1)
    assert drill.story(cold) == ["opened", "contacted"]


def test_a_clock_that_was_re_planned_tells_only_at_its_new_time(drill: Drill) -> None:
    leak = drill.open("leak_street")
    drill.desk.acknowledge(leak.id, by="王管家")
    drill.desk.learn(leak.id, Learned(details={"severity": "major"}))
    drill.run_for(hours=13)
    assert [k for k in drill.story(leak) if k.startswith("clock_")] == []
    drill.run_for(hours=8)
    assert [k for k in drill.story(leak) if k.startswith("clock_")] == ["clock_warning", "clock_breached"]


def test_a_clock_with_a_later_revision_has_tasks_of_its_own(drill: Drill, cold: Ticket) -> None:
    clock = drill.clocks(cold)["repair_contact"]
    with drill.store.write() as tx:
        tx.save_clock(replace(clock, due_by=clock.due_by + timedelta(days=1), rev=2))
    drill.run_for(hours=1)
    assert drill.story(cold) == ["opened"]


def test_what_the_tables_have_dropped_since_does_not_keep_an_old_ticket_from_being_accepted(drill: Drill) -> None:
    leak = drill.open()
    with drill.store.write() as tx:
        tx.save_ticket(replace(tx.ticket(leak.id), kind="dropped_kind"))
        tx.save_clock(replace(drill.clocks(leak)["leak_contact"], rule="dropped_rule"))
    drill.run_for(minutes=20)
    assert drill.rung(leak)[0] == BUTLER
    drill.desk.acknowledge(leak.id, by="小李")
    drill.desk.change_state(leak.id, TicketState.RESOLVED, by="小李")
    assert states(drill, leak)["dropped_rule"] is ClockState.BROKEN
    assert ClockState.RUNNING not in states(drill, leak).values()
