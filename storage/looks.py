"""Who looked at which resident's data, as rows."""

from collections.abc import Sequence

from sqlalchemy import select

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
