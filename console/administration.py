"""Who has an account, who can accept an alarm, and who is on duty when. Read only: a company's data comes by import."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from console.board import on_duty_at
from console.gate import allow
from console.ports import Rooms
from fulfillment.company import OperatorRole


def add_routes(blueprint: Blueprint, rooms: Rooms) -> None:
    """/administration."""

    @blueprint.get("/administration")
    @allow(OperatorRole.ADMINISTRATOR)
    def administration() -> ResponseReturnValue:
        with rooms.store.read() as tx:
            staff, duties = tx.all_staff(), tx.duties()
            ids = {s.station_id for s in staff} | {d.station_id for d in duties}
            stations = {number: tx.station(number) for number in ids if number is not None}
            operators = tx.operators()
        return render_template(
            "console/administration.html",
            operators=operators,
            staff=staff,
            staff_by_id={s.id: s for s in staff},
            stations=stations,
            duties=duties,
            now_on_duty=on_duty_at(duties, rooms.clock.now()),
        )
