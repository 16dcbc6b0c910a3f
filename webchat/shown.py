"""What of a conversation leaves the house: a list of what may be shown, so that a new key in `data` stays inside."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dialogue.chat import Side
from dialogue.conversation import Author, Conversation, Floor, Message
from kernel.errors import NotFound
from webchat.ports import ChatTx, TellsTickets, TellsWaiting, no_tickets, nobody_waits

JsonObject = dict[str, Any]

#: The dialogue keeps residents' ids apart from operators' with this; the page knows its own id without it.
_UTTERANCE = "turn:"


def message_json(message: Message) -> JsonObject:
    """One bubble. `at` is UTC in ISO 8601; the page shows Beijing time."""
    shown: JsonObject = {
        "seq": message.seq,
        "author": message.author.value,
        "text": message.text,
        "at": message.at.isoformat(timespec="milliseconds"),
    }
    if message.author is Author.RESIDENT and message.client_id:
        shown["client_id"] = message.client_id.removeprefix(_UTTERANCE)
    for key in ("card", "operator", "picture", "width", "height"):
        if message.data.get(key):
            shown[key] = message.data[key]
    if message.data.get("quick_replies"):
        shown["quick_replies"] = [
            {"choice": reply["choice"], "label": reply["label"]} for reply in message.data["quick_replies"]
        ]
    return shown


def messages_json(messages: Sequence[Message]) -> list[JsonObject]:
    """System lines are notes of the house to its operators: only those marked for the resident are shown."""
    return [message_json(m) for m in messages if m.author is not Author.SYSTEM or m.data.get("audience") == "resident"]


@dataclass(frozen=True, slots=True)
class Beside:
    """What is shown beside the messages and is told by rooms below: a place in line, tickets."""

    waiting: TellsWaiting = nobody_waits
    tickets: TellsTickets = no_tickets


def state_json(tx: ChatTx, conversation: Conversation, beside: Beside) -> JsonObject:
    """Who has the floor, with the operator's name as the resident may know it, where he stands who waits for one, and
    up to which message a person of the house has looked (0: nobody yet), how it was rated (0: not yet), its tickets.
    """
    operator = ""
    if conversation.floor is Floor.OPERATOR and conversation.operator_id is not None:
        try:
            operator = tx.operator(conversation.operator_id).name
        except NotFound:  # an account that was removed while it held the floor: the resident still has "a person"
            operator = ""
    return {
        "id": conversation.id,
        "floor": conversation.floor.value,
        "operator": operator,
        "waiting": beside.waiting(tx, conversation),
        "stars": rating.stars if (rating := tx.rating(conversation.id)) else 0,
        "read": tx.receipts(conversation.id)[Side.HOUSE].read_seq,
        "tickets": list(beside.tickets(tx, conversation)),
    }
