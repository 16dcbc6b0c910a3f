"""Who waits and is called back, and what was recorded: a callback is taken, a recording is played or deleted."""

import structlog
from flask import Blueprint, flash, redirect, request, send_file, url_for
from flask.typing import ResponseReturnValue

from console.gate import allow, me
from console.looks import on_record
from console.photographs import is_preview
from console.ports import Rooms
from fulfillment.company import OperatorRole
from fulfillment.look import LookedAt

log = structlog.get_logger()


def add_routes(blueprint: Blueprint, rooms: Rooms) -> None:
    """/callbacks/<wait>, /recordings/<id> and /pictures/<id>."""

    @blueprint.post("/callbacks/<int:wait_id>")
    @allow(OperatorRole.OPERATOR)
    def call_back(wait_id: int) -> ResponseReturnValue:
        """It is the resident's turn: he is rung, and whoever pressed the button speaks with him."""
        ticket = rooms.callbacks.take(wait_id, me().id)
        flash("calling_back" if ticket.contact_phone else "no_number", "good" if ticket.contact_phone else "bad")
        return redirect(url_for("console.ticket", ticket_id=ticket.id), 303)

    @blueprint.get("/recordings/<recording_id>")
    @allow(OperatorRole.OPERATOR)
    def recording(recording_id: str) -> ResponseReturnValue:
        """The sound, whole or in ranges. Who listened to what is on record (N17), once a listening."""
        path = rooms.recordings.file(recording_id)
        begins = request.range is None or request.range.ranges[0][0] == 0
        if begins:
            on_record(rooms, LookedAt.RECORDING, f"recording:{recording_id}")
        return send_file(path, mimetype="audio/wav", conditional=True, max_age=0)

    @blueprint.get("/pictures/<picture_id>")
    @allow(OperatorRole.OPERATOR)
    def picture(picture_id: str) -> ResponseReturnValue:
        """A resident's photograph: in full it is on record, the small one with the conversation that shows it."""
        _, path = rooms.pictures.file(picture_id, small=is_preview())
        if not is_preview():
            on_record(rooms, LookedAt.PICTURE, f"picture:{picture_id}")
        return send_file(path, mimetype="image/jpeg", max_age=0)

    @blueprint.post("/recordings/<recording_id>/delete")
    @allow(OperatorRole.SUPERVISOR)
    def delete_recording(recording_id: str) -> ResponseReturnValue:
        deleted = rooms.recordings.delete(recording_id, by=me().name)
        log.info("audit.recording_deleted", operator=me().login, operator_id=me().id, recording=recording_id)
        flash("recording_deleted", "good")
        if deleted.ticket_id is None:
            return redirect(url_for("console.conversation", conversation_id=deleted.conversation_id), 303)
        return redirect(url_for("console.ticket", ticket_id=deleted.ticket_id), 303)
