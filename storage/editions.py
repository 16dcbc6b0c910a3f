"""The company's own editions of tables and wordings, and who is away, as rows."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import func, insert, select, update

from fulfillment.company import Absence
from fulfillment.edition import Edition
from kernel.errors import NotFound
from storage import schema
from storage.rows import Rows, values_of


class EditionRows(Rows):
    """`fulfillment.edition_ports.EditionTx`."""

    def count_editions(self) -> int:
        row = self._first(select(func.count().label("n")).select_from(schema.edition))
        return int(row["n"]) if row else 0

    def editions(self, part: str = "") -> Sequence[Edition]:
        wanted = select(schema.edition).order_by(schema.edition.c.id)
        if part:
            wanted = wanted.where(schema.edition.c.part == part)
        return [Edition(**row) for row in self._all(wanted)]

    def add_edition(self, edition: Edition) -> Edition:
        row = self._write_returning(
            insert(schema.edition).values(values_of(edition, "id")).returning(schema.edition.c.id)
        )
        if row is None:
            raise AssertionError("INSERT … RETURNING always returns its row")
        return replace(edition, id=row["id"])

    def absences(self, since: datetime) -> Sequence[Absence]:
        columns = schema.absence.c
        wanted = select(schema.absence).where(columns.until_at > since, columns.cancelled_at.is_(None))
        return [Absence(**row) for row in self._all(wanted.order_by(columns.from_at, columns.id))]

    def absence(self, absence_id: int, *, for_update: bool = False) -> Absence:
        statement = select(schema.absence).where(schema.absence.c.id == absence_id)
        row = self._first(self._locked(statement) if for_update else statement)
        if row is None:
            raise NotFound(f"no absence {absence_id}")
        return Absence(**row)

    def add_absence(self, absence: Absence) -> Absence:
        row = self._write_returning(
            insert(schema.absence).values(values_of(absence, "id")).returning(schema.absence.c.id)
        )
        if row is None:
            raise AssertionError("INSERT … RETURNING always returns its row")
        return replace(absence, id=row["id"])

    def save_absence(self, absence: Absence) -> None:
        columns = schema.absence.c
        if not self._write(update(schema.absence).where(columns.id == absence.id).values(values_of(absence, "id"))):
            raise NotFound(f"no absence {absence.id}")
