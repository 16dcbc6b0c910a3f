"""Who holds the floor must be there. The look whether an operator's page is still open is promised with every change of floor."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from dialogue.conversation import Conversation
from dialogue.ports import DialogueTx
from fulfillment.outbox import NewTask, TaskKind

#: An operator whose page has been silent for this long has vanished: the resident goes back to the queue, never to nobody.
VANISHED_AFTER = timedelta(seconds=90)


def promise_assignment(tx: DialogueTx, conversation: Conversation, due_at: datetime, not_to: Sequence[int]) -> None:
    """A waiting chat is given to somebody who is free; not to those who had it and did not keep it."""
    payload = {"conversation_id": conversation.id, "epoch": conversation.epoch, "not_to": list(not_to)}
    key = f"assign:{conversation.id}:{conversation.epoch}:{due_at.isoformat()}"
    tx.enqueue(NewTask(TaskKind.ASSIGN_CHAT, key, due_at, payload))


def watch_operator(tx: DialogueTx, conversation: Conversation, due_at: datetime) -> None:
    tx.enqueue(
        NewTask(
            TaskKind.RELEASE_CONVERSATION,
            f"release:{conversation.id}:{conversation.epoch}:{due_at.isoformat()}",
            due_at,
            {"conversation_id": conversation.id, "epoch": conversation.epoch},
        )
    )
