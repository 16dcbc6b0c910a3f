"""Operators' private notes, as rows."""

from collections.abc import Sequence

from sqlalchemy import select

from dialogue.private_note import PrivateNote
from storage import schema
from storage.rows import Rows, values_of


class PrivateNoteRows(Rows):
    """The private notes of `dialogue.ports.DialogueTx`."""

    def add_private_note(self, note: PrivateNote) -> None:
        new = self._insert(schema.private_note).values(values_of(note, "id"))
        self._write(new.on_conflict_do_nothing(index_elements=["conversation_id", "client_id"]))

    def private_notes(self, conversation_id: str) -> Sequence[PrivateNote]:
        columns = schema.private_note.c
        found = select(schema.private_note).where(columns.conversation_id == conversation_id).order_by(columns.id)
        return [PrivateNote(**row) for row in self._all(found)]
