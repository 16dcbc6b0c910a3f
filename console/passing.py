"""A chat is given to a colleague, back to the queue, or taken from one."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from console import board
from console.gate import allow, me
from console.ports import Rooms
from dialogue.assignment import workloads
from fulfillment.company import OperatorRole
from kernel.errors import BadInput


def add_routes(blueprint: Blueprint, rooms: Rooms) -> None:
    """/conversations/<id>/pass-on and /take-from. The form names the epoch its page showed: pressed late, it moves nothing."""

    @blueprint.post("/conversations/<conversation_id>/pass-on")
    @allow(OperatorRole.OPERATOR)
    def pass_on(conversation_id: str) -> ResponseReturnValue:
        to, why = request.form.get("to", ""), request.form.get("why", "")
        if to == "queue":
            rooms.passing.to_queue(conversation_id, me().id, epoch=_epoch(), why=why)
        elif to.isascii() and to.isdigit():
            rooms.passing.to_person(conversation_id, me().id, int(to[:9]), epoch=_epoch(), why=why)
        else:
            raise BadInput("to whom?")
        flash("passed_on", "good")
        return redirect(url_for("console.conversation", conversation_id=conversation_id), 303)

    @blueprint.post("/conversations/<conversation_id>/take-from")
    @allow(OperatorRole.SUPERVISOR)
    def take_from(conversation_id: str) -> ResponseReturnValue:
        rooms.passing.take_from(conversation_id, me().id, epoch=_epoch())
        flash("taken_from", "good")
        return redirect(url_for("console.conversation", conversation_id=conversation_id), 303)

    @blueprint.get("/conversations/<conversation_id>/colleagues")
    @allow(OperatorRole.OPERATOR)
    def colleagues(conversation_id: str) -> ResponseReturnValue:
        """Who is there now, asked when the form is opened."""
        row = board.read_conversation_row(rooms, conversation_id)
        with rooms.store.read() as tx:
            present = tx.present_operators(rooms.clock.now() - rooms.standard.queue.present_within)
            there = [o for o in tx.operators() if o.active and o.id in present and o.id != me().id]
            holding = [c.operator_id for c in tx.live_conversations()]
            capacity = {load.operator_id: load for load in workloads(tx, rooms.standard.queue, rooms.clock.now())}
        loads = [(operator, holding.count(operator.id), capacity.get(operator.id)) for operator in there]
        return render_template("console/parts/colleagues.html", row=row, loads=loads)


def _epoch() -> int:
    epoch = request.form.get("epoch", type=int)
    if epoch is None:
        raise BadInput("which epoch?")
    return epoch
