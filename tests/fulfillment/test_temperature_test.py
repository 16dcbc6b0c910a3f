"""A temperature test from its record to the repair and the resident's copy (F11, K6, B6)."""

from dataclasses import replace

import pytest

from fulfillment.outbox import TaskKind
from fulfillment.temperature_test import Measured, checked
from fulfillment.ticket import ClockState, Ticket, TicketState
from fulfillment.visit import Reading
from fulfillment.visiting import NotYet
from kernel.errors import BadInput
from tests.fulfillment.drill import standard
from tests.fulfillment.test_visiting import Day

RULES = standard().visit.temperature_test
WARM = Measured("CW-07", 140, -6.04, [Reading("客厅", 21.0), Reading("主卧", 18.0)])
COLD = replace(WARM, readings=[Reading("客厅", 18.4), Reading("主卧", 16.52)])


@pytest.fixture
def day() -> Day:
    day = Day("temperature_test")
    day.visits.arrive(day.id, day.butler, "")
    return day


def others(day: Day) -> list[Ticket]:
    return [t for t in day.drill.store.tables.tickets.values() if t.id != day.id]


def test_a_warm_home_gets_its_copy_and_nothing_else(day: Day) -> None:
    for _ in range(2):
        day.visits.measure(day.id, day.butler, WARM)
    day.visits.finish(day.id, day.butler, "")
    assert day.told("test_measured") == 1
    assert day.ticket.state is TicketState.RESOLVED
    assert others(day) == [], "18.0 is not below 18"
    [copy] = [r.task for r in day.drill.store.tables.tasks.values() if r.task.kind is TaskKind.TELL_RESIDENT]
    assert copy.payload["params"]["readings"] == [["客厅", 21.0], ["主卧", 18.0]]
    assert copy.payload["params"]["outside"] == -6.0, "to a tenth of a degree"
    assert copy.payload["params"]["below"] is False


def test_a_cold_room_becomes_a_repair_that_is_linked_both_ways(day: Day) -> None:
    day.visits.measure(day.id, day.butler, COLD)
    for _ in range(2):
        day.visits.finish(day.id, day.butler, "")
    [repair] = others(day)
    assert (repair.kind, repair.household_id, repair.details["temperature"]) == ("cold_room", 1, "16.5")
    assert repair.details["from_test"] == day.ticket.number
    assert repair.symptom == "测温最低16.5℃,低于18℃"
    assert day.drill.clocks(repair)["repair_on_site"].state is ClockState.RUNNING
    assert day.told("test_below") == day.told("fee_review") == 1
    assert day.drill.story(repair).count("from_test") == 1


def test_a_home_whose_cold_room_is_known_keeps_one_repair(day: Day) -> None:
    known = day.drill.open("cold_room", household_id=1)
    day.visits.measure(day.id, day.butler, COLD)
    day.visits.finish(day.id, day.butler, "")
    assert [t.id for t in others(day)] == [known.id]
    assert day.drill.ticket(known).details["temperature"] == "16.5"


def test_a_test_without_a_record_is_not_done(day: Day) -> None:
    with pytest.raises(NotYet):
        day.visits.finish(day.id, day.butler, "测过了")
    assert day.ticket.state is TicketState.ON_SITE


@pytest.mark.parametrize(
    "wrong",
    [
        replace(WARM, readings=[]),
        replace(WARM, readings=[Reading("客厅", 20), Reading("客厅", 21)]),
        replace(WARM, readings=[Reading("车库", 20)]),
        replace(WARM, readings=[Reading("客厅", 46)]),
        replace(WARM, outside=-31.0),
        replace(WARM, instrument=""),
        replace(WARM, height_cm=0),
    ],
)
def test_what_is_no_record_is_refused(wrong: Measured) -> None:
    with pytest.raises(BadInput):
        checked(wrong, RULES)


def test_who_is_late_tells_it_once_and_before_he_is_there() -> None:
    day = Day()
    for _ in range(2):
        day.visits.be_late(day.id, day.butler, 30)
    assert day.told("visit_late") == 1
    day.drill.clock.advance(minutes=31)
    day.visits.be_late(day.id, day.butler, 30)
    words = [r.task for r in day.drill.store.tables.tasks.values() if r.task.kind is TaskKind.TELL_RESIDENT]
    assert [w.payload["params"]["minutes"] for w in words] == [30, 30], "another half hour is told anew"
    with pytest.raises(BadInput):
        day.visits.be_late(day.id, day.butler, 7)
