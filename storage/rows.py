"""The one place where statements are run: what the rooms of a transaction (`company`, `tickets`, …) share."""

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, CursorResult, Executable, RowMapping, Select, Table
from sqlalchemy.dialects import postgresql, sqlite

from kernel.errors import HotlineError
from storage.door import translated

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class Rows:
    """Statements within one transaction. Rows are fetched at once, so that every driver error passes the door here."""

    def __init__(self, connection: Connection, *, writable: bool) -> None:
        self._connection = connection
        self._writable = writable
        #: Something was changed: others are woken after the commit.
        self.wrote = False
        #: The first error of the database. PostgreSQL would roll back at commit without a word; `Store.write` raises it.
        self.failure: HotlineError | None = None

    def _all(self, statement: Executable) -> Sequence[RowMapping]:
        return self._run(statement)[1]

    def _first(self, statement: Executable) -> RowMapping | None:
        return next(iter(self._run(statement)[1]), None)

    def _write(self, statement: Executable) -> int:
        """How many rows were written."""
        self._refuse_unless_writable()
        count = self._run(statement)[0]
        self.wrote = self.wrote or count > 0
        return count

    def _write_returning(self, statement: Executable) -> RowMapping | None:
        """The first written row of a statement with RETURNING, or None if none was written."""
        self._refuse_unless_writable()
        row = self._first(statement)
        self.wrote = self.wrote or row is not None
        return row

    def _locked(self, statement: Select[Any]) -> Select[Any]:
        """FOR NO KEY UPDATE on PostgreSQL; SQLite's write transaction holds the whole database anyway.

        Rows of other tables may still point at a row that is locked without its key, which saves deadlocks.
        """
        self._refuse_unless_writable()
        return statement.with_for_update(key_share=True)

    def _refuse_unless_writable(self) -> None:
        """Both engines would refuse too, but not for every statement and not in the same words."""
        if not self._writable:
            raise HotlineError("a read transaction can neither write nor lock")

    def _run(self, statement: Executable) -> tuple[int, Sequence[RowMapping]]:
        try:
            with translated():
                # without the option SQLAlchemy forgets how many rows an INSERT wrote
                result: CursorResult[Any] = self._connection.execute(
                    statement, execution_options={"preserve_rowcount": True}
                )
                return (0, result.mappings().all()) if result.returns_rows else (result.rowcount, ())
        except HotlineError as exc:
            self.failure = self.failure or exc
            raise

    @property
    def _is_sqlite(self) -> bool:
        return self._connection.dialect.name == "sqlite"

    def _insert(self, table: Table) -> postgresql.Insert | sqlite.Insert:
        """INSERT with ON CONFLICT, which the two dialects spell alike but do not share."""
        return postgresql.insert(table) if self._connection.dialect.name == "postgresql" else sqlite.insert(table)


def values_of(row: "DataclassInstance", *leave_out: str) -> dict[str, Any]:
    """The fields of a dataclass as column values; nothing is copied deeply."""
    return {field.name: getattr(row, field.name) for field in fields(row) if field.name not in leave_out}
