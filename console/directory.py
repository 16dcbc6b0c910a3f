"""Who is in charge of what we are not (G8, W6f): names and numbers that residents are given. Supervisors change them."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from console.editions import content_shown, save, shown
from console.gate import allow
from console.ports import Rooms
from fulfillment.company import OperatorRole
from kernel.errors import ChangeRefused

PART = "directory"


def add_routes(blueprint: Blueprint, rooms: Rooms) -> None:
    """/directory."""

    @blueprint.get("/directory")
    @allow(OperatorRole.SUPERVISOR)
    def directory() -> ResponseReturnValue:
        return _page(rooms)

    @blueprint.post("/directory")
    @allow(OperatorRole.SUPERVISOR)
    def save_directory() -> ResponseReturnValue:
        keys = [row["key"] for row in rooms.standard.shipped(PART)]
        form = {
            key: {name: request.form.get(f"{key}.{name}", "").strip() for name in ("name", "phone")} for key in keys
        }
        rows = [{"key": key, "name": row["name"], "phone": row["phone"].replace(" ", "")} for key, row in form.items()]
        return save(rooms, PART, rows, lambda refused: _page(rooms, refused))


def _page(rooms: Rooms, refused: ChangeRefused | None = None) -> str:
    return render_template(
        "console/directory.html",
        **shown(rooms, PART),
        rows=content_shown(rooms, PART),
        shipped={row["key"]: row for row in rooms.standard.shipped(PART)},
        refused=refused,
        typed=request.form if refused else None,
    )
