"""One conversation: read it, take it over, answer, connect, hand back, end."""

import uuid
from collections.abc import Sequence

import structlog
from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from console import board, call_board
from console.canned import Canned, canned_replies, held_back
from console.gate import allow, me
from console.looks import on_record
from console.ports import Rooms
from console.private_notes import by_message
from dialogue.chat import Receipt, Side
from dialogue.conversation import Conversation, Floor, Message
from dialogue.ports import DialogueTx
from dialogue.private_note import PrivateNote
from dialogue.typing_mark import typing_topic
from fulfillment.company import OperatorRole
from fulfillment.look import LookedAt
from kernel.errors import BadInput, Conflict, StaleEpoch

log = structlog.get_logger()

_RECENT = 100
_PAGE = 200  # messages per read; a transcript is read until it is level


def add_routes(blueprint: Blueprint, rooms: Rooms) -> None:
    """/conversations, /conversations/<id> with its live parts, and what an operator does to it."""
    _add_pages(blueprint, rooms)
    _add_moves(blueprint, rooms)
    _add_answer(blueprint, rooms)


def _add_pages(blueprint: Blueprint, rooms: Rooms) -> None:

    @blueprint.get("/conversations")
    @allow(OperatorRole.SUPERVISOR)
    def conversations() -> ResponseReturnValue:
        return render_template("console/conversations.html", rows=board.read_recent(rooms, _RECENT))

    @blueprint.get("/conversations/<conversation_id>")
    @allow(OperatorRole.OPERATOR)
    def conversation(conversation_id: str) -> ResponseReturnValue:
        settled, tail, row, reached, notes = _transcript(rooms, conversation_id, 0)
        home, tickets = board.read_home(rooms, row.conversation)
        known = board.read_known(rooms, row.conversation)
        with rooms.store.read() as tx:
            rating = tx.rating(conversation_id)
        on_record(rooms, LookedAt.CONVERSATION, f"conversation:{conversation_id}")
        return render_template(
            "console/conversation.html",
            board=board.read_bars(rooms),
            row=row,
            settled=settled,
            tail=tail,
            home=home,
            tickets=tickets,
            canned=canned_replies(rooms, home, tickets),
            client_id=uuid.uuid4().hex,
            open_conversation=conversation_id,
            reached=reached,
            rating=rating,
            talk_version=board.talk_version(row.conversation, tail, reached, notes),
            notes=by_message(notes),
            floor_version=board.floor_version(row.conversation),
            known=known,
            side_version=board.side_version(home, tickets, known),
            bar=call_board.read_call_bar(rooms, conversation_id, me().id),
        )

    @blueprint.get("/conversations/<conversation_id>/tail")
    @allow(OperatorRole.OPERATOR)
    def conversation_tail(conversation_id: str) -> ResponseReturnValue:
        after = request.args.get("after", default=0, type=int)
        settled, tail, row, reached, notes = _transcript(rooms, conversation_id, max(0, after))
        return render_template(
            "console/parts/tail.html",
            row=row,
            settled=settled,
            tail=tail,
            reached=reached,
            talk_version=board.talk_version(row.conversation, tail, reached, notes),
            notes=by_message(notes),
        )

    @blueprint.post("/conversations/<conversation_id>/seen")
    @allow(OperatorRole.OPERATOR)
    def conversation_seen(conversation_id: str) -> ResponseReturnValue:
        """Somebody looks at the page: everything up to `seq` is read, and the resident is told."""
        seq = request.form.get("seq", default=0, type=int)
        with rooms.store.write() as tx:
            seq = max(0, min(seq, tx.conversation(conversation_id).last_seq))
            tx.note_receipt(conversation_id, Side.HOUSE, Receipt(seq, seq))
        return "", 204

    @blueprint.post("/conversations/<conversation_id>/typing")
    @allow(OperatorRole.OPERATOR)
    def conversation_typing(conversation_id: str) -> ResponseReturnValue:
        """The holder writes: the resident sees it for a few seconds. From anybody else it says nothing."""
        with rooms.store.read() as tx:
            conversation = tx.conversation(conversation_id)
        if conversation.floor is Floor.OPERATOR and conversation.operator_id == me().id:
            rooms.store.signal(typing_topic(conversation_id, Side.HOUSE))
        return "", 204

    @blueprint.get("/conversations/<conversation_id>/side")
    @allow(OperatorRole.OPERATOR)
    def conversation_side(conversation_id: str) -> ResponseReturnValue:
        row = board.read_conversation_row(rooms, conversation_id)
        home, tickets = board.read_home(rooms, row.conversation)
        known = board.read_known(rooms, row.conversation)
        return render_template(
            "console/parts/side.html",
            row=row,
            home=home,
            tickets=tickets,
            known=known,
            side_version=board.side_version(home, tickets, known),
        )

    @blueprint.get("/conversations/<conversation_id>/controls")
    @allow(OperatorRole.OPERATOR)
    def conversation_controls(conversation_id: str) -> ResponseReturnValue:
        row = board.read_conversation_row(rooms, conversation_id)
        return render_template(
            "console/parts/controls.html",
            row=row,
            canned=_canned(rooms, row.conversation),
            client_id=uuid.uuid4().hex,
            floor_version=board.floor_version(row.conversation),
        )


