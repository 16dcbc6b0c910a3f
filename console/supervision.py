"""Everything that runs, for supervisors: who talks with whom, who waits, who is there; and a chat taken from its holder."""

from dataclasses import dataclass

import structlog
from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from console import board
from console.gate import allow, me
from console.ports import Rooms
from fulfillment.company import Operator, OperatorRole
from kernel.errors import BadInput

log = structlog.get_logger()

MOST_CHATS = 20  # nobody reads more at once


@dataclass(frozen=True, slots=True)
class AtWork:
    """An operator, and what he has to do now."""

    operator: Operator
    is_present: bool
    chats: int
    calls: int
    capacity: int  # chats he is given at once


def add_routes(blueprint: Blueprint, rooms: Rooms) -> None:
    """/supervision, and the part of it that refreshes itself."""

    @blueprint.get("/supervision")
    @allow(OperatorRole.SUPERVISOR)
    def supervision() -> ResponseReturnValue:
        return _page(rooms, "console/supervision.html")

    @blueprint.get("/supervision/everything")
    @allow(OperatorRole.SUPERVISOR)
    def supervision_part() -> ResponseReturnValue:
        return _page(rooms, "console/parts/everything.html")

    @blueprint.post("/supervision/capacity/<int:operator_id>")
    @allow(OperatorRole.SUPERVISOR)
    def set_capacity(operator_id: int) -> ResponseReturnValue:
        """How many waiting chats he is given at once; 0: none. What he takes by hand is his own affair."""
        chats = request.form.get("chats", type=int)
        if chats is None or not 0 <= chats <= MOST_CHATS:
            raise BadInput("how many chats?")
        with rooms.store.write() as tx:
            name = tx.operator(operator_id).name
            tx.set_chat_capacity(operator_id, chats)
        log.info("audit.capacity_set", operator=me().login, of=name, chats=chats)
        flash("capacity_set", "good")
        return redirect(url_for("console.supervision"), 303)


def _page(rooms: Rooms, template: str) -> str:
    shown = board.read_bars(rooms)
    return render_template(template, board=shown, people=_people(rooms, shown))


def _people(rooms: Rooms, shown: board.Bars) -> list[AtWork]:
    """Whoever is there, and whoever still holds something; the busiest first."""
    with rooms.store.read() as tx:
        present = tx.present_operators(rooms.clock.now() - rooms.standard.queue.present_within)
        operators = [o for o in tx.operators() if o.active]
        capacities = tx.chat_capacities()
    held = [row.conversation for row in shown.on("operator")]
    found = []
    for operator in operators:
        his = [str(c.channel) for c in held if c.operator_id == operator.id]
        if his or operator.id in present:
            found.append(
                AtWork(
                    operator,
                    operator.id in present,
                    len(his) - his.count("phone"),
                    his.count("phone"),
                    capacities.get(operator.id, rooms.standard.queue.chats_per_operator),
                )
            )
    return sorted(found, key=lambda one: (-one.chats - one.calls, one.operator.name))
