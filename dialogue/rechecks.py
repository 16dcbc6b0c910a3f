"""The answer to "is it warm again?" after an incident: tapped or typed in the chat that was asked, or said by a caller
whose number was texted.
"""

from dataclasses import replace

from bot.understanding import Understanding
from dialogue.conversation import Conversation, Floor, Then
from dialogue.decision import AnswerRecheck, Decision, Say
from dialogue.incident_news import COLD, WARM
from dialogue.ports import DialogueTx
from dialogue.script_book import ScriptBook
from dialogue.state import DialogueState
from fulfillment.incident import Recheck


def recheck_answer(
    tx: DialogueTx, conversation: Conversation, heard: Understanding, choice: str, book: ScriptBook
) -> Decision | None:
    """None: the usual rules decide. Whoever has the floor, a home that answers is heard; danger always comes first."""
    state = DialogueState.from_json(conversation.state)
    if heard.emergency or state.our_call_id is not None:  # a call of ours has a question of its own
        return None
    found = _tapped(tx, conversation, choice) if choice else _said(tx, conversation, heard.text, book)
    if found is None:
        return None
    ticket_id, warm = found
    waits = conversation.floor in (Floor.QUEUE, Floor.OPERATOR)
    return Decision(
        replace(state, tries=0),
        (Say("incident.warm") if warm else Say("incident.still_cold", {"ticket_id": ticket_id}),),
        (AnswerRecheck(ticket_id, warm),),
        options=state.options,
        then=Then.WAIT if waits else Then.LISTEN,
        reason="warm again" if warm else "still cold",
    )


def _tapped(tx: DialogueTx, conversation: Conversation, choice: str) -> tuple[int, bool] | None:
    word, _, number = choice.partition(":")
    if word not in (WARM, COLD) or not number.isdecimal():
        return None
    ticket = tx.ticket(int(number))
    return (ticket.id, word == WARM) if ticket.conversation_id == conversation.id else None


def _said(tx: DialogueTx, conversation: Conversation, text: str, book: ScriptBook) -> tuple[int, bool] | None:
    said = text.strip(book.word("words.marks"))
    warm = said in book.word("words.said_warm").split(",")
    if not warm and said not in book.word("words.said_cold").split(","):
        return None
    for ticket in tx.open_tickets(conversation_id=conversation.id, contact_phone=conversation.peer or None):
        asked = tx.attachment_of(ticket.id)
        if asked is not None and asked.recheck is Recheck.ASKED:
            return ticket.id, warm
    return None
