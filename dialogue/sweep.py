"""What is tidied up every few minutes: chats that were left open, calls of whose end nobody has told; photographs, recordings, finished tasks, answers to webhooks and records of looks kept too long."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from dialogue.pictures import PictureFiles, forget_pictures
from dialogue.ports import DialogueStore
from dialogue.recordings import delete_later, fetch_later
from fulfillment.outbox import NewTask, Task, TaskKind
from fulfillment.standard import Standard
from kernel.clock import Clock, local

_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
#: The first task of a recording tries for about two minutes.
_FETCHED_BY_ITSELF = timedelta(minutes=10)
_FETCHED_AGAIN_FOR = timedelta(days=1)
#: The carrier delivers a webhook again within seconds or never.
_WEBHOOKS_REPEATED_FOR = timedelta(hours=1)
#: Whoever writes waits while they are deleted, and a company that keeps them for half as long as before has a million. So many
#: each time are a quarter of a million a day, more than any console shows.
_LOOKS_AT_ONCE = 1000


class ClosesConversations(Protocol):
    """dialogue.handle_turn.Hotline."""

    def hang_up(self, conversation_id: str, *, silent_since: datetime | None = None) -> None: ...


@dataclass(frozen=True, slots=True)
class Sweep:
    """Each sweep promises the next one before it begins, in a slot of its own: it may run twice, fail, or be promised by
    several workers at once, and there is still one after it.
    """

    store: DialogueStore
    hotline: ClosesConversations
    standard: Standard
    clock: Clock
    keep_recordings: timedelta
    pictures: PictureFiles

    def promise(self) -> None:
        """For a starting worker. Twice is the same as once."""
        every = self.standard.queue.sweep_every
        slot = (self.clock.now() - _EPOCH) // every + 1
        with self.store.write() as tx:
            tx.enqueue(NewTask(TaskKind.SWEEP, f"sweep:{slot}:{every}", _EPOCH + slot * every))

    def sweep(self, _task: Task) -> None:
        self.promise()
        now, rules = self.clock.now(), self.standard.queue
        silent_since = now - rules.close_chat_after
        with self.store.read() as tx:
            silent = tx.silent_chats(silent_since)
            without_end = tx.silent_calls(now - rules.close_call_after)
            old = tx.recordings_before(now - self.keep_recordings)
            unfetched = tx.unfetched_recordings(now - _FETCHED_AGAIN_FOR, now - _FETCHED_BY_ITSELF)
        forget_pictures(self.store, self.pictures, now - self.keep_recordings)
        for call in without_end:
            self.hotline.hang_up(call.id)
        for chat in silent:
            self.hotline.hang_up(chat.id, silent_since=silent_since)
        with self.store.write() as tx:
            for recording in unfetched:  # the carrier was late, and its word that it is ready got lost: once an hour
                fetch_later(tx, recording, now, f"{now:%Y%m%d%H}")
            for recording in old:
                delete_later(tx, recording, now, by="worker")
            tx.delete_finished_tasks(now - rules.keep_finished_tasks)
            tx.delete_answers(now - _WEBHOOKS_REPEATED_FOR)
            tx.forget_identity_tries(local(now).date())
            tx.forget_looks(now - self.standard.looks.kept, _LOOKS_AT_ONCE)
