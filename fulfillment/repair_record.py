"""The resident's copy of a repair's record (K6, N14): what was done, from when to when, by whom, and his telephone."""

from fulfillment.case import Case
from fulfillment.company import Staff
from fulfillment.telling_residents import ResidentWord, promise_word
from fulfillment.visit import Visit
from kernel.clock import local

#: Of what was found and what was done: the whole is on the ticket.
_LONGEST = 120


def promise_copy(case: Case, visit: Visit, staff: Staff, *, signed: bool) -> None:
    """In the transaction that ends the visit. Only of a home: what leaks in the street is nobody's record."""
    if case.ticket.household_id is None and not case.ticket.address.room:
        return
    began = visit.arrived_at or visit.opened_at
    promise_word(
        case,
        ResidentWord.REPAIR_RECORD,
        key=f"repair-{visit.id}",
        began=f"{local(began):%Y-%m-%d %H:%M}",
        ended=f"{local(case.now):%H:%M}"
        if local(began).date() == local(case.now).date()
        else f"{local(case.now):%m-%d %H:%M}",
        found=visit.found[:_LONGEST],
        done=visit.done[:_LONGEST],
        materials=[
            [part.name, part.count, f"{part.price_fen / 100:.2f}" if part.price_fen else ""] for part in visit.materials
        ],
        name=staff.name,
        phone=staff.phone,
        signed=signed,
    )
