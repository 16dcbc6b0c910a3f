"""A temperature test gets a slot of its butler's day: once, told to the resident, reminded of, freed when it is over."""

from datetime import timedelta

import pytest

from fulfillment.appointments import Appointments, SlotTaken, free_slots
from fulfillment.outbox import TaskKind
from fulfillment.ticket import ClockState, Ticket, TicketState
from kernel.clock import local
from kernel.errors import BadInput
from tests.fakes import DEPUTY
from tests.fulfillment.drill import GARDEN, Drill, standard

RULES = standard().visit.appointments


class Office:
    def __init__(self) -> None:
        self.drill = Drill()
        self.desk = Appointments(self.drill.store, standard(), self.drill.clock)
        self.first = self.drill.open("temperature_test", GARDEN, household_id=1)
        self.second = self.drill.open("temperature_test", household_id=2)
        self.slots = list(RULES.slots(self.drill.clock.now()))

    def free(self, ticket: Ticket) -> list[str]:
        with self.drill.store.read() as tx:
            found = free_slots(tx, tx.ticket(ticket.id), RULES, self.drill.clock.now())
        return [f"{local(slot):%d %H:%M}" for slot in found]

    def words(self) -> list[tuple[str, timedelta]]:
        rows = [r.task for r in self.drill.store.tables.tasks.values() if r.task.kind is TaskKind.TELL_RESIDENT]
        return [(row.payload["word"], row.due_at - self.drill.clock.now()) for row in rows]


@pytest.fixture
def office() -> Office:
    return Office()


def test_slots_keep_the_hours_the_break_and_the_days(office: Office) -> None:
    """10:00 on the 22nd: the next hour is free, 12 to 14 is the break, nothing reaches beyond 18:00 or the fifth day."""
    free = office.free(office.first)
    assert free[:6] == ["22 11:00", "22 14:00", "22 15:00", "22 16:00", "22 17:00", "23 09:00"]
    assert free[-1] == "26 17:00"


def test_a_slot_is_one_case_s_and_the_second_is_told_so(office: Office) -> None:
    slot = office.slots[2]
    for _ in range(2):
        office.desk.book(office.first.id, slot, by="小李")
    with pytest.raises(SlotTaken):
        office.desk.book(office.second.id, slot, by="小王")
    assert "22 15:00" not in office.free(office.second)
    ticket = office.drill.ticket(office.first)
    assert ticket.details["visit_time"] == "11-22 15:00"
    assert office.drill.clocks(ticket)["test_contact"].state is ClockState.KEPT
    assert office.drill.story(ticket).count("appointed") == 1
    assert office.words() == [("appointed", timedelta(0)), ("reminder", timedelta(hours=4))]


def test_another_time_gives_the_first_one_back(office: Office) -> None:
    office.desk.book(office.first.id, office.slots[2], by="小李")
    office.desk.book(office.first.id, office.slots[3], by="小李")
    assert "22 15:00" in office.free(office.second)
    assert "22 16:00" not in office.free(office.second)


def test_what_is_taken_leaves_the_own_time_untouched(office: Office) -> None:
    office.desk.book(office.first.id, office.slots[2], by="小李")
    office.desk.book(office.second.id, office.slots[3], by="小李")
    with pytest.raises(SlotTaken):
        office.desk.book(office.second.id, office.slots[2], by="小李")
    assert "22 16:00" not in office.free(office.first)


@pytest.mark.parametrize("end", [TicketState.CANCELLED, TicketState.RESOLVED])
def test_a_case_that_is_over_frees_its_time(office: Office, end: TicketState) -> None:
    office.desk.book(office.first.id, office.slots[2], by="小李")
    office.drill.desk.change_state(office.first.id, end, by="小李", reason="不测了")
    assert "22 15:00" in office.free(office.second)


def test_a_time_is_one_persons(office: Office) -> None:
    office.desk.book(office.first.id, office.slots[2], by="小李")
    office.drill.desk.assign(office.second.id, DEPUTY, by="小李")
    assert "22 15:00" in office.free(office.second)


def test_times_and_cases_that_get_none(office: Office) -> None:
    repair = office.drill.open("cold_room", household_id=1)
    assert office.free(repair) == []
    with pytest.raises(BadInput):
        office.desk.book(repair.id, office.slots[2], by="小李")
    for wrong in (office.slots[2] + timedelta(minutes=10), office.slots[0] - timedelta(days=1)):
        with pytest.raises(BadInput):
            office.desk.book(office.first.id, wrong, by="小李")
