"""Who holds the floor must be there. The look whether an operator's page is still open is promised with every change of floor."""

from datetime import datetime, timedelta

from dialogue.conversation import Conversation
from dialogue.ports import DialogueTx
from fulfillment.outbox import NewTask, TaskKind

#: An operator whose page has been silent for this long has vanished: the resident goes back to the queue, never to nobody.
VANISHED_AFTER = timedelta(seconds=90)


def watch_operator(tx: DialogueTx, conversation: Conversation, due_at: datetime) -> None:
    tx.enqueue(
        NewTask(
            TaskKind.RELEASE_CONVERSATION,
            f"release:{conversation.id}:{conversation.epoch}:{due_at.isoformat()}",
            due_at,
            {"conversation_id": conversation.id, "epoch": conversation.epoch},
        )
    )
