"""One word to a resident about his ticket, promised in the transaction that gives the reason for it; delivered above,
where sentences live: in his chat if it is open, else as a text.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from fulfillment.case import Case
from fulfillment.outbox import NewTask, Rank, TaskKind


class ResidentWord(StrEnum):
    """What he is told; each is a script `visit.<word>`."""

    TEST_RECORD = "test_record"  # at, readings, outside, instrument, height, name, phone, limit, below
    REPAIR_RECORD = "repair_record"  # began, ended, found, done, materials, name, phone, signed
    LATE = "late"  # minutes, name, phone
    APPOINTED = "appointed"  # at, name, phone, appointment (its id: told only while it is booked)
    REMINDER = "reminder"  # the same


def promise_word(case: Case, word: ResidentWord, *, key: str, due_at: datetime | None = None, **params: Any) -> None:
    """Once per key, now or later; parameters are JSON."""
    payload = {"word": word.value, "params": params}
    kind = TaskKind.TELL_RESIDENT
    case.tx.enqueue(NewTask(kind, f"resident-{key}", due_at or case.now, payload, case.ticket.id, rank=Rank.ORDINARY))
