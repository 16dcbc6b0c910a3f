"""One ticket, and what a person does to it."""

from collections.abc import Callable
from datetime import date
from functools import partial

from flask import Blueprint, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from console.board import read_ticket_page
from console.complaints import WRITTEN, is_complaint, lacks_writing
from console.gate import allow, me
from console.looks import on_record
from console.photographs import is_preview
from console.ports import Rooms
from fulfillment.appointment import slot_of
from fulfillment.appointments import SlotTaken
from fulfillment.clocks import ClockEvent
from fulfillment.company import OperatorRole
from fulfillment.desk import MILESTONES
from fulfillment.look import LookedAt
from fulfillment.open_ticket import Learned
from fulfillment.ticket import NEXT_STATES, OPEN_STATES, TicketState
from kernel.clock import local
from kernel.errors import BadInput

_LONGEST_TEXT = 2000


def add_routes(blueprint: Blueprint, rooms: Rooms) -> None:
    """/tickets/<id>, /tickets/<id>/<action>."""
    actions = _Actions(rooms).by_name

    @blueprint.get("/tickets/<int:ticket_id>")
    @allow(OperatorRole.OPERATOR)
    def ticket(ticket_id: int) -> ResponseReturnValue:
        page = _page(rooms, ticket_id)
        on_record(rooms, LookedAt.TICKET, f"ticket:{ticket_id}")
        return render_template("console/ticket.html", **page)

    @blueprint.get("/tickets/<int:ticket_id>/<any(steps, facts):part>")
    @allow(OperatorRole.OPERATOR)
    def ticket_part(ticket_id: int, part: str) -> ResponseReturnValue:
        return render_template(f"console/parts/ticket_{part}.html", **_page(rooms, ticket_id))

    @blueprint.get("/tickets/<int:ticket_id>/sheet")
    @allow(OperatorRole.OPERATOR)
    def ticket_sheet(ticket_id: int) -> ResponseReturnValue:
        """To be printed: whoever goes there needs the full number, so that it is on record who had it (N17)."""
        page = _page(rooms, ticket_id)
        on_record(rooms, LookedAt.SHEET, f"ticket:{ticket_id}")
        return render_template(
            "console/sheet.html",
            **page,
            at_the_door=rooms.book.say("work_order.at_the_door").chat,
            before_a_visit=rooms.book.say("work_order.before_a_visit").chat,
            now=f"{local(rooms.clock.now()):%Y-%m-%d %H:%M}",
        )

    @blueprint.get("/tickets/<int:ticket_id>/pictures/<picture_id>")
    @allow(OperatorRole.OPERATOR)
    def visit_picture(ticket_id: int, picture_id: str) -> ResponseReturnValue:
        """What a butler photographed in a home, or its resident signed: who looked is on record (N17)."""
        path = rooms.visit_pictures.file(ticket_id, picture_id, small=is_preview())
        if not is_preview():
            on_record(rooms, LookedAt.PICTURE, f"ticket:{ticket_id}", picture=picture_id)
        return send_file(path, mimetype="image/jpeg", max_age=0)

    @blueprint.post("/tickets/<int:ticket_id>/<action>")
    @allow(OperatorRole.OPERATOR)
    def act(ticket_id: int, action: str) -> ResponseReturnValue:
        if action not in actions:
            raise BadInput(f"no action {action[:20]}")
        told = actions[action](ticket_id, me().name)
        flash(told, "bad" if told == "slot_taken" else "good")
        return redirect(url_for("console.ticket", ticket_id=ticket_id), 303)


def _page(rooms: Rooms, ticket_id: int) -> dict[str, object]:
    page = read_ticket_page(rooms, ticket_id)
    state = page.row.ticket.state
    awaited = {clock.stops for clock in page.row.running}
    return {
        "page": page,
        "visit_rules": rooms.standard.visit,
        "row": page.row,
        "next_states": NEXT_STATES[state],
        "is_open": state in OPEN_STATES,
        "can_be_transferred": _can_be_transferred(rooms, page.row.ticket.kind),
        "is_complaint": is_complaint(rooms, page.row.ticket.kind),
        "lacks_writing": lacks_writing(page.row.ticket),
        "written": WRITTEN,
        "milestones": sorted((MILESTONES - {ClockEvent.CONTACTED}) & awaited),
    }


