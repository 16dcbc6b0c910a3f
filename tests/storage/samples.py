"""Rows to store: plausible, and different where a test says so."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from dialogue.conversation import Channel, Conversation, Floor
from fulfillment.outbox import NewTask, TaskKind
from fulfillment.ticket import Address, Attempt, Ticket, TicketClock, TicketState

NOW = datetime(2026, 11, 22, 2, 0, 0, 123456, tzinfo=UTC)  # 10:00 in Beijing
MINUTE = timedelta(minutes=1)


def a_ticket(**changes: Any) -> Ticket:
    ticket = Ticket(
        id=0,
        number="",
        kind="leak_inside",
        state=TicketState.NEW,
        emergency=True,
        opened_at=NOW,
        conversation_id=None,
        household_id=1,
        address=Address(1, "3", "2", "501", "阳光花园3号楼"),
        contact_name="陈静",
        contact_phone="+8613800000001",
        symptom="我家暖气片漏水了",
        details={"part": "radiator"},
    )
    return replace(ticket, **changes)


def a_conversation(conversation_id: str = "c1", **changes: Any) -> Conversation:
    conversation = Conversation(
        id=conversation_id,
        channel=Channel.PHONE,
        external_id=f"CA-{conversation_id}",
        peer="+8613800000001",
        floor=Floor.BOT,
        opened_at=NOW,
        last_at=NOW,
        state={"awaiting": "address", "slots": {"building": "3"}},
    )
    return replace(conversation, **changes)


def a_clock(ticket_id: int, **changes: Any) -> TicketClock:
    return replace(TicketClock(0, ticket_id, "leak_contact", "F16", NOW, NOW + 15 * MINUTE), **changes)


def an_attempt(ticket_id: int, attempt_id: str = "a1", **changes: Any) -> Attempt:
    attempt = Attempt(attempt_id, ticket_id, 1, 1, "butler", "+8613900000001", "voice", NOW)
    return replace(attempt, **changes)


def a_task(key: str = "forward-1", **changes: Any) -> NewTask:
    return replace(NewTask(TaskKind.FORWARD_EMERGENCY, key, NOW, {"ticket_id": 1, "step": 1}), **changes)
