"""The floor moves between the bot and a person. Exactly one holds it; an answer of an older epoch is discarded.

What an operator writes is stored in the conversation's log; a waiting call finds it there within seconds (ivr's hold loop),
and a call that still listens to the bot is fetched by an outbox row of the same transaction. The deliverers at the bottom are the worker's side of it; each may run twice.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dialogue.conference import leave_conference, somebody_talks, talk_of
from dialogue.conversation import Author, Channel, Conversation, Floor, Message
from dialogue.floor import VANISHED_AFTER, watch_operator
from dialogue.line import watch_queue
from dialogue.ports import DialogueStore, DialogueTx
from dialogue.recordings import announce_recording
from dialogue.script_book import ScriptBook
from fulfillment.outbox import NewTask, Task, TaskKind
from fulfillment.ownership import own_first
from fulfillment.ports import Carrier
from fulfillment.standard import Standard
from kernel.clock import Clock
from kernel.errors import AlreadyTaken, BadInput, CarrierRefused, StaleEpoch

LONGEST_ANSWER = 2_000
#: By then the longest of them is over.
SAFETY_WORDS_LAST = timedelta(seconds=30)


def hold_path(conversation_id: str, after: int) -> str:
    """Where a live call fetches what was written after message number `after`."""
    return f"/ivr/calls/{conversation_id}/hold/{after}"


@dataclass(frozen=True, slots=True)
class Handoff:
    """The operator's side of a conversation. Safe to share between threads."""

    store: DialogueStore
    book: ScriptBook
    clock: Clock
    record_calls: bool = False  # data/queue.yml

    def take_over(self, conversation_id: str, operator_id: int) -> Conversation:
        """Gives the floor to an operator; taking what one already holds changes nothing.

        Raises AlreadyTaken with the name of the operator who has it, NotFound.
        """
        now = self.clock.now()
        with self.store.write() as tx:
            operator = tx.operator(operator_id)
            before = tx.conversation(conversation_id, for_update=True)
            if before.floor is Floor.OPERATOR:
                if before.operator_id == operator_id:
                    return before
                raise AlreadyTaken(self._name(tx, before.operator_id))
            moved = tx.move_floor(
                conversation_id, to=Floor.OPERATOR, operator_id=operator_id, epoch=before.epoch, at=now
            )
            if moved is None:
                raise AlreadyTaken(self._name(tx, tx.conversation(conversation_id).operator_id))
            tx.operator_seen(conversation_id, operator_id, now)
            own_first(tx, conversation_id, operator, now)
            said = self.book.say("handoff.taken", operator=operator.name, number=operator.number)
            message = self._append(tx, moved, Author.BOT, said.chat, data={"voice": said.voice, "script": said.script})
            if moved.channel is Channel.PHONE and not _must_be_heard(tx, before, now):
                # The call listens for the bot, or to music. After safety words it is left alone: the loop finds the line.
                payload = {"conversation_id": moved.id, "seq": message.seq}
                tx.enqueue(NewTask(TaskKind.SPEAK_TO_CALLER, f"speak:{moved.id}:{message.seq}", now, payload))
            if self.record_calls and moved.channel is Channel.PHONE:
                announce_recording(tx, moved, self.book, now)
            watch_operator(tx, moved, now + VANISHED_AFTER)
            return moved

    def hand_back(self, conversation_id: str, operator_id: int) -> Conversation:
        """Gives the floor back to the bot. Raises StaleEpoch if this operator does not hold it."""
        return self._leave(conversation_id, operator_id, Floor.BOT, "handoff.back")

    def end(self, conversation_id: str, operator_id: int) -> Conversation:
        """Ends the conversation politely; a call is hung up. Raises StaleEpoch if this operator does not hold it."""
        return self._leave(conversation_id, operator_id, Floor.ENDED, "handoff.ended")

    def say(self, conversation_id: str, operator_id: int, text: str, client_id: str) -> Message:
        """An operator's words: shown in the chat, spoken on the phone. A repeated client_id returns the first message.

        Raises StaleEpoch if this operator does not hold the floor, BadInput if the text is empty or longer than 2,000.
        """
        words = text.strip()
        if not words or len(words) > LONGEST_ANSWER:
            msg = f"an answer has 1 to {LONGEST_ANSWER} characters, this one {len(words)}"
            raise BadInput(msg)
        with self.store.write() as tx:
            conversation = self._held(tx, conversation_id, operator_id)
            name = tx.operator(operator_id).name
            tx.operator_seen(conversation_id, operator_id, self.clock.now())
            data: dict[str, Any] = {"operator": name, "operator_id": operator_id}
            if talk_of(tx, conversation).caller is not None:
                data["spoken"] = "noted"  # he is on the telephone: a note, not to be read out when the talk is over
            return self._append(tx, conversation, Author.OPERATOR, words, data=data, client_id=f"op:{client_id}")

    def heartbeat(self, conversation_id: str, operator_id: int) -> None:
        """The operator's page is open."""
        with self.store.write() as tx:
            tx.operator_seen(conversation_id, operator_id, self.clock.now())

    def _leave(self, conversation_id: str, operator_id: int, to: Floor, script: str) -> Conversation:
        with self.store.write() as tx:
            conversation = self._held(tx, conversation_id, operator_id)
            said = self.book.say(script)
            moved = tx.move_floor(
                conversation_id, to=to, operator_id=None, epoch=conversation.epoch, at=self.clock.now()
            )
            if moved is None:
                msg = f"conversation {conversation_id} moved on"
                raise StaleEpoch(msg)
            self._append(tx, moved, Author.BOT, said.chat, data={"voice": said.voice, "script": said.script})
            leave_conference(tx, moved, self.clock.now())
            return moved

    def _held(self, tx: DialogueTx, conversation_id: str, operator_id: int) -> Conversation:
        conversation = tx.conversation(conversation_id, for_update=True)
        if conversation.floor is not Floor.OPERATOR or conversation.operator_id != operator_id:
            msg = f"operator {operator_id} does not hold conversation {conversation_id}"
            raise StaleEpoch(msg)
        return conversation

    def _append(
        self,
        tx: DialogueTx,
        conversation: Conversation,
        author: Author,
        text: str,
        *,
        data: dict[str, str],
        client_id: str | None = None,
    ) -> Message:
        return tx.add_message(
            conversation.id, author=author, text=text, at=self.clock.now(), data=dict(data), client_id=client_id
        )

    def _name(self, tx: DialogueTx, operator_id: int | None) -> str:
        return tx.operator(operator_id).name if operator_id is not None else ""


