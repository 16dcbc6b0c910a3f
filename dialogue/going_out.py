"""Lines that must leave the house: a conversation of the official account is on no page of ours, each line is sent. Pure
but for `can_be_written_to`.

Whoever adds a line promises in the same transaction that it is sent. The store does that, so that no writer can forget it.
What became of a line stands in its `data`: LEAVING (who is sending it, since when), then LEFT or KEPT_BACK for good.
"""

from datetime import datetime, timedelta
from typing import Any

from dialogue.conversation import Author, Channel, Conversation, Floor, Message
from dialogue.ports import DialogueTx
from fulfillment.outbox import NewTask, TaskKind

LEAVING = "leaving"  # [token of the task, instant]
LEFT = "left"  # "answer": in the answer to the resident's own message; "message": by itself
KEPT_BACK = "kept_back"  # why it was not sent (`wechat.sending.Reason`)

#: WeChat waits five seconds for the answer to a message. A line of the bot belongs to such an answer as a rule.
ANSWER_OPEN_FOR = timedelta(seconds=5)
#: So long after the last word of a resident WeChat still takes messages to him.
WINDOW = timedelta(hours=48)
_LOOK_BACK = 100  # messages


def promise_to_send(channel: Channel, line: Message) -> NewTask | None:
    """To be enqueued with the line; None for a line that a page shows, or that is not for the resident."""
    if channel is not Channel.WECHAT or not is_for_resident(line):
        return None
    due_at = line.at if line.author is Author.OPERATOR else line.at + ANSWER_OPEN_FOR
    payload = {"conversation_id": line.conversation_id, "seq": line.seq}
    return NewTask(TaskKind.SEND_LINE, sending_key(line), due_at, payload)


def sending_key(line: Message) -> str:
    return f"send:{line.conversation_id}:{line.seq}"


def is_for_resident(line: Message) -> bool:
    if line.author is Author.SYSTEM:
        return line.data.get("audience") == "resident"
    return line.author in (Author.BOT, Author.OPERATOR)


def unsent(tx: DialogueTx, conversation: Conversation) -> list[Message]:
    """Lines that have neither left nor been kept back, oldest first. Of the last hundred of the log."""
    lines = tx.messages(conversation.id, after=max(0, conversation.last_seq - _LOOK_BACK))
    return [m for m in lines if is_for_resident(m) and LEFT not in m.data and KEPT_BACK not in m.data]


def without_mark(line: Message) -> dict[str, Any]:
    return {key: value for key, value in line.data.items() if key != LEAVING}


def can_be_written_to(tx: DialogueTx, conversation: Conversation, now: datetime) -> bool:
    """Whether something that the resident did not ask for just now can be said here; a text is the other way."""
    if not conversation.channel.is_written or conversation.floor is Floor.ENDED:
        return False
    if conversation.channel is not Channel.WECHAT:
        return True
    lines = tx.messages(conversation.id, after=max(0, conversation.last_seq - _LOOK_BACK))
    return any(m.author is Author.RESIDENT and now - m.at < WINDOW for m in lines)
