"""A waiting chat is given to an operator who is free: the worker's side. Telephone calls are taken by hand, they ring.

Each is one conditional update by epoch, as a takeover is: whoever takes the chat by hand in between has it. Supervisors
and administrators are given nothing, their pages are open for other things.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dialogue.conversation import Author, Channel, Conversation, Floor
from dialogue.floor import VANISHED_AFTER, promise_assignment, watch_operator
from dialogue.line import watch_queue
from dialogue.ports import DialogueStore, DialogueTx
from dialogue.script_book import ScriptBook
from fulfillment.company import OperatorRole
from fulfillment.outbox import NewTask, Task, TaskKind
from fulfillment.ownership import own_first
from fulfillment.standard import Standard
from fulfillment.waiting import QueueRules, WaitKind, Workload, who_takes_it
from kernel.clock import Clock

_LONGEST_BETWEEN_LOOKS = timedelta(minutes=1)


def workloads(tx: DialogueTx, rules: QueueRules, now: datetime) -> Sequence[Workload]:
    """Operators who are there. Whoever is on the telephone can hold no chat beside it."""
    held = [c for c in tx.live_conversations() if c.floor is Floor.OPERATOR]
    chats = Counter(c.operator_id for c in held if c.channel.is_written)
    on_the_phone = {c.operator_id for c in held if c.channel is Channel.PHONE}
    present, capacities = tx.present_operators(now - rules.present_within), tx.chat_capacities()
    return [
        Workload(o.id, chats[o.id], 0 if o.id in on_the_phone else capacities.get(o.id, rules.chats_per_operator))
        for o in tx.operators()
        if o.active and o.role is OperatorRole.OPERATOR and o.id in present
    ]


@dataclass(frozen=True, slots=True)
class Assignment:
    """Deliverers of the outbox. Each re-reads the conversation first: the floor may have moved on."""

    store: DialogueStore
    book: ScriptBook
    standard: Standard
    clock: Clock

    def assign(self, task: Task) -> None:
        """Nobody free: looked again in a few seconds, later in a minute, for as long as he waits."""
        now, rules, not_to = self.clock.now(), self.standard.queue, task.payload["not_to"]
        with self.store.write() as tx:
            before = tx.conversation(task.payload["conversation_id"], for_update=True)
            if before.floor is not Floor.QUEUE or before.epoch != task.payload["epoch"] or not rules.assign_chats:
                return
            free = [load for load in workloads(tx, rules, now) if load.is_free]
            places = sum(load.capacity - load.chats for load in free)
            chosen = who_takes_it(free, _owner(tx, before.id), not_to) if _ahead(tx, before.id) < places else None
            moved = chosen and tx.move_floor(
                before.id, to=Floor.OPERATOR, operator_id=chosen.operator_id, epoch=before.epoch, at=now
            )
            if chosen is None or not moved:
                promise_assignment(tx, before, now + _next_look(before, rules, now), not_to)
                return
            operator = tx.operator(chosen.operator_id)
            own_first(tx, moved.id, operator, now)
            self._tell(tx, moved, "handoff.assigned", now, operator=operator.name)
            watch_operator(tx, moved, now + VANISHED_AFTER)
            payload = {"conversation_id": moved.id, "epoch": moved.epoch, "since": now.isoformat(), "not_to": not_to}
            due_at = now + rules.open_assigned_within
            tx.enqueue(NewTask(TaskKind.WATCH_ASSIGNED, f"assigned:{moved.id}:{moved.epoch}", due_at, payload))

    def watch_assigned(self, task: Task) -> None:
        """Not opened in time: back to the line, and not to him again."""
        now, payload = self.clock.now(), task.payload
        with self.store.write() as tx:
            before = tx.conversation(payload["conversation_id"], for_update=True)
            if before.floor is not Floor.OPERATOR or before.epoch != payload["epoch"]:
                return
            seen = before.seen_by_operator_at
            if seen is not None and seen > datetime.fromisoformat(payload["since"]):
                return
            moved = tx.move_floor(before.id, to=Floor.QUEUE, operator_id=None, epoch=before.epoch, at=now)
            if moved is None:
                return
            self._tell(tx, moved, "handoff.still_waiting", now)
            not_to = [*payload["not_to"], *filter(None, [before.operator_id])]
            watch_queue(tx, moved, now, self.standard.queue, not_to=not_to)

    def _tell(self, tx: DialogueTx, conversation: Conversation, script: str, now: datetime, **params: str) -> None:
        said = self.book.say(script, **params)
        data = {"voice": said.voice, "script": said.script}
        tx.add_message(conversation.id, author=Author.BOT, text=said.chat, at=now, data=data)


def _next_look(waiting: Conversation, rules: QueueRules, now: datetime) -> timedelta:
    """The longer he has waited the less a look costs him; a night without operators must not fill the outbox."""
    waited = now - (waiting.waiting_since or now)
    return min(_LONGEST_BETWEEN_LOOKS, max(rules.assign_again_after, waited / 12))


def _owner(tx: DialogueTx, conversation_id: str) -> int | None:
    return next((t.owner_id for t in tx.open_tickets(conversation_id=conversation_id) if t.owner_id is not None), None)


def _ahead(tx: DialogueTx, conversation_id: str) -> int:
    """How many chats stand before this one: danger first, then old and ill residents, then by time."""
    chats = {c.id for c in tx.live_conversations() if c.channel.is_written and c.floor is Floor.QUEUE}
    line = [one.wait for one in tx.waiting_line() if one.wait.kind is WaitKind.LIVE]
    ids = [wait.conversation_id for wait in line if wait.conversation_id in chats]
    return ids.index(conversation_id) if conversation_id in ids else 0
