"""Nobody answers "is it a leak?" in a chat: after a moment that counts as yes, as a second unsure answer does (G7e).

A call needs none of this: its silence is a turn of its own, and hanging up counts as well.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from dialogue.conversation import Channel, Conversation
from fulfillment.dispatch import LadderPlan
from fulfillment.outbox import NewTask, Rank, Task, TaskKind
from fulfillment.ports import FulfillmentTx

ASKED = "leak"


class TakesSilenceForYes(Protocol):
    """dialogue.handle_turn.Hotline."""

    def leak_unanswered(self, conversation_id: str, key: str, *, seq: int) -> None: ...


def watch_leak_question(
    tx: FulfillmentTx, conversation: Conversation, *, seq: int, plan: LadderPlan, now: datetime
) -> None:
    """Promises the look, in the transaction that asks. `seq`: the last message of the question."""
    if conversation.channel is Channel.PHONE:
        return
    due_at = now + timedelta(seconds=plan.leak_question_seconds)
    payload = {"conversation_id": conversation.id, "seq": seq}
    key = f"leak-question-{conversation.id}-{seq}"
    tx.enqueue(NewTask(TaskKind.WATCH_LEAK_QUESTION, key, due_at, payload, rank=Rank.FIRST))


@dataclass(frozen=True, slots=True)
class LeakQuestions:
    """`deliver` may run twice: the turn is stored under the task's key."""

    hotline: TakesSilenceForYes

    def deliver(self, task: Task) -> None:
        self.hotline.leak_unanswered(task.payload["conversation_id"], task.key, seq=task.payload["seq"])
