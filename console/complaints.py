"""What a complaint came to, in writing (J2): verified, put right, answered, assessed; and the sheet that is signed and filed."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from console.board import read_ticket_page
from console.gate import allow, me
from console.looks import on_record
from console.ports import Rooms
from fulfillment.company import OperatorRole
from fulfillment.look import LookedAt
from fulfillment.open_ticket import Learned
from fulfillment.ticket import Ticket
from kernel.clock import local
from kernel.errors import BadInput

CATEGORY = "complaint"
#: Details of the ticket, in the order of the sheet. A serious complaint is in writing when it has the first three.
VERIFIED, PUT_RIGHT, ANSWERED, ASSESSED = WRITTEN = ("verified", "put_right", "answered", "assessed")
_SERIOUS = "serious"
_LONGEST_TEXT = 1000


def is_serious(ticket: Ticket) -> bool:
    return ticket.details.get(_SERIOUS) == "yes"


def lacks_writing(ticket: Ticket) -> bool:
    """A serious complaint of which it does not stand in writing what was found, put right and answered."""
    return is_serious(ticket) and not all(ticket.details.get(name) for name in (VERIFIED, PUT_RIGHT, ANSWERED))


def add_routes(blueprint: Blueprint, rooms: Rooms) -> None:
    """/tickets/<id>/complaint: the sheet, and what a supervisor writes on it."""

    @blueprint.get("/tickets/<int:ticket_id>/complaint")
    @allow(OperatorRole.OPERATOR)
    def complaint_sheet(ticket_id: int) -> ResponseReturnValue:
        """To be signed and filed, with the full number: it is on record who had it (N17)."""
        page = read_ticket_page(rooms, ticket_id)
        _demand_complaint(rooms, page.row.ticket)
        on_record(rooms, LookedAt.SHEET, f"ticket:{ticket_id}")
        now = f"{local(rooms.clock.now()):%Y-%m-%d %H:%M}"
        company = rooms.book.company
        return render_template(
            "console/complaint.html", page=page, row=page.row, written=WRITTEN, now=now, company=company
        )

    @blueprint.post("/tickets/<int:ticket_id>/complaint")
    @allow(OperatorRole.SUPERVISOR)
    def write_complaint(ticket_id: int) -> ResponseReturnValue:
        """The last word stands; what is left empty is not known yet, and who wrote when is on the timeline."""
        with rooms.store.read() as tx:
            _demand_complaint(rooms, tx.ticket(ticket_id))
        details = {name: _words(name) for name in WRITTEN}
        details[_SERIOUS] = "yes" if _SERIOUS in request.form else ""
        rooms.desk.learn(ticket_id, Learned(details=details, actor=me().name))
        flash("complaint_written", "good")
        return redirect(url_for("console.ticket", ticket_id=ticket_id), 303)


def is_complaint(rooms: Rooms, kind: str) -> bool:
    """A complaint or a suggestion; not what the tables have dropped."""
    known = rooms.standard.kinds.get(kind)
    return known is not None and known.category == CATEGORY


def _demand_complaint(rooms: Rooms, ticket: Ticket) -> None:
    if not is_complaint(rooms, ticket.kind):
        raise BadInput(f"ticket {ticket.number} is no complaint")


def _words(name: str) -> str:
    text = " ".join(request.form.get(name, "").split())
    if len(text) > _LONGEST_TEXT:
        raise BadInput(f"{name} has at most {_LONGEST_TEXT} characters, this one {len(text)}")
    return text
