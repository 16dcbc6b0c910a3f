"""A recording of somebody's voice: where it is, what was announced before it, and until when it is kept. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class RecordingKind(StrEnum):
    MESSAGE = "message"  # left for us while nobody could answer
    CALL = "call"  # a call with an operator


class RecordingState(StrEnum):
    ANNOUNCED = "announced"  # the caller was told; nothing is recorded yet
    AT_CARRIER = "at_carrier"  # made, or being made; not fetched yet
    STORED = "stored"  # in our own folder
    DELETED = "deleted"  # at the carrier and here
    ABSENT = "absent"  # the caller said no, or the carrier has none


@dataclass(frozen=True, slots=True)
class Recording:
    """`id` is unguessable and names the file. `announced` is the script the caller heard before the first second of it:
    without one nothing is recorded.
    """

    id: str
    conversation_id: str
    kind: RecordingKind
    announced: str
    made_at: datetime
    provider_sid: str = ""  # "" until the carrier has named it
    seconds: int = 0
    state: RecordingState = RecordingState.AT_CARRIER
    ticket_id: int | None = None
    deleted_at: datetime | None = None
    deleted_by: str = ""  # an operator's name, or "worker" when its time was over
