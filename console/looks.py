"""Who looked at which resident's data (N17, X1): put on record before it is shown, and read by supervisors."""

import structlog
from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from console.gate import allow, me
from console.ports import PATIENCE_SECONDS, Rooms
from dialogue.ports import DialogueStore, DialogueTx
from fulfillment.company import OperatorRole
from fulfillment.look import Look, LookedAt, LookRules, by_staff
from kernel.errors import StoreBusy

log = structlog.get_logger()

_PAGE = 100
#: Among so many last looks of a person an equal one is sought; who sees more within a minute has a row too many.
_LATELY = 20


def on_record(rooms: Rooms, what: LookedAt, subject: str, **facts: object) -> None:
    """This operator looks at it now; `facts` are for the log alone."""
    log.info("audit.looked", operator=me().login, operator_id=me().id, what=what.value, subject=subject, **facts)
    put_on_record(rooms.store, rooms.standard.looks, Look(0, rooms.clock.now(), me().login, what, subject))


def put_on_record(store: DialogueStore, rules: LookRules, look: Look) -> None:
    """Once for a page that is reloaded: then nothing is written, and nobody waited for. A busy database keeps nobody from an
    emergency: then the log line of whoever shows the page is all there is.
    """
    try:
        with store.read() as tx:
            lately = tx.looks(who=look.who, limit=_LATELY)
        if not any(rules.is_one(look, earlier) for earlier in lately):
            with store.write(within=PATIENCE_SECONDS) as tx:
                tx.add_look(look)
    except StoreBusy:
        log.warning("look_not_stored", who=look.who, what=look.what.value, subject=look.subject)


def add_routes(blueprint: Blueprint, rooms: Rooms) -> None:
    """/looks."""

    @blueprint.get("/looks")
    @allow(OperatorRole.SUPERVISOR)
    def looks() -> ResponseReturnValue:
        who, subject = request.args.get("who", ""), request.args.get("subject", "")
        before = request.args.get("before", type=int)
        with rooms.store.read() as tx:
            found = tx.looks(who=who, subject=subject, before=before, limit=_PAGE + 1)
            operators, staff = tx.operators(), tx.all_staff()
            numbers = {look.subject: _number_of(tx, look.subject) for look in found[:_PAGE]}
        return render_template(
            "console/looks.html",
            looks=found[:_PAGE],
            older=found[_PAGE - 1].id if len(found) > _PAGE else None,
            operators={operator.login: (operator.name, operator.login) for operator in operators},
            staff={by_staff(person.id): (person.name, person.number) for person in staff},
            numbers=numbers,
            kept=rooms.standard.looks.kept,
            who=who,
            subject=subject,
        )


def _number_of(tx: DialogueTx, subject: str) -> str:
    """By which the company knows it; "" of what has none."""
    what, _, key = subject.partition(":")
    match what:
        case "ticket":
            return tx.ticket(int(key)).number
        case "household":
            return tx.household(int(key)).card_number
        case "staff":
            return tx.staff(int(key)).number
        case _:
            return ""