def _add_moves(blueprint: Blueprint, rooms: Rooms) -> None:
    @blueprint.post("/conversations/<conversation_id>/take-over")
    @allow(OperatorRole.OPERATOR)
    def take_over(conversation_id: str) -> ResponseReturnValue:
        rooms.handoff.take_over(conversation_id, me().id)
        return _to_page(conversation_id)

    @blueprint.post("/conversations/<conversation_id>/hand-back")
    @allow(OperatorRole.OPERATOR)
    def hand_back(conversation_id: str) -> ResponseReturnValue:
        rooms.handoff.hand_back(conversation_id, me().id)
        flash("handed_back", "good")
        return _to_page(conversation_id)

    @blueprint.post("/conversations/<conversation_id>/end")
    @allow(OperatorRole.OPERATOR)
    def end(conversation_id: str) -> ResponseReturnValue:
        rooms.handoff.end(conversation_id, me().id)
        flash("ended", "good")
        return _to_page(conversation_id)


def _add_answer(blueprint: Blueprint, rooms: Rooms) -> None:
    @blueprint.post("/conversations/<conversation_id>/answer")
    @allow(OperatorRole.OPERATOR)
    def answer(conversation_id: str) -> ResponseReturnValue:
        """The words stay in the box until they are stored, under the same client id: sent again, they are one message."""
        text, client_id = request.form.get("text", ""), request.form.get("client_id", "")
        unsaid, is_open = held_back(rooms, text)
        if unsaid or is_open:
            log.info("console.answer_held_back", operator_id=me().id, clauses=[rule.clause for rule in unsaid])
            problem = "held_back" if unsaid else "blank_open"
        else:
            problem = _say(rooms, conversation_id, text, client_id)
        if not request.headers.get("HX-Request"):
            if problem:
                flash(problem, "bad")
            return _to_page(conversation_id)
        row = board.read_conversation_row(rooms, conversation_id)
        body = render_template(
            "console/parts/composer.html",
            row=row,
            canned=_canned(rooms, row.conversation),
            client_id=client_id if problem else uuid.uuid4().hex,
            draft=text if problem else "",
            problem=problem,
            unsaid=unsaid,
        )
        return body, 409 if problem else 200


def _canned(rooms: Rooms, conversation: Conversation) -> list[Canned]:
    return canned_replies(rooms, *board.read_home(rooms, conversation))


def _say(rooms: Rooms, conversation_id: str, text: str, client_id: str) -> str:
    """Stores an answer; returns the key of what went wrong, or ""."""
    if not client_id:  # without one, an answer could not be told from its repetition
        return "bad_answer"
    try:
        rooms.handoff.say(conversation_id, me().id, text, client_id)
    except BadInput:
        return "bad_answer"
    except StaleEpoch:
        return "not_yours"
    except Conflict:
        return "conflict"
    return ""


def _to_page(conversation_id: str) -> ResponseReturnValue:
    return redirect(url_for("console.conversation", conversation_id=conversation_id), 303)


def _transcript(
    rooms: Rooms, conversation_id: str, after: int
) -> tuple[Sequence[Message], Sequence[Message], board.ConversationRow, Receipt, Sequence[PrivateNote]]:
    """Messages after `after` that will not change any more, the last ones that may, the conversation, what has
    reached the resident, and all private notes.
    """
    row = board.read_conversation_row(rooms, conversation_id)
    border = board.unsettled_from(row.conversation)
    with rooms.store.read() as tx:
        settled = _between(tx, row.conversation, after, border)
        tail = tx.messages(conversation_id, after=border)
        reached = tx.receipts(conversation_id)[Side.RESIDENT]
        notes = tx.private_notes(conversation_id)
    return settled, tail, row, reached, notes


def _between(tx: DialogueTx, conversation: Conversation, after: int, border: int) -> Sequence[Message]:
    found: list[Message] = []
    while after < border:
        page = tx.messages(conversation.id, after=after, limit=min(_PAGE, border - after))
        if not page:
            break
        found += page
        after = page[-1].seq
    return found
