"""Who has an account, who can accept an alarm. Administrators change accounts, and set the PINs with which staff call in;
what else a company is comes by import (`console.imports`).
"""

from collections.abc import Callable

import structlog
from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from console.gate import allow, me
from console.ports import Rooms
from console.setup import kept
from fulfillment.accounts import SHORTEST, Accounts
from fulfillment.company import Operator, OperatorRole
from kernel.errors import BadInput, ChangeRefused

log = structlog.get_logger()


def add_routes(blueprint: Blueprint, rooms: Rooms) -> None:
    """/administration, /administration/pin, /administration/operators[/<id>[/password]]."""
    accounts = Accounts(rooms.store)

    def done(act: Callable[[], object], what: str, form: str) -> ResponseReturnValue:
        back_to = url_for("console.administration")
        return kept(act, what, back_to=back_to, shown_again=lambda refused: _page(rooms, refused, form), account=form)

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
        return _page(rooms)

    @blueprint.post("/administration/operators")
    @allow(OperatorRole.ADMINISTRATOR)
    def add_operator() -> ResponseReturnValue:
        return done(lambda: accounts.add(_operator(0, active=True)), "operator_added", "new")

    @blueprint.post("/administration/operators/<int:operator_id>")
    @allow(OperatorRole.ADMINISTRATOR)
    def change_operator(operator_id: int) -> ResponseReturnValue:
        active = "active" in request.form
        return done(lambda: accounts.change(_operator(operator_id, active=active)), "operator_saved", str(operator_id))

    @blueprint.post("/administration/operators/<int:operator_id>/password")
    @allow(OperatorRole.ADMINISTRATOR)
    def set_operator_password(operator_id: int) -> ResponseReturnValue:
        password = request.form.get("password", "")
        return done(
            lambda: accounts.set_password(operator_id, password), "operator_password_set", f"{operator_id}-password"
        )


def _page(rooms: Rooms, refused: ChangeRefused | None = None, form: str = "") -> str:
    with rooms.store.read() as tx:
        staff, operators = tx.all_staff(), tx.operators()
        stations = {station.id: station for station in tx.stations()}
        with_pin = tx.staff_with_pin()
    return render_template(
        "console/administration.html",
        operators=operators,
        roles=tuple(OperatorRole),
        staff=staff,
        stations=stations,
        with_pin=with_pin,
        shortest=SHORTEST,
        refused=refused,
        typed=request.form if refused else None,
        typed_for=form,
    )


def _operator(operator_id: int, *, active: bool) -> Operator:
    """Raises BadInput."""
    form = request.form
    try:
        role = OperatorRole(form.get("role", ""))
    except ValueError as exc:
        raise BadInput(str(exc)) from exc
    return Operator(operator_id, form.get("login", ""), form.get("name", ""), role, form.get("phone", ""), "", active)
