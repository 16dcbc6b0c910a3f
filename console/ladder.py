"""Who is rung for an emergency, in which order and how fast, with a timetable of how it would go now. Supervisors change it."""

from collections.abc import Sequence

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from console.editions import content_shown, save, shown
from console.gate import allow
from console.ports import Rooms
from fulfillment.company import OperatorRole, StaffRole
from fulfillment.dispatch import ladder as ladder_of
from fulfillment.dispatch import timetable
from fulfillment.rota import read_company
from kernel.errors import BadInput, ChangeRefused

PART = "ladder"
LISTS = ("rungs", "company_wide")
#: What a company sets here; what the carrier takes is in the file (data/ladder.yml) and is read at the start.
SECONDS = (
    "ring_seconds",
    "step_seconds",
    "last_rung_within_seconds",
    "round_pause_seconds",
    "no_address_grace_seconds",
    "busy_carrier_tries",
)


def add_routes(blueprint: Blueprint, rooms: Rooms) -> None:
    """/ladder."""

    @blueprint.get("/ladder")
    @allow(OperatorRole.SUPERVISOR)
    def ladder() -> ResponseReturnValue:
        return _page(rooms)

    @blueprint.post("/ladder")
    @allow(OperatorRole.SUPERVISOR)
    def save_ladder() -> ResponseReturnValue:
        return save(rooms, PART, _from_form(), lambda refused: _page(rooms, refused))


def _page(rooms: Rooms, refused: ChangeRefused | None = None) -> str:
    now = rooms.clock.now()
    content = content_shown(rooms, PART)
    plan = rooms.standard.ladder
    with rooms.store.read() as tx:
        company, communities = read_company(tx, now), tx.communities()
    asked = request.args.get("community", "")
    community = next((c for c in communities if str(c.id) == asked), next(iter(communities), None))
    return render_template(
        "console/ladder.html",
        **shown(rooms, PART),
        content=content,
        roles=tuple(StaffRole),
        lists=LISTS,
        seconds=SECONDS,
        communities=communities,
        community=community,
        times=timetable(plan, ladder_of(plan, company, community, now)),
        refused=refused,
        typed=request.form if refused else None,
    )


def _from_form() -> dict[str, object]:
    """Raises BadInput."""
    try:
        seconds: dict[str, object] = {name: int(request.form.get(name, "")) for name in SECONDS}
    except ValueError as exc:
        raise BadInput(str(exc)) from exc
    return seconds | {name: _order(name) for name in LISTS}


def _order(name: str) -> Sequence[str]:
    """The roles by the place that was chosen for each; without a place it is not rung."""
    placed = [(request.form.get(f"{name}.{role}", ""), role) for role in StaffRole]
    return [role.value for place, role in sorted((p, r) for p, r in placed if p.isdecimal())]
