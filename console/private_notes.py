"""Notes that operators write for each other beside a conversation. The resident never sees them: no channel reads them."""

from collections.abc import Mapping, Sequence

import structlog
from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from console.gate import allow, me
from console.ports import Rooms
from dialogue.private_note import LONGEST_NOTE, PrivateNote
from fulfillment.company import OperatorRole
from kernel.errors import BadInput

log = structlog.get_logger()


def by_message(notes: Sequence[PrivateNote]) -> Mapping[int, Sequence[PrivateNote]]:
    """The notes under each message, by its seq."""
    found: dict[int, list[PrivateNote]] = {}
    for note in notes:
        found.setdefault(max(1, note.after_seq), []).append(note)
    return found


def add_routes(blueprint: Blueprint, rooms: Rooms) -> None:
    """/conversations/<id>/note: whoever is on duty may add one, whoever has the floor."""

    @blueprint.post("/conversations/<conversation_id>/note")
    @allow(OperatorRole.OPERATOR)
    def add_private_note(conversation_id: str) -> ResponseReturnValue:
        text, client_id = request.form.get("text", "").strip(), request.form.get("client_id", "")
        if not 0 < len(text) <= LONGEST_NOTE or not client_id:
            raise BadInput(f"a note has 1 to {LONGEST_NOTE} characters, this one {len(text)}")
        with rooms.store.write() as tx:
            under = tx.conversation(conversation_id).last_seq
            tx.add_private_note(PrivateNote(0, conversation_id, under, rooms.clock.now(), me().name, text, client_id))
        flash("note_kept", "good")
        return redirect(url_for("console.conversation", conversation_id=conversation_id), 303)