def _must_be_heard(tx: DialogueTx, conversation: Conversation, now: datetime) -> bool:
    """Safety words are perhaps still being spoken to somebody in the hold loop, who hears the new line by itself."""
    recent = tx.messages(conversation.id, after=max(0, conversation.last_seq - 5))
    waits = conversation.floor is Floor.QUEUE
    return waits and any(m.data.get("interruptible") is False and now - m.at < SAFETY_WORDS_LAST for m in recent)


# --- the worker's side ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HandoffDeliveries:
    """Carries out what the handoff promised. Each re-reads the conversation first: the floor may have moved on."""

    store: DialogueStore
    carrier: Carrier
    book: ScriptBook
    standard: Standard
    clock: Clock

    def speak_to_caller(self, task: Task) -> None:
        """Fetches a live call from the bot, or out of a piece of music; a call that is over needs nothing."""
        with self.store.read() as tx:
            conversation = tx.conversation(task.payload["conversation_id"])
            if talk_of(tx, conversation).caller is not None:
                return  # he talks by now; the loop says it when he is back
            after = int(task.payload["seq"]) - 1
            if any("spoken" in line.data for line in tx.messages(conversation.id, after=after, limit=1)):
                return  # the loop was faster: an interruption would cut it off
        self._fetch(conversation, hold_path(conversation.id, after))

    def release_conversation(self, task: Task) -> None:
        """An operator who vanished loses the floor to the queue; one whose page is alive is watched on."""
        now = self.clock.now()
        with self.store.write() as tx:
            conversation = tx.conversation(task.payload["conversation_id"], for_update=True)
            if conversation.floor is not Floor.OPERATOR or conversation.epoch != task.payload["epoch"]:
                return
            seen = conversation.seen_by_operator_at or conversation.last_at
            if now - seen < VANISHED_AFTER:
                watch_operator(tx, conversation, seen + VANISHED_AFTER)
                return
            if somebody_talks(tx, conversation):  # a closed page does not cut off who is on the telephone
                watch_operator(tx, conversation, now + VANISHED_AFTER)
                return
            moved = tx.move_floor(conversation.id, to=Floor.QUEUE, operator_id=None, epoch=conversation.epoch, at=now)
            if moved is None:
                return
            said = self.book.say("handoff.still_waiting")
            tx.add_message(
                moved.id, author=Author.BOT, text=said.chat, at=now, data={"voice": said.voice, "script": said.script}
            )
            lost_it = [conversation.operator_id] if conversation.operator_id is not None else []
            watch_queue(tx, moved, now, self.standard.queue, not_to=lost_it)

    def _fetch(self, conversation: Conversation, path: str) -> None:
        if conversation.channel is not Channel.PHONE:
            return
        try:
            self.carrier.fetch_turn(conversation.external_id, path)
        except CarrierRefused:
            return  # the call is over: the status callback closes the conversation, nothing is left to be said
