"""Who looked at which resident's data, as rows."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select

from fulfillment.look import Look
from storage import schema
from storage.rows import Rows, values_of


class LookRows(Rows):
    """The looks of `dialogue.ports.DialogueTx`."""

    def add_look(self, look: Look) -> None:
        """Without `_write`: nobody's open page shows it, so that nobody's is woken by it."""
        self._refuse_unless_writable()
        self._run(self._insert(schema.look).values(values_of(look, "id")))

    def looks(self, *, who: str = "", subject: str = "", before: int | None = None, limit: int = 100) -> Sequence[Look]:
        columns = schema.look.c
        wanted = [
            *([columns.who == who] if who else []),
            *([columns.subject == subject] if subject else []),
            *([columns.id < before] if before is not None else []),
        ]
        found = select(schema.look).where(*wanted).order_by(columns.id.desc()).limit(limit)
        return [Look(**row) for row in self._all(found)]

    def forget_looks(self, before: datetime, most: int) -> int:
        """Looked for at the table's old end alone, which needs no index. Price: what a clock that ran ahead has dated keeps
        its place there until its time has come.
        """
        self._refuse_unless_writable()
        columns = schema.look.c
        oldest = select(columns.id).order_by(columns.id).limit(most)
        return self._run(delete(schema.look).where(columns.id.in_(oldest), columns.at < before))[0]
