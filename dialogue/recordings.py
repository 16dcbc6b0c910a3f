"""Recordings: kept from the moment the carrier names one, fetched, played to whoever may hear it, deleted in time (N17).

Nothing is recorded that was not announced: the announcement's script is a field of the row, and the row comes first.
"""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from dialogue.conversation import Author, Conversation
from dialogue.ports import DialogueStore, DialogueTx
from dialogue.script_book import ScriptBook
from fulfillment.outbox import NewTask, Task, TaskKind
from fulfillment.recording import Recording, RecordingKind, RecordingState
from fulfillment.ticket import TimelineEntry
from kernel.clock import Clock
from kernel.errors import CarrierRefused, NotFound

#: The script that announces that a call is recorded.
CALL_RECORDED = "handoff.recorded"
_GONE = 20404  # the carrier's "not found"


class CarrierRecordings(Protocol):
    """The carrier's side. Raises CarrierBusy, CarrierRefused, CarrierUnknown. Every call has a limit of its own."""

    def fetch(self, provider_sid: str) -> bytes:
        """The sound as WAV. Refused (404) while the carrier is still making it."""
        ...

    def delete(self, provider_sid: str) -> None: ...


class Sounds(Protocol):
    """Where the files lie: storage.SoundFolder."""

    def put(self, recording_id: str, sound: bytes) -> None: ...
    def path(self, recording_id: str) -> Path: ...
    def remove(self, recording_id: str) -> None: ...


@dataclass(frozen=True, slots=True)
class LeftMessage:
    """What the carrier tells of a recorded message. `sid` "" or no seconds: nothing was said."""

    sid: str
    seconds: int
    pressed: str = ""  # the key that ended it; "hangup"

    @property
    def is_spoken(self) -> bool:
        return bool(self.sid) and self.seconds > 0


def keep_message(
    tx: DialogueTx, conversation_id: str, ticket_id: int, left: LeftMessage, *, announced: str, now: datetime
) -> Recording:
    """The message belongs to the ticket from now on, and is fetched. Told twice, it is one."""
    made = Recording(
        id=uuid.uuid4().hex, conversation_id=conversation_id, kind=RecordingKind.MESSAGE, announced=announced,
        made_at=now, provider_sid=left.sid, seconds=left.seconds, ticket_id=ticket_id,
    )  # fmt: skip
    stored = tx.add_recording(made)
    if stored.id == made.id:
        facts = {"seconds": left.seconds}
        tx.add_to_timeline(TimelineEntry(ticket_id, now, "resident", "message_recorded", facts))
    fetch_later(tx, stored, now, "told")
    return stored


def fetch_later(tx: DialogueTx, recording: Recording, now: datetime, occasion: str) -> None:
    key = f"fetch-recording:{recording.id}:{occasion}"
    tx.enqueue(NewTask(TaskKind.FETCH_RECORDING, key, now, {"recording_id": recording.id}, recording.ticket_id))


def delete_later(tx: DialogueTx, recording: Recording, now: datetime, *, by: str) -> None:
    """From now on nobody hears it; carrier and folder follow."""
    tx.save_recording(replace(recording, state=RecordingState.DELETED, deleted_at=now, deleted_by=by))
    if recording.ticket_id is not None:
        tx.add_to_timeline(TimelineEntry(recording.ticket_id, now, by, "recording_deleted", {}))
    payload = {"recording_id": recording.id}
    tx.enqueue(NewTask(TaskKind.DELETE_RECORDING, f"delete-recording:{recording.id}", now, payload))


def announce_recording(tx: DialogueTx, conversation: Conversation, book: ScriptBook, now: datetime) -> None:
    """The caller is told that what he says to a person is recorded; only who has heard it to its end is (ivr)."""
    row = Recording(
        id=uuid.uuid4().hex, conversation_id=conversation.id, kind=RecordingKind.CALL, announced=CALL_RECORDED,
        made_at=now, state=RecordingState.ANNOUNCED,
    )  # fmt: skip
    tx.add_recording(row)
    said = book.say(CALL_RECORDED)
    data = {"voice": said.voice, "script": said.script, "interruptible": said.interruptible, "recording": row.id}
    tx.add_message(conversation.id, author=Author.BOT, text=said.chat, at=now, data=data)


