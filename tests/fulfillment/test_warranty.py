"""The same fault of the same home within half a year comes back free (H5); another home, part or year does not."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from fulfillment.ticket import Address, Ticket, TicketState
from fulfillment.warranty import Warranty, warranty_of
from tests.fulfillment.drill import LAKE, Drill, standard

RULES = standard().visit.warranty


@pytest.fixture
def drill() -> Drill:
    return Drill()


def repaired(drill: Drill, kind: str = "cold_room", **known: object) -> Ticket:
    ticket = drill.open(kind, **({"household_id": 1} | known))
    drill.desk.change_state(ticket.id, TicketState.RESOLVED, by="王管家")
    return ticket


def seen(drill: Drill, ticket: Ticket) -> Warranty | None:
    with drill.store.read() as tx:
        return warranty_of(tx, tx.ticket(ticket.id), RULES)


@pytest.mark.parametrize("kind", ["cold_room", "no_heat"])
def test_the_same_fault_within_half_a_year_is_recognised(drill: Drill, kind: str) -> None:
    earlier = repaired(drill)
    at = drill.clock.now()
    drill.clock.advance(days=183)
    warranty = seen(drill, drill.open(kind, household_id=1))
    assert warranty is not None
    assert (warranty.earlier.id, warranty.repaired_at, warranty.clause) == (earlier.id, at, "H5")
    assert warranty.until - at == timedelta(days=183)


def test_the_latest_repair_counts_and_it_counts_from_its_end(drill: Drill) -> None:
    slow = drill.open("cold_room", household_id=1)
    drill.clock.advance(days=20)
    drill.desk.change_state(slow.id, TicketState.RESOLVED, by="王管家")
    drill.clock.advance(days=170)
    second = drill.open("cold_room", household_id=1)
    assert seen(drill, second) is not None, "190 days after it was reported"
    drill.desk.change_state(second.id, TicketState.RESOLVED, by="王管家")
    drill.clock.advance(days=30)
    warranty = seen(drill, drill.open("cold_room", household_id=1))
    assert warranty is not None
    assert warranty.earlier.id == second.id


def _too_late(drill: Drill) -> Ticket:
    repaired(drill)
    drill.clock.advance(days=183, seconds=1)
    return drill.open("cold_room", household_id=1)


def _another_home(drill: Drill) -> Ticket:
    repaired(drill)
    return drill.open("cold_room", LAKE, household_id=3)


def _another_fault(drill: Drill) -> Ticket:
    repaired(drill)
    return drill.open("valve_damaged", household_id=1)


def _another_part(drill: Drill) -> Ticket:
    repaired(drill, details={"part": "radiator"})
    return drill.open("cold_room", household_id=1, details={"part": "riser"})


def _never_repaired(drill: Drill) -> Ticket:
    ticket = drill.open("cold_room", household_id=1)
    drill.desk.change_state(ticket.id, TicketState.CANCELLED, by="王管家", reason="误报")
    return drill.open("cold_room", household_id=1)


def _no_home(drill: Drill) -> Ticket:
    repaired(drill)
    return drill.open("cold_room", Address(community_id=1))


def _itself(drill: Drill) -> Ticket:
    return repaired(drill)


@pytest.mark.parametrize(
    "case", [_too_late, _another_home, _another_fault, _another_part, _never_repaired, _no_home, _itself]
)
def test_what_is_no_warranty(drill: Drill, case: Callable[[Drill], Ticket]) -> None:
    assert seen(drill, case(drill)) is None