class _Actions:
    """Each takes the ticket and the name of who acts, and returns the key of what to tell."""

    def __init__(self, rooms: Rooms) -> None:
        self._store = rooms.store
        self._desk = rooms.desk
        self._appointments = rooms.appointments
        self.by_name: dict[str, Callable[[int, str], str]] = {
            "acknowledge": self._acknowledge,
            "contacted": self._contacted,
            "informed": self._informed,
            "milestone": self._milestone,
            "on-site": partial(self._step, TicketState.ON_SITE),
            "resolve": partial(self._step, TicketState.RESOLVED),
            "close": partial(self._step, TicketState.CLOSED),
            "reopen": partial(self._step, TicketState.ACKNOWLEDGED),
            "cancel": self._cancel,
            "assign": self._assign,
            "appointment": self._appoint,
            "note": self._note,
            "nudge": self._nudge,
            "undo-nudge": self._undo_nudge,
            "merge": self._merge,
            "split": self._split,
            "transferred": self._transferred,
        }

    def _acknowledge(self, ticket_id: int, by: str) -> str:
        ticket = self._desk.acknowledge(ticket_id, by=by)
        return "acknowledged" if ticket.acknowledged_by == by else f"acknowledged_by:{ticket.acknowledged_by}"

    def _contacted(self, ticket_id: int, by: str) -> str:
        self._desk.contacted(ticket_id, by=by)
        return "contacted"

    def _informed(self, ticket_id: int, by: str) -> str:
        self._desk.informed(ticket_id, by=by)
        return "informed"

    def _milestone(self, ticket_id: int, by: str) -> str:
        try:
            event = ClockEvent(request.form.get("event", ""))
        except ValueError as exc:
            raise BadInput(str(exc)) from exc
        self._desk.milestone(ticket_id, event, by=by)
        return "milestone"

    def _step(self, to: TicketState, ticket_id: int, by: str) -> str:
        self._desk.change_state(ticket_id, to, by=by)
        return "state_changed"

    def _cancel(self, ticket_id: int, by: str) -> str:
        self._desk.change_state(ticket_id, TicketState.CANCELLED, by=by, reason=_words("reason"))
        return "state_changed"

    def _assign(self, ticket_id: int, by: str) -> str:
        staff_id = request.form.get("staff_id", type=int)
        if staff_id is None:
            raise BadInput("nobody was chosen")
        self._desk.assign(ticket_id, staff_id, by=by)
        return "assigned"

    def _appoint(self, ticket_id: int, by: str) -> str:
        """A clear answer to whoever was second: the page comes back with the times that are left."""
        try:
            self._appointments.book(ticket_id, slot_of(request.form.get("slot", "")), by=by)
        except SlotTaken:
            return "slot_taken"
        return "appointed"

    def _note(self, ticket_id: int, by: str) -> str:
        self._desk.note(ticket_id, _words("text"), by=by)
        return "noted"

    def _nudge(self, ticket_id: int, by: str) -> str:
        """The form names how many nudges its page showed: pressed twice, it is one."""
        with self._store.read() as tx:
            known = tx.ticket(ticket_id).nudges
        if request.form.get("seen", type=int) in (None, known):
            self._desk.nudge(ticket_id, by=by)
        return "nudged"

    def _undo_nudge(self, ticket_id: int, by: str) -> str:
        """Pressed twice, it is undone once, as above."""
        with self._store.read() as tx:
            known = tx.ticket(ticket_id).nudges
        if request.form.get("seen", type=int) in (None, known):
            self._desk.undo_nudge(ticket_id, by=by)
        return "nudge_undone"

    def _merge(self, ticket_id: int, by: str) -> str:
        """The other ticket, named by the form, ends in this one."""
        other = request.form.get("other", type=int)
        if other is None:
            raise BadInput("which ticket?")
        self._desk.merge(other, ticket_id, by=by)
        return "merged"

    def _split(self, ticket_id: int, by: str) -> str:
        self._desk.split(ticket_id, by=by)
        return "split"

    def _transferred(self, ticket_id: int, by: str) -> str:
        """Another authority has passed the complaint on (N5): who, under which number, and by when it wants to hear."""
        details = {"source": "transferred", "source_unit": _words("unit"), "source_number": _words("number")}
        try:
            until = date.fromisoformat(request.form["until"]) if request.form.get("until") else None
        except ValueError as exc:
            raise BadInput(str(exc)) from exc
        self._desk.learn(ticket_id, Learned(details={**details, "source_due": str(until or "")}, actor=by))
        return "transferred_noted"


def _can_be_transferred(rooms: Rooms, kind: str) -> bool:
    """The kind has a clock that runs for what another authority passed on."""
    if kind not in rooms.standard.kinds:
        return False
    rules = (rooms.standard.rules[key] for key in rooms.standard.kinds[kind].clocks)
    return any("source" in rule.only_if for rule in rules)


def _words(name: str) -> str:
    """A text field that must say something. Raises BadInput."""
    text = request.form.get(name, "").strip()
    if not 0 < len(text) <= _LONGEST_TEXT:
        raise BadInput(f"{name} has 1 to {_LONGEST_TEXT} characters, this one {len(text)}")
    return text
