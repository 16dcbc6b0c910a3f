"""A temperature test from its record to what follows from it (F11, K6): the resident's copy, a repair, a look at the fee."""

from collections.abc import Sequence
from dataclasses import dataclass

from fulfillment.case import Case
from fulfillment.company import Staff
from fulfillment.open_ticket import Learned, TicketRequest, open_ticket
from fulfillment.telling_residents import ResidentWord, promise_word
from fulfillment.visit import Reading, TemperatureRecord
from fulfillment.visit_rules import TemperatureRules
from kernel.clock import local
from kernel.errors import BadInput


@dataclass(frozen=True, slots=True)
class Measured:
    """What the butler typed in."""

    instrument: str
    height_cm: int
    outside: float | None
    readings: Sequence[Reading]


def checked(measured: Measured, rules: TemperatureRules) -> TemperatureRecord:
    """The record, to a tenth of a degree. Raises BadInput: no room, an unknown one, twice the same, no such temperature."""
    rooms = [reading.room for reading in measured.readings]
    if not rooms or len(set(rooms)) < len(rooms) or not set(rooms) <= set(rules.rooms):
        raise BadInput(f"rooms {rooms}")
    degrees = [reading.celsius for reading in measured.readings]
    degrees += [measured.outside] if measured.outside is not None else []
    if not all(rules.lowest <= celsius <= rules.highest for celsius in degrees):
        raise BadInput("no temperature of a home")
    if not 0 < measured.height_cm <= 300 or not 0 < len(measured.instrument) <= 40:  # noqa: PLR2004 - a room's height
        raise BadInput("height or instrument")
    return TemperatureRecord(
        instrument=measured.instrument,
        height_cm=measured.height_cm,
        outside=None if measured.outside is None else round(measured.outside, 1),
        readings=tuple(Reading(reading.room, round(reading.celsius, 1)) for reading in measured.readings),
    )


def conclude(case: Case, record: TemperatureRecord, staff: Staff) -> None:
    """In the transaction that ends the visit: the resident's copy is promised; too cold is a repair and a fee to be reviewed."""
    rules = case.standard.visit.temperature_test
    below = record.coldest < rules.limit_celsius
    promise_word(
        case,
        ResidentWord.TEST_RECORD,
        key=f"test-{case.ticket.id}-{case.ticket.rev}",
        at=f"{local(case.now):%Y-%m-%d %H:%M}",
        readings=[[reading.room, reading.celsius] for reading in record.readings],
        outside=record.outside,
        instrument=record.instrument,
        height=record.height_cm,
        name=staff.name,
        phone=staff.phone,
        limit=f"{rules.limit_celsius:g}",
        below=below,
    )
    if below:
        _repair(case, record, staff)


def _repair(case: Case, record: TemperatureRecord, staff: Staff) -> None:
    """Once: whoever looks at the test later finds the repair, and the other way round."""
    rules, test = case.standard.visit.temperature_test, case.ticket
    coldest = f"{record.coldest:g}"
    symptom = rules.repair_symptom.format(celsius=coldest, limit=f"{rules.limit_celsius:g}")
    known = Learned(
        address=test.address,
        household_id=test.household_id,
        contact_name=test.contact_name,
        contact_phone=test.contact_phone,
        details={"temperature": coldest, "from_test": test.number},
        actor=staff.name,
    )
    request = TicketRequest(rules.repair_kind, symptom, test.conversation_id, known, test.owner_id)
    repair, _new = open_ticket(case.tx, request, standard=case.standard, now=case.now)
    case.tell("test_below", actor=staff.name, celsius=coldest, limit=f"{rules.limit_celsius:g}", number=repair.number)
    case.tell("fee_review", actor=staff.name, rule=rules.fee_review)
    linked = Case(case.tx, repair, standard=case.standard, now=case.now)
    linked.tell("from_test", actor=staff.name, number=test.number, celsius=coldest)
