"""Incidents as a list: what the reports suggest, what runs, what is over; and new ones, planned ahead or not."""

import structlog
from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from console.gate import allow, me
from console.incident_board import incident_rows
from console.incident_forms import facts_from_form, form_context, refusal, saved_notice
from console.ports import Rooms
from fulfillment.company import OperatorRole
from kernel.errors import BadInput, NotFound

log = structlog.get_logger()


def add_routes(blueprint: Blueprint, rooms: Rooms) -> None:
    """/incidents and /incidents/new."""

    def blank(**more: object) -> str:
        with rooms.store.read() as tx:
            communities, stations = tx.communities(), tx.stations()
        return render_template(
            "console/incident_new.html", communities=communities, stations=stations, **form_context(rooms), **more
        )

    @blueprint.get("/incidents")
    @allow(OperatorRole.OPERATOR)
    def incidents() -> ResponseReturnValue:
        now = rooms.clock.now()
        with rooms.store.read() as tx:
            live = incident_rows(rooms, tx, tx.live_incidents(), now)
            over = incident_rows(rooms, tx, tx.settled_incidents(), now)
        return render_template("console/incidents.html", live=live, over=over, now=now)

    @blueprint.get("/incidents/new")
    @allow(OperatorRole.SUPERVISOR)
    def new_incident() -> ResponseReturnValue:
        return blank(typed=None)

    @blueprint.post("/incidents/new")
    @allow(OperatorRole.SUPERVISOR)
    def declare_incident() -> ResponseReturnValue:
        try:
            stored = rooms.incidents.declare(
                request.form.get("category", ""), facts_from_form(rooms.standard.words), by=me().name
            )
        except (BadInput, NotFound) as exc:
            log.info("console.incident_refused", reason=str(exc))
            key, code = refusal(exc)
            flash(key, "bad")
            return blank(typed=request.form), code
        log.info("audit.incident", operator=me().login, incident=stored.id, action="declare")
        flash(*saved_notice(stored, rooms))
        return redirect(url_for("console.incident", incident_id=stored.id), 303)
