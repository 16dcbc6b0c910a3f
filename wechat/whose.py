"""Whose conversation: `external_id` is `<openid>-<round>`. A new round begins when a resident comes back long after the end."""

from datetime import datetime

from dialogue.conversation import Channel, Conversation, Floor
from dialogue.going_out import WINDOW
from dialogue.ports import DialogueTx


def external_id(openid: str, round_number: int) -> str:
    return f"{openid}-{round_number}"


def openid_of(conversation: Conversation) -> str:
    return conversation.external_id.rpartition("-")[0]


def latest(tx: DialogueTx, openid: str) -> tuple[Conversation | None, int]:
    """The resident's newest conversation and its round (0: none). Rounds have no gaps, so few looks find the last one."""

    def look(number: int) -> Conversation | None:
        return tx.conversation_by_external_id(Channel.WECHAT, external_id(openid, number))

    known, low, step = None, 0, 1
    while (found := look(low + step)) is not None:
        known, low, step = found, low + step, step * 2
    while step > 1:
        step //= 2
        if (found := look(low + step)) is not None:
            known, low = found, low + step
    return known, low


def goes_on(conversation: Conversation, now: datetime) -> bool:
    """A conversation that ended lately is taken up again: "it is still leaking" belongs to the leak."""
    return conversation.floor is not Floor.ENDED or now - conversation.last_at < WINDOW
