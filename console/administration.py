"""Who has an account, who can accept an alarm, and who is on duty when. Read only (a company's data comes by import), but
for the PINs with which staff call in: no company file holds one.
"""

import structlog
from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from console.board import on_duty_at
from console.gate import allow, me
from console.ports import Rooms
from fulfillment.company import OperatorRole

log = structlog.get_logger()


def add_routes(blueprint: Blueprint, rooms: Rooms) -> None:
    """/administration, /administration/pin."""

    @blueprint.post("/administration/pin")
    @allow(OperatorRole.ADMINISTRATOR)
    def set_pin() -> ResponseReturnValue:
        number = request.form.get("number", "")
        rooms.pins.set(number, request.form.get("pin", ""))
        log.info("audit.pin_set", operator=me().login, staff=number)
        flash("pin_set", "good")
        return redirect(url_for("console.administration"), 303)

    @blueprint.get("/administration")
    @allow(OperatorRole.ADMINISTRATOR)
    def administration() -> ResponseReturnValue:
        with rooms.store.read() as tx:
            staff, duties = tx.all_staff(), tx.duties()
            ids = {s.station_id for s in staff} | {d.station_id for d in duties}
            stations = {number: tx.station(number) for number in ids if number is not None}
            operators = tx.operators()
            with_pin = tx.staff_with_pin()
        return render_template(
            "console/administration.html",
            operators=operators,
            staff=staff,
            staff_by_id={s.id: s for s in staff},
            stations=stations,
            duties=duties,
            with_pin=with_pin,
            now_on_duty=on_duty_at(duties, rooms.clock.now()),
        )
