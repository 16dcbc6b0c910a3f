"""Recordings as rows, and their sound as files."""

import os
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import select, update

from fulfillment.recording import Recording, RecordingState
from kernel.errors import NotFound
from storage import schema
from storage.rows import Rows, values_of

_OURS = re.compile(r"[0-9a-f]{32}")


class RecordingRows(Rows):
    """The recordings' part of `dialogue.ports.DialogueTx`."""

    def add_recording(self, recording: Recording) -> Recording:
        self._write(self._insert(schema.recording).values(values_of(recording)).on_conflict_do_nothing())
        columns = schema.recording.c
        known = columns.provider_sid == recording.provider_sid if recording.provider_sid else columns.id == recording.id
        row = self._first(select(schema.recording).where(known))
        if row is None:
            raise AssertionError("a recording that conflicts exists, and rows of recordings are never deleted")
        return Recording(**row)

    def recording(self, recording_id: str, *, for_update: bool = False) -> Recording:
        statement = select(schema.recording).where(schema.recording.c.id == recording_id)
        row = self._first(self._locked(statement) if for_update else statement)
        if row is None:
            raise NotFound(f"no recording {recording_id}")
        return Recording(**row)

    def recording_of_carrier(self, provider_sid: str) -> Recording | None:
        row = self._first(select(schema.recording).where(schema.recording.c.provider_sid == provider_sid))
        return Recording(**row) if row and provider_sid else None

    def save_recording(self, recording: Recording) -> None:
        columns = schema.recording.c
        if not self._write(
            update(schema.recording).where(columns.id == recording.id).values(values_of(recording, "id"))
        ):
            raise NotFound(f"no recording {recording.id}")

    def recordings(self, *, conversation_id: str | None = None, ticket_id: int | None = None) -> Sequence[Recording]:
        columns = schema.recording.c
        wanted = columns.ticket_id == ticket_id if ticket_id is not None else columns.conversation_id == conversation_id
        found = self._all(select(schema.recording).where(wanted).order_by(columns.made_at, columns.id))
        return [Recording(**row) for row in found]

    def recordings_of(self, ticket_ids: Sequence[int]) -> Mapping[int, Sequence[Recording]]:
        columns = schema.recording.c
        found = select(schema.recording).where(columns.ticket_id.in_(ticket_ids))
        by_ticket: dict[int, list[Recording]] = {ticket_id: [] for ticket_id in ticket_ids}
        for row in self._all(found.order_by(columns.made_at, columns.id)):
            by_ticket[row["ticket_id"]].append(Recording(**row))
        return by_ticket

    def unfetched_recordings(self, since: datetime, before: datetime) -> Sequence[Recording]:
        columns = schema.recording.c
        waiting = select(schema.recording).where(schema.IS_KEPT, columns.state == RecordingState.AT_CARRIER)
        found = waiting.where(columns.made_at >= since, columns.made_at < before).order_by(columns.made_at)
        return [Recording(**row) for row in self._all(found)]

    def recordings_before(self, before: datetime, limit: int = 100) -> Sequence[Recording]:
        columns = schema.recording.c
        old = select(schema.recording).where(schema.IS_KEPT, columns.made_at < before)
        return [Recording(**row) for row in self._all(old.order_by(columns.made_at).limit(limit))]


class SoundFolder:
    """The files: one a recording (or, with another ending, a photograph), named by its id, readable by the service alone (N17)."""

    def __init__(self, folder: Path, ending: str = ".wav") -> None:
        self._folder = folder
        self._ending = ending

    def put(self, recording_id: str, sound: bytes) -> None:
        """Complete or not at all; again is the same."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.path(recording_id)
        part = path.with_suffix(".part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(sound)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)

    def path(self, recording_id: str) -> Path:
        """Where its file is, or would be. Raises NotFound for a name that is none of ours."""
        if not _OURS.fullmatch(recording_id):
            raise NotFound("no such recording")
        return self._folder / f"{recording_id}{self._ending}"

    def remove(self, recording_id: str) -> None:
        """A file that is gone is gone."""
        self.path(recording_id).unlink(missing_ok=True)
