"""What a resident said is answered, even if the process that heard it was killed or found the database locked.

The promise is made in the transaction that stores his words and dropped in the one that answers them. Whoever is not answered
in time by the channel (which delivers a turn again within seconds, or never) is answered by the worker: an alarm leaves, a
chat gets its words. On the telephone nobody hears them any more: the carrier has gone on with the fallback's instructions.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from dialogue.conversation import Channel, Floor, Reply, Turn
from dialogue.ports import DialogueStore, DialogueTx
from fulfillment.outbox import NewTask, Rank, Task, TaskKind

log = structlog.get_logger()

#: The carrier gives up a turn after 15 s, the chat's page after 10.
ANSWERED_WITHIN = timedelta(seconds=20)
#: Speech is heard for a minute at most (TwiML <Gather>), and its turn takes a while to come.
SPEAKS_AT_MOST = timedelta(seconds=90)


class HandlesTurns(Protocol):
    """dialogue.handle_turn.Hotline."""

    def handle_turn(self, turn: Turn) -> Reply: ...
    def hang_up(self, conversation_id: str) -> None: ...


def promise_answer(tx: DialogueTx, turn: Turn, now: datetime) -> None:
    """In the transaction that stores the words."""
    words = {"text": turn.text, "digits": turn.digits, "choice": turn.choice}
    _promise(tx, turn, _heard(turn), now + ANSWERED_WITHIN, words)


def promise_answer_to_half(tx: DialogueTx, turn: Turn, now: datetime) -> None:
    """The words so far are stored elsewhere, and may grow until then."""
    _promise(tx, turn, _half(turn), now + SPEAKS_AT_MOST, {})


def is_answered(tx: DialogueTx, turn: Turn) -> None:
    """In the transaction that stores the reply."""
    tx.drop_tasks([_heard(turn), _half(turn)])


@dataclass(frozen=True, slots=True)
class Unanswered:
    """`deliver` may run twice: a turn that is stored is not answered again."""

    store: DialogueStore
    hotline: HandlesTurns

    def deliver(self, task: Task) -> None:
        turn = Turn(**task.payload)
        with self.store.read() as tx:
            half = tx.half_heard(turn.conversation_id)
            conversation = tx.conversation(turn.conversation_id)
        if task.key == _half(turn):
            if half is None or half[0] != turn.key:  # the caller has spoken on
                return
            turn = replace(turn, text=half[1])
        log.warning("turn_left_unanswered", conversation=turn.conversation_id, key=turn.key)
        self.hotline.handle_turn(turn)
        if conversation.channel is Channel.PHONE and conversation.floor is Floor.ENDED:
            self.hotline.hang_up(turn.conversation_id)  # the turn has opened it again


def _promise(tx: DialogueTx, turn: Turn, key: str, due_at: datetime, words: dict[str, str]) -> None:
    payload = {"conversation_id": turn.conversation_id, "key": turn.key, **words}
    tx.enqueue(NewTask(TaskKind.ANSWER_TURN, key, due_at, payload, rank=Rank.FIRST))


def _heard(turn: Turn) -> str:
    return f"heard-{turn.conversation_id}-{turn.key}"


def _half(turn: Turn) -> str:
    return f"half-heard-{turn.conversation_id}-{turn.key}"
