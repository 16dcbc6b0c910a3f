"""A matter becomes a ticket; the same matter does not become two."""

from dataclasses import replace

import pytest

from fulfillment.outbox import TaskKind
from fulfillment.ticket import Address, ClockState, TicketState
from kernel.errors import NotFound
from tests.fakes import BUTLER, DEPUTY
from tests.fulfillment.drill import GARDEN, LAKE, Drill


@pytest.fixture
def drill() -> Drill:
    return Drill()


def test_a_leak_is_ticket_clocks_timeline_and_first_step_in_one_commit(drill: Drill) -> None:
    commits = drill.store.commits
    ticket = drill.open()
    assert drill.store.commits == commits + 1
    assert (ticket.number, ticket.emergency, ticket.assignee_id) == ("1122-0001", True, BUTLER)
    assert drill.clocks(ticket).keys() == {"emergency_acknowledged", "leak_contact", "leak_on_site"}
    kinds = [row.task.kind for row in drill.store.tables.tasks.values()]
    assert kinds.count(TaskKind.WARN_CLOCK) == kinds.count(TaskKind.BREACH_CLOCK) == 3
    forward = drill.store.tables.tasks[f"forward-{ticket.id}-1"].task
    assert forward.due_at == drill.clock.now()
    assert drill.story(ticket) == ["opened"]


def test_nothing_is_left_of_a_ticket_whose_transaction_fails(drill: Drill) -> None:
    with pytest.raises(NotFound, match="community 99"):
        drill.open(address=Address(community_id=99))
    tables = drill.store.tables
    assert (tables.tickets, tables.clocks, tables.tasks) == ({}, {}, {})


def test_an_unknown_kind_is_refused(drill: Drill) -> None:
    with pytest.raises(NotFound, match="volcano"):
        drill.open("volcano")


def test_a_cold_room_is_not_an_emergency_but_has_its_clocks(drill: Drill) -> None:
    ticket = drill.open("cold_room")
    assert not ticket.needs_acknowledgement
    assert drill.clocks(ticket).keys() == {"repair_contact", "repair_on_site", "repair_done"}
    assert TaskKind.FORWARD_EMERGENCY not in {row.task.kind for row in drill.store.tables.tasks.values()}


def test_a_known_home_brings_address_contact_and_marks_who_comes_first(drill: Drill) -> None:
    ticket = drill.open(address=Address(), household_id=2)
    assert ticket.address == Address(1, "3", "2", "502")
    assert (ticket.contact_name, ticket.contact_phone) == ("孙奶奶", "+8613800000002")
    assert ticket.details["vulnerable"] == "yes"
    assert drill.story(ticket) == ["opened", "vulnerable_household"]


def test_what_the_resident_says_wins_over_the_records(drill: Drill) -> None:
    ticket = drill.open(address=LAKE, household_id=1, contact_name="陈先生")
    assert ticket.address == LAKE
    assert (ticket.contact_name, ticket.contact_phone) == ("陈先生", "+8613800000001")


def test_the_same_matter_is_nudged_and_learns_what_is_new(drill: Drill) -> None:
    first = drill.open(household_id=1, conversation_id="a")
    again = drill.open(household_id=1, conversation_id="b", details={"part": "radiator"})
    assert again.id == first.id
    assert (again.nudges, again.details["part"]) == (1, "radiator")
    assert drill.story(first) == ["opened", "details_learned", "nudged"]
    assert len(drill.clocks(first)) == 3


def test_another_home_another_kind_or_a_closed_case_is_a_new_ticket(drill: Drill) -> None:
    first = drill.open(household_id=1, conversation_id="a")
    assert drill.open(address=LAKE, household_id=3, conversation_id="a").id != first.id
    assert drill.open("cold_room", household_id=1, conversation_id="a").id != first.id
    drill.desk.change_state(first.id, to=TicketState.RESOLVED, by="小李")
    assert drill.open(household_id=1, conversation_id="a").id != first.id


WHOLE = Address(1, "9", "1", "901")
CALLER = "+8613900000077"