@dataclass(frozen=True, slots=True)
class CallRecordings:
    """What becomes of an announced recording of a call. Each may be told twice. Raises NotFound."""

    store: DialogueStore
    book: ScriptBook
    clock: Clock

    def refused(self, recording_id: str) -> None:
        """The caller said no: nothing is recorded, and whoever talks with him sees it."""
        now = self.clock.now()
        with self.store.write() as tx:
            row = tx.recording(recording_id, for_update=True)
            if row.state is not RecordingState.ANNOUNCED:
                return
            tx.save_recording(replace(row, state=RecordingState.ABSENT))
            note = self.book.say("handoff.recording_refused")
            data = {"script": note.script}
            tx.add_message(row.conversation_id, author=Author.SYSTEM, text=note.chat, at=now, data=data)

    def made(self, recording_id: str, sid: str, seconds: int) -> None:
        """The call is over, the carrier has its recording: it belongs to the newest case of this conversation."""
        now = self.clock.now()
        with self.store.write() as tx:
            row = tx.recording(recording_id, for_update=True)
            if row.state is not RecordingState.ANNOUNCED or not sid:
                return
            cases = tx.open_tickets(conversation_id=row.conversation_id)
            ticket_id = cases[0].id if cases else None
            row = replace(row, provider_sid=sid, seconds=seconds, state=RecordingState.AT_CARRIER, ticket_id=ticket_id)
            tx.save_recording(row)
            if ticket_id is not None:
                tx.add_to_timeline(TimelineEntry(ticket_id, now, "worker", "call_recorded", {"seconds": seconds}))
            fetch_later(tx, row, now, "told")


@dataclass(frozen=True, slots=True)
class Recordings:
    """What the console does with them. Safe to share between threads."""

    store: DialogueStore
    sounds: Sounds
    clock: Clock

    def file(self, recording_id: str) -> Path:
        """The sound of a recording that may be played. Raises NotFound: deleted, or not fetched yet."""
        with self.store.read() as tx:
            recording = tx.recording(recording_id)
        path = self.sounds.path(recording_id)
        if recording.state is not RecordingState.STORED or not path.is_file():
            raise NotFound("there is nothing to be heard of this recording")
        return path

    def delete(self, recording_id: str, *, by: str) -> Recording:
        """Twice is the same as once. Raises NotFound."""
        with self.store.write() as tx:
            recording = tx.recording(recording_id, for_update=True)
            if recording.state is not RecordingState.DELETED:
                delete_later(tx, recording, self.clock.now(), by=by)
            return recording


@dataclass(frozen=True, slots=True)
class RecordingDeliveries:
    """The worker's side; each may run twice."""

    store: DialogueStore
    carrier: CarrierRecordings
    sounds: Sounds

    def fetch(self, task: Task) -> None:
        """The carrier may still be making it: then its refusal is this task's, which comes back later and later."""
        with self.store.read() as tx:
            recording = tx.recording(task.payload["recording_id"])
        if recording.state is not RecordingState.AT_CARRIER:
            return
        self.sounds.put(recording.id, self.carrier.fetch(recording.provider_sid))
        with self.store.write() as tx:
            recording = tx.recording(recording.id, for_update=True)
            if recording.state is RecordingState.AT_CARRIER:
                tx.save_recording(replace(recording, state=RecordingState.STORED))
                return
        self.sounds.remove(recording.id)  # deleted while it was on its way

    def delete(self, task: Task) -> None:
        with self.store.read() as tx:
            recording = tx.recording(task.payload["recording_id"])
        if recording.state is not RecordingState.DELETED:
            return
        self.sounds.remove(recording.id)
        if not recording.provider_sid:
            return
        try:
            self.carrier.delete(recording.provider_sid)
        except CarrierRefused as exc:
            if exc.code != _GONE:
                raise
