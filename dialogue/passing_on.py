"""A chat goes from one person to another, back to the queue, or is taken by a supervisor. The case keeps its owner (W6e).

Each is one conditional update by epoch: of several who try at once, one moves it and the others hear StaleEpoch.
A telephone call is passed on with its audio (dialogue.conference), never here.
"""

from dataclasses import dataclass

from dialogue.assignment import workloads
from dialogue.conversation import Author, Conversation, Floor
from dialogue.floor import VANISHED_AFTER, watch_operator
from dialogue.line import watch_queue
from dialogue.ports import DialogueStore, DialogueTx
from dialogue.private_note import PrivateNote
from dialogue.script_book import ScriptBook
from fulfillment.waiting import QueueRules
from kernel.clock import Clock
from kernel.errors import BadInput, Conflict, StaleEpoch

LONGEST_REASON = 200


@dataclass(frozen=True, slots=True)
class PassingOn:
    """Safe to share between threads. `epoch` is the one the acting person saw. All raise NotFound, StaleEpoch if the floor
    has moved since or is not theirs, Conflict for a telephone call, BadInput for a reason that is too long.
    """

    store: DialogueStore
    book: ScriptBook
    rules: QueueRules
    clock: Clock

    def to_person(self, conversation_id: str, by: int, to: int, *, epoch: int, why: str = "") -> Conversation:
        """Only to somebody whose console is open and who can hold one more: Conflict otherwise. A page that then stays closed loses it to the queue."""
        now = self.clock.now()
        with self.store.write() as tx:
            before = self._held(tx, conversation_id, by, epoch)
            receiver = tx.operator(to)
            if to == by or not receiver.active or to not in tx.present_operators(now - self.rules.present_within):
                raise Conflict(f"operator {to} is not there")
            if any(load.operator_id == to and not load.is_free for load in workloads(tx, self.rules, now)):
                raise Conflict(f"operator {to} has as many chats as he can hold")
            note = self.book.word("handoff.passed_to_person", {"name": receiver.name, "why": _short(why)})
            return self._to_operator(tx, before, to, by=by, note=note)

    def to_queue(self, conversation_id: str, by: int, *, epoch: int, why: str = "") -> Conversation:
        """The resident waits again; whoever is free takes it."""
        with self.store.write() as tx:
            before = self._held(tx, conversation_id, by, epoch)
            moved = self._moved(tx, before, Floor.QUEUE, None)
            self._tell(tx, moved, "handoff.still_waiting")
            watch_queue(tx, moved, self.clock.now(), self.rules, not_to=[by])
            self._note(tx, moved, by, self.book.word("handoff.passed_to_queue", {"why": _short(why)}))
            return moved

    def take_from(self, conversation_id: str, by: int, *, epoch: int) -> Conversation:
        """A supervisor takes it from whoever has it."""
        with self.store.write() as tx:
            before = self._chat(tx, conversation_id, epoch)
            if before.floor is not Floor.OPERATOR or before.operator_id == by:
                raise StaleEpoch(f"nobody else holds conversation {conversation_id}")
            holder = tx.operator(before.operator_id or 0)
            note = self.book.word("handoff.taken_from", {"name": holder.name})
            return self._to_operator(tx, before, by, by=by, note=note)

    def _to_operator(self, tx: DialogueTx, before: Conversation, to: int, *, by: int, note: str) -> Conversation:
        moved = self._moved(tx, before, Floor.OPERATOR, to)
        operator = tx.operator(to)
        self._tell(tx, moved, "handoff.taken", operator=operator.name, number=operator.number)
        watch_operator(tx, moved, self.clock.now() + VANISHED_AFTER)
        self._note(tx, moved, by, note)
        return moved

    def _held(self, tx: DialogueTx, conversation_id: str, by: int, epoch: int) -> Conversation:
        conversation = self._chat(tx, conversation_id, epoch)
        if conversation.floor is not Floor.OPERATOR or conversation.operator_id != by:
            raise StaleEpoch(f"operator {by} does not hold conversation {conversation_id}")
        return conversation

    def _chat(self, tx: DialogueTx, conversation_id: str, epoch: int) -> Conversation:
        conversation = tx.conversation(conversation_id, for_update=True)
        if not conversation.channel.is_written:
            raise Conflict("a call is passed on with its audio")
        if conversation.epoch != epoch:
            raise StaleEpoch(f"conversation {conversation_id} is at epoch {conversation.epoch}, not {epoch}")
        return conversation

    def _moved(self, tx: DialogueTx, before: Conversation, to: Floor, operator_id: int | None) -> Conversation:
        moved = tx.move_floor(before.id, to=to, operator_id=operator_id, epoch=before.epoch, at=self.clock.now())
        if moved is None:
            raise StaleEpoch(f"conversation {before.id} moved on")
        return moved

    def _tell(self, tx: DialogueTx, conversation: Conversation, script: str, **params: str) -> None:
        said = self.book.say(script, **params)
        data = {"voice": said.voice, "script": said.script}
        tx.add_message(conversation.id, author=Author.BOT, text=said.chat, at=self.clock.now(), data=data)

    def _note(self, tx: DialogueTx, moved: Conversation, by: int, text: str) -> None:
        under = tx.conversation(moved.id).last_seq
        name = tx.operator(by).name
        tx.add_private_note(PrivateNote(0, moved.id, under, self.clock.now(), name, text, f"epoch:{moved.epoch}"))


def _short(why: str) -> str:
    text = why.strip()
    if len(text) > LONGEST_REASON:
        raise BadInput(f"a reason has up to {LONGEST_REASON} characters, not {len(text)}")
    return text
