"""Calls to the resident of a ticket: what was tried, what came of it, and what a person orders or stops."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from console.board import digest
from console.gate import allow, me
from console.ports import Rooms
from dialogue.ports import DialogueTx
from fulfillment.company import OperatorRole
from fulfillment.resident_calls import CallState, Purpose, ResidentCall, ResidentTry, is_owed
from fulfillment.ticket import Ticket
from kernel.errors import BadInput

_LONGEST_VISIT = 60


@dataclass(frozen=True, slots=True)
class CallRow:
    call: ResidentCall
    tries: tuple[ResidentTry, ...]
    operator: str


@dataclass(frozen=True, slots=True)
class CallsCard:
    """`may` are the purposes for which the resident could be rung now or when the hours begin."""

    ticket: Ticket
    rows: tuple[CallRow, ...]  # newest first
    may: frozenset[Purpose]
    now: datetime

    @property
    def planned(self) -> bool:
        return any(row.call.state is CallState.PLANNED for row in self.rows)

    @property
    def under_way(self) -> bool:
        return any(one.finished_at is None for row in self.rows for one in row.tries)

    @property
    def version(self) -> str:
        return digest(
            self.ticket.state,
            [(r.call.id, r.call.state, r.call.next_at, [(t.id, t.outcome) for t in r.tries]) for r in self.rows],
        )


def add_routes(blueprint: Blueprint, rooms: Rooms) -> None:
    """/tickets/<id>/calls, /tickets/<id>/calls/<action>; `console_calls(ticket_id)` for the page of a ticket."""

    def card(ticket_id: int) -> CallsCard:
        with rooms.store.read() as tx:
            return _card(tx, tx.ticket(ticket_id), rooms.clock.now())

    actions: dict[str, Callable[[int], str]] = {
        "survey": lambda ticket_id: _order(rooms, ticket_id, Purpose.SATISFACTION),
        "back": lambda ticket_id: _order(rooms, ticket_id, Purpose.CALLBACK),
        "visit": lambda ticket_id: _order(rooms, ticket_id, Purpose.APPOINTMENT),
        "stop": lambda ticket_id: _stop(rooms, ticket_id),
    }
    blueprint.add_app_template_global(card, "console_calls")

    @blueprint.get("/tickets/<int:ticket_id>/calls")
    @allow(OperatorRole.OPERATOR)
    def ticket_calls(ticket_id: int) -> ResponseReturnValue:
        return render_template("console/parts/ticket_calls.html", calls=card(ticket_id))

    @blueprint.post("/tickets/<int:ticket_id>/calls/<action>")
    @allow(OperatorRole.OPERATOR)
    def ring_resident(ticket_id: int, action: str) -> ResponseReturnValue:
        if action not in actions:
            raise BadInput(f"no action {action[:20]}")
        flash(actions[action](ticket_id), "good")
        return redirect(url_for("console.ticket", ticket_id=ticket_id), 303)


def _card(tx: DialogueTx, ticket: Ticket, now: datetime) -> CallsCard:
    names = {o.id: o.name for o in tx.operators()}
    rows = tuple(
        CallRow(call, tuple(tx.resident_tries(call.id)), names.get(call.operator_id or 0, ""))
        for call in reversed(tx.resident_calls(ticket.id))
    )
    reachable = bool(ticket.contact_phone or ticket.household_id)
    may = frozenset(p for p in Purpose if reachable and is_owed(ResidentCall(0, ticket.id, p, now, now), ticket))
    return CallsCard(ticket, rows, may, now)


def _order(rooms: Rooms, ticket_id: int, purpose: Purpose) -> str:
    visit = request.form.get("visit", "").strip()
    if len(visit) > _LONGEST_VISIT:
        raise BadInput(f"a time has at most {_LONGEST_VISIT} characters, this one {len(visit)}")
    operator = me()
    operator_id = operator.id if purpose is Purpose.CALLBACK else None
    call = rooms.desk.call_resident(ticket_id, purpose, by=operator.name, operator_id=operator_id, visit=visit)
    return "call_ordered" if call.next_at <= rooms.clock.now() else "call_ordered_later"


def _stop(rooms: Rooms, ticket_id: int) -> str:
    rooms.desk.stop_calls(ticket_id, request.form.get("reason", ""), by=me().name)
    return "calls_stopped"
