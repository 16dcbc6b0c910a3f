"""Incidents: what the reports suggest, what runs, what is over."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from console.gate import allow
from console.incident_board import incident_rows
from console.ports import Rooms
from fulfillment.company import OperatorRole


def add_routes(blueprint: Blueprint, rooms: Rooms) -> None:
    """/incidents."""

    @blueprint.get("/incidents")
    @allow(OperatorRole.OPERATOR)
    def incidents() -> ResponseReturnValue:
        now = rooms.clock.now()
        with rooms.store.read() as tx:
            live = incident_rows(rooms, tx, tx.live_incidents(), now)
            over = incident_rows(rooms, tx, tx.settled_incidents(), now)
        return render_template("console/incidents.html", live=live, over=over, now=now)
