"""Everything that runs, for supervisors: who talks with whom, who waits, who is there; and a chat taken from its holder."""

from dataclasses import dataclass

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from console import board
from console.gate import allow
from console.ports import Rooms
from fulfillment.company import Operator, OperatorRole


@dataclass(frozen=True, slots=True)
class AtWork:
    """An operator, and what he has to do now."""

    operator: Operator
    is_present: bool
    chats: int
    calls: int


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


def _page(rooms: Rooms, template: str) -> str:
    shown = board.read_board(rooms)
    return render_template(template, board=shown, people=_people(rooms, shown))


def _people(rooms: Rooms, shown: board.Board) -> list[AtWork]:
    """Whoever is there, and whoever still holds something; the busiest first."""
    with rooms.store.read() as tx:
        present = tx.present_operators(rooms.clock.now() - rooms.standard.queue.present_within)
        operators = [o for o in tx.operators() if o.active]
    held = [row.conversation for row in shown.on("operator")]
    found = []
    for operator in operators:
        his = [str(c.channel) for c in held if c.operator_id == operator.id]
        if his or operator.id in present:
            found.append(AtWork(operator, operator.id in present, his.count("chat"), his.count("phone")))
    return sorted(found, key=lambda one: (-one.chats - one.calls, one.operator.name))
