"""Conversations, their append-only logs and stored replies, as rows."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, delete, func, insert, or_, select, update

from dialogue.conversation import Author, Channel, Conversation, Floor, Message
from dialogue.going_out import promise_to_send
from kernel.errors import NotFound, StaleEpoch
from storage import schema
from storage.outbox import OutboxRows
from storage.rows import values_of
from storage.waiting import WaitingRows


class ConversationRows(WaitingRows, OutboxRows):
    """The conversation part of `dialogue.ports.DialogueTx`."""

    def add_conversation(self, conversation: Conversation) -> Conversation:
        self._write(
            self._insert(schema.conversation)
            .values(values_of(conversation))
            .on_conflict_do_nothing(index_elements=["channel", "external_id"])
        )
        stored = self.conversation_by_external_id(conversation.channel, conversation.external_id)
        if stored is None:
            raise AssertionError("a conversation that conflicts exists, and conversations are never deleted")
        return stored

    def conversation(self, conversation_id: str, *, for_update: bool = False) -> Conversation:
        statement = select(schema.conversation).where(schema.conversation.c.id == conversation_id)
        row = self._first(self._locked(statement) if for_update else statement)
        if row is None:
            raise NotFound(f"no conversation {conversation_id}")
        return Conversation(**row)

    def conversation_by_external_id(self, channel: Channel, external_id: str) -> Conversation | None:
        columns = schema.conversation.c
        row = self._first(
            select(schema.conversation).where(columns.channel == channel, columns.external_id == external_id)
        )
        return Conversation(**row) if row else None

    def save_conversation(self, conversation: Conversation) -> None:
        """Raises StaleEpoch rather than giving the floor back to whoever had it when the caller last looked."""
        columns = schema.conversation.c
        written = self._write(
            update(schema.conversation)
            .where(columns.id == conversation.id, columns.epoch <= conversation.epoch)
            .values(values_of(conversation, "id", "last_seq", "seen_by_operator_at"))
        )
        if not written:
            stored = self.conversation(conversation.id)
            raise StaleEpoch(f"the floor moved on: epoch {stored.epoch}, not {conversation.epoch}")

    def move_floor(
        self, conversation_id: str, *, to: Floor, operator_id: int | None, epoch: int, at: datetime
    ) -> Conversation | None:
        """A new holder counts as seen at `at`; the heartbeat of an earlier one is forgotten. Stays in the queue begin and
        end with the floor. Raises NotFound.
        """
        columns = schema.conversation.c
        held = to is Floor.OPERATOR
        row = self._write_returning(
            update(schema.conversation)
            .where(columns.id == conversation_id, columns.epoch == epoch)
            .values(
                floor=to,
                operator_id=operator_id if held else None,
                epoch=epoch + 1,
                waiting_since=at if to is Floor.QUEUE else None,
                seen_by_operator_at=at if held else None,
                last_at=at,
            )
            .returning(schema.conversation)
        )
        if row is None:
            self.conversation(conversation_id)
            return None
        self._follow_floor(conversation_id, to, at, operator_id)
        return Conversation(**row)

    def operator_seen(self, conversation_id: str, operator_id: int, at: datetime) -> None:
        columns = schema.conversation.c
        held = update(schema.conversation).where(columns.id == conversation_id, columns.operator_id == operator_id)
        self._write(held.values(seen_by_operator_at=at))

    def live_conversations(self) -> Sequence[Conversation]:
        columns = schema.conversation.c
        group = case((columns.floor == Floor.QUEUE, 0), (columns.floor == Floor.OPERATOR, 1), else_=2)
        statement = select(schema.conversation).where(schema.LIVE)
        ordered = statement.order_by(group, columns.waiting_since, columns.last_at.desc(), columns.id)
        return [Conversation(**row) for row in self._all(ordered)]

    def live_tops(self) -> Mapping[str, tuple[int, int]]:
        columns = schema.conversation.c
        found = self._all(select(columns.id, columns.last_seq, columns.epoch).where(schema.LIVE))
        return {row["id"]: (row["last_seq"], row["epoch"]) for row in found}

    def silent_chats(self, before: datetime, limit: int = 100) -> Sequence[Conversation]:
        columns = schema.conversation.c
        return self._silent(
            before, limit, columns.channel != Channel.PHONE, columns.floor.in_([Floor.BOT, Floor.QUEUE])
        )

    def silent_calls(self, before: datetime, limit: int = 100) -> Sequence[Conversation]:
        columns = schema.conversation.c
        return self._silent(before, limit, columns.channel == Channel.PHONE, columns.floor == Floor.BOT)

    def _silent(self, before: datetime, limit: int, *which: ColumnElement[bool]) -> Sequence[Conversation]:
        columns = schema.conversation.c
        statement = select(schema.conversation).where(schema.LIVE, columns.last_at < before, *which)
        return [Conversation(**row) for row in self._all(statement.order_by(columns.last_at).limit(limit))]

    def recent_conversations(self, limit: int = 50) -> Sequence[Conversation]:
        columns = schema.conversation.c
        statement = select(schema.conversation).order_by(columns.opened_at.desc(), columns.id).limit(limit)
        return [Conversation(**row) for row in self._all(statement)]

    def add_message(
        self,
        conversation_id: str,
        *,
        author: Author,
        text: str,
        at: datetime,
        data: dict[str, Any] | None = None,
        client_id: str | None = None,
    ) -> Message:
        if client_id is not None:
            # The lock comes before the look: of two deliveries the later one sees the first one's row, and no seq is lost.
            self.conversation(conversation_id, for_update=True)
            stored = self._message_of_client(conversation_id, client_id)
            if stored is not None:
                return stored
        seq, channel = self._next_seq(conversation_id)
        message = Message(
            conversation_id=conversation_id,
            seq=seq,
            author=author,
            text=text,
            at=at,
            data=data or {},
            client_id=client_id,
        )
        self._write(insert(schema.message).values(values_of(message)))
        promised = promise_to_send(channel, message)
        if promised is not None:
            self.enqueue(promised)
        return message

    def _message_of_client(self, conversation_id: str, client_id: str) -> Message | None:
        columns = schema.message.c
        row = self._first(
            select(schema.message).where(columns.conversation_id == conversation_id, columns.client_id == client_id)
        )
        return Message(**row) if row else None

    def _next_seq(self, conversation_id: str) -> tuple[int, Channel]:
        columns = schema.conversation.c
        row = self._write_returning(
            update(schema.conversation)
            .where(columns.id == conversation_id)
            .values(last_seq=columns.last_seq + 1)
            .returning(columns.last_seq, columns.channel)
        )
        if row is None:
            raise NotFound(f"no conversation {conversation_id}")
        return int(row["last_seq"]), Channel(row["channel"])

    def set_message_data(self, conversation_id: str, seq: int, data: dict[str, Any]) -> None:
        columns = schema.message.c
        line = update(schema.message).where(columns.conversation_id == conversation_id, columns.seq == seq)
        if not self._write(line.values(data=data)):
            raise NotFound(f"no message {seq} in conversation {conversation_id}")

    def messages(self, conversation_id: str, after: int = 0, limit: int = 200) -> Sequence[Message]:
        columns = schema.message.c
        statement = select(schema.message).where(columns.conversation_id == conversation_id, columns.seq > after)
        return [Message(**row) for row in self._all(statement.order_by(columns.seq).limit(limit))]

    def last_messages(self, conversation_ids: Collection[str], most: int) -> Mapping[str, Sequence[Message]]:
        """By the counter of each log; a window function would read all of them."""
        columns, conversation = schema.message.c, schema.conversation.c
        newest = and_(columns.conversation_id == conversation.id, columns.seq > conversation.last_seq - most)
        statement = select(schema.message).select_from(schema.conversation).join(schema.message, newest)
        rows = self._all(statement.where(conversation.id.in_(conversation_ids)).order_by(columns.seq))
        found: dict[str, list[Message]] = {conversation_id: [] for conversation_id in conversation_ids}
        for row in rows:
            found[row["conversation_id"]].append(Message(**row))
        return found

    def stored_reply(self, conversation_id: str, key: str) -> dict[str, Any] | None:
        columns = schema.turn.c
        row = self._first(
            select(columns.stored_reply).where(columns.conversation_id == conversation_id, columns.key == key)
        )
        reply: dict[str, Any] | None = row["stored_reply"] if row else None
        return reply

    def store_reply(self, conversation_id: str, key: str, reply: dict[str, Any]) -> bool:
        new = self._insert(schema.turn).values(conversation_id=conversation_id, key=key, stored_reply=reply)
        return self._write(new.on_conflict_do_nothing(index_elements=["conversation_id", "key"])) > 0

    def keep_half_heard(self, conversation_id: str, key: str, part: int, words: str) -> None:
        """Wakes nobody: it comes several times a sentence, and counts only when the caller is gone."""
        self._refuse_unless_writable()
        table = schema.half_heard
        new = self._insert(table).values(conversation_id=conversation_id, key=key, part=part, words=words)
        newer = or_(table.c.key != key, table.c.part < part)
        changed = {"key": key, "part": part, "words": words}
        self._run(new.on_conflict_do_update(index_elements=["conversation_id"], set_=changed, where=newer))

    def half_heard(self, conversation_id: str) -> tuple[str, str] | None:
        columns = schema.half_heard.c
        row = self._first(select(columns.key, columns.words).where(columns.conversation_id == conversation_id))
        return (str(row["key"]), str(row["words"])) if row else None

    def kept_answer(self, key: str) -> str | None:
        row = self._first(select(schema.kept_answer.c.answer).where(schema.kept_answer.c.key == key))
        return str(row["answer"]) if row else None

    def keep_answer(self, key: str, answer: str, at: datetime) -> str:
        """Wakes nobody, unlike other writes: every waiting caller writes one every few seconds, and nobody waits for it."""
        self._refuse_unless_writable()
        new = self._insert(schema.kept_answer).values(key=key, answer=answer, at=at)
        written, _ = self._run(new.on_conflict_do_nothing(index_elements=["key"]))
        return answer if written else self.kept_answer(key) or answer

    def delete_answers(self, before: datetime) -> int:
        return self._write(delete(schema.kept_answer).where(schema.kept_answer.c.at < before))

    def last_reply(self, conversation_id: str) -> dict[str, Any] | None:
        wanted = select(schema.turn.c.stored_reply).where(schema.turn.c.conversation_id == conversation_id)
        replies = [row["stored_reply"] for row in self._all(wanted)]  # a call has tens of turns
        return max(replies, key=lambda reply: reply["turn_number"], default=None)

    def turn_count(self, conversation_id: str) -> int:
        counted = select(func.count().label("n")).where(schema.turn.c.conversation_id == conversation_id)
        row = self._first(counted)
        return int(row["n"]) if row else 0