@pytest.mark.parametrize(
    ("told", "then", "minutes", "one"),
    [
        (Address(), WHOLE, 1, True),
        (Address(community_id=1), WHOLE, 9, True),
        (Address(text="湖边"), Address(), 1, True),
        (WHOLE, WHOLE, 1, True),
        (WHOLE, replace(WHOLE, text="九号楼"), 99, True),
        (Address(community_id=1), WHOLE, 11, False),  # another day's leak, for all we know
        (WHOLE, Address(), 1, False),  # the second home of a gatekeeper, for all we know
        (WHOLE, Address(1, "9", "1", "902"), 1, False),
        (Address(1, "9"), Address(1, "10"), 1, False),
        (Address(community_id=1), LAKE, 1, False),
    ],
)
def test_who_was_cut_off_and_rings_again_has_one_alarm(
    drill: Drill, told: Address, then: Address, minutes: int, one: bool
) -> None:
    first = drill.open(address=told, conversation_id="a", contact_phone=CALLER)
    drill.clock.advance(minutes=minutes)
    again = drill.open(address=then, conversation_id="b", contact_phone=CALLER)
    assert (again.id == first.id) is one
    if one:
        assert replace(again.address, text="") == replace(then if then.room else told, text="")
        assert again.nudges == 1
    other = drill.open(address=Address(), conversation_id="c", contact_phone="+8613900000078")
    assert other.id not in (first.id, again.id), "another number is another resident"


def test_a_cold_room_is_not_taken_for_another_of_the_same_number(drill: Drill) -> None:
    first = drill.open("cold_room", address=Address(), conversation_id="a", contact_phone=CALLER)
    assert drill.open("cold_room", address=WHOLE, conversation_id="b", contact_phone=CALLER).id != first.id


def test_the_same_conversation_without_a_home_is_the_same_matter(drill: Drill) -> None:
    first = drill.open(address=Address(), conversation_id="a")
    assert drill.open(address=GARDEN, conversation_id="a").id == first.id


def test_every_question_is_a_matter_of_its_own(drill: Drill) -> None:
    first = drill.open("question", conversation_id="a")
    assert drill.open("question", conversation_id="a").id != first.id


def test_the_butler_of_a_ticket_follows_its_address_until_somebody_has_it(drill: Drill) -> None:
    ticket = drill.open("cold_room", address=Address())
    assert ticket.assignee_id is None
    assert drill.learn(ticket, address=GARDEN).assignee_id == BUTLER
    assert drill.learn(ticket, address=LAKE).assignee_id == DEPUTY
    drill.desk.acknowledge(ticket.id, by="李管家", staff_id=DEPUTY)
    assert drill.learn(ticket, address=GARDEN).assignee_id == DEPUTY
    assert drill.story(ticket).count("address_learned") == 3


def test_learning_nothing_new_writes_nothing(drill: Drill) -> None:
    ticket = drill.open()
    assert drill.learn(ticket, address=GARDEN) == ticket
    assert drill.story(ticket) == ["opened"]


def test_a_late_home_does_not_overwrite_what_was_said(drill: Drill) -> None:
    ticket = drill.open(address=Address(), contact_name="陈先生", contact_phone="+8613899999999")
    learned = drill.learn(ticket, household_id=1)
    assert (learned.contact_name, learned.contact_phone) == ("陈先生", "+8613899999999")
    assert learned.address == GARDEN


def test_a_burst_that_turns_out_to_be_major_gets_the_longer_clock(drill: Drill) -> None:
    ticket = drill.open("leak_street")
    assert "burst_repaired" in drill.clocks(ticket)
    drill.clock.advance(hours=1)
    drill.learn(ticket, details={"severity": "major"})
    clocks = drill.clocks(ticket)
    assert clocks["burst_repaired"].state is ClockState.VOID
    major = clocks["burst_repaired_major"]
    assert (major.state, major.started_at) == (ClockState.RUNNING, ticket.opened_at)


def test_two_people_who_report_the_same_door_report_one_matter(drill: Drill) -> None:
    first = drill.open(address=GARDEN, conversation_id="a", contact_phone="+8613811111111")
    assert first.household_id == 1
    again = drill.open(address=Address(1, "3", "", "501"), conversation_id="b", contact_phone="+8613822222222")
    assert (again.id, again.nudges) == (first.id, 1)


def test_an_address_that_fits_several_homes_names_none(drill: Drill) -> None:
    assert drill.open(address=Address(1, "3", "2")).household_id is None
    assert drill.open(address=Address(1, "3", "2", "999")).household_id is None


def test_a_corrected_address_is_another_home(drill: Drill) -> None:
    ticket = drill.open(address=GARDEN)
    assert drill.learn(ticket, address=LAKE).household_id == 3
    assert drill.learn(ticket, address=Address(2, "9", "9", "909")).household_id is None
