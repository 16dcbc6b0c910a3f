"""What the product has written down, read beside it from its own database."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from urllib.parse import urlsplit

from dialogue.conversation import Author, Channel, Conversation, Message
from dialogue.ports import DialogueTx
from fulfillment.ticket import Attempt, Ticket, TicketState
from ops.town import Town
from storage import Store

T = TypeVar("T")


def read(town: Town, what: Callable[[DialogueTx], T]) -> T:
    """`what` of a snapshot."""
    with Store(town.database_url) as store, store.read() as tx:
        return what(tx)


def conversation_of(town: Town, external_id: str) -> Conversation:
    """Of a call, by its SID."""
    found = read(town, lambda tx: tx.conversation_by_external_id(Channel.PHONE, external_id))
    assert found is not None, f"no conversation {external_id}"
    return found


def utterances(town: Town, conversation_id: str) -> Sequence[Message]:
    """What the resident said."""
    messages = read(town, lambda tx: tx.messages(conversation_id))
    return [m for m in messages if m.author is Author.RESIDENT]


def tickets_of(town: Town, conversation_id: str) -> Sequence[Ticket]:
    return read(town, lambda tx: tx.open_tickets(conversation_id=conversation_id))


def ticket_of(town: Town, conversation_id: str) -> Ticket:
    """The only one."""
    found = tickets_of(town, conversation_id)
    assert len(found) == 1, found
    return found[0]


def ticket(town: Town, ticket_id: int) -> Ticket:
    return read(town, lambda tx: tx.ticket(ticket_id))


def attempts(town: Town, ticket_id: int, channel: str = "voice") -> Sequence[Attempt]:
    """Oldest first."""
    return [a for a in read(town, lambda tx: tx.attempts(ticket_id)) if a.channel == channel]


def facts(town: Town, ticket_id: int) -> list[str]:
    """The keys of the timeline."""
    return [e.key for e in read(town, lambda tx: tx.timeline(ticket_id))]


def cancel_open_tickets(town: Town) -> None:
    """So that nobody is rung for the test before."""
    with Store(town.database_url) as store, store.write() as tx:
        for one in tx.tickets(only_open=True):
            tx.cancel_tasks(one.id, ["forward_emergency"])
            tx.save_ticket(replace(one, state=TicketState.CANCELLED))


def planned(town: Town, key: str) -> datetime | None:
    """When a task is due (UTC); None if there is none that waits."""
    with closing(_beside(town)) as database:
        row = database.execute("SELECT due_at FROM outbox WHERE key = ? AND state = 'pending'", (key,)).fetchone()
    return datetime.fromisoformat(row[0]).replace(tzinfo=UTC) if row else None


def let_time_pass(town: Town, conversation_id: str, by: timedelta) -> None:
    """For a conversation and what is promised about it: everything in the database happened, and is due, so much earlier."""
    with closing(_beside(town)) as database, database:
        columns = ("last_at", "seen_by_operator_at", "waiting_since")
        row = database.execute(
            f"SELECT {', '.join(columns)} FROM conversation WHERE id = ?", (conversation_id,)
        ).fetchone()
        for name, value in zip(columns, row, strict=True):
            if value is not None:
                earlier = _earlier(value, by)
                database.execute(f"UPDATE conversation SET {name} = ? WHERE id = ?", (earlier, conversation_id))
        promised = database.execute("SELECT id, due_at FROM outbox WHERE payload LIKE ?", (f"%{conversation_id}%",))
        for task_id, due_at in promised.fetchall():
            database.execute("UPDATE outbox SET due_at = ? WHERE id = ?", (_earlier(due_at, by), task_id))


def _beside(town: Town) -> sqlite3.Connection:
    return sqlite3.connect(urlsplit(town.database_url).path, timeout=20)


def _earlier(stored: str, by: timedelta) -> str:
    """In the form in which it was stored."""
    return (datetime.fromisoformat(stored) - by).isoformat(sep=" ", timespec="microseconds")
