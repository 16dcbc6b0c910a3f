"""Who looked at which resident's data (N17, X1): put on record before it is shown, and read by supervisors."""

import structlog
from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from console.gate import allow, me
from console.ports import Rooms
from fulfillment.company import OperatorRole
from fulfillment.look import Look, LookedAt
from kernel.errors import StoreBusy

log = structlog.get_logger()

_PAGE = 100
_TICKET = "ticket:"


def on_record(rooms: Rooms, what: LookedAt, subject: str, **facts: object) -> None:
    """This operator looks at it now; `facts` are for the log alone. A busy database keeps nobody from an emergency: then the
    log line is all there is.
    """
    log.info("audit.looked", operator=me().login, operator_id=me().id, what=what.value, subject=subject, **facts)
    try:
        with rooms.store.write() as tx:
            tx.add_look(Look(0, rooms.clock.now(), me().login, what, subject))
    except StoreBusy:
        log.warning("look_not_stored", operator=me().login, what=what.value, subject=subject)


def add_routes(blueprint: Blueprint, rooms: Rooms) -> None:
    """/looks."""

    @blueprint.get("/looks")
    @allow(OperatorRole.SUPERVISOR)
    def looks() -> ResponseReturnValue:
        who, subject = request.args.get("who", ""), request.args.get("subject", "")
        before = request.args.get("before", type=int)
        with rooms.store.read() as tx:
            found = tx.looks(who=who, subject=subject, before=before, limit=_PAGE + 1)
            operators = tx.operators()
            tickets = {look.subject for look in found[:_PAGE] if look.subject.startswith(_TICKET)}
            numbers = {subject: tx.ticket(int(subject.removeprefix(_TICKET))).number for subject in tickets}
        return render_template(
            "console/looks.html",
            looks=found[:_PAGE],
            older=found[_PAGE - 1].id if len(found) > _PAGE else None,
            names={operator.login: operator.name for operator in operators},
            numbers=numbers,
            kept=rooms.standard.looks.kept,
            who=who,
            subject=subject,
        )
