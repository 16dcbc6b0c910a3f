"""Substrings in Chinese found by an index: characters, and pairs of neighbouring ones, which most words people look for are.

FTS5's trigram and `pg_trgm` need three characters, and `pg_trgm` sees no Chinese in a database of locale C. So the pairs are
cut here, the same on both engines, with no extension: SQLite keeps them in FTS5, PostgreSQL in an array with a GIN index.
The index only proposes; LIKE decides. Open tickets are few and are looked through without it. Price: characters that stand
in every ticket are indexed with the rare ones, half as much again; a word of signs alone is looked for in every ticket.
"""

from collections.abc import Iterator
from itertools import groupby, pairwise
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, column, delete, or_, select, table
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.expression import literal
from sqlalchemy.types import Text

from fulfillment.ticket import Ticket
from storage import schema
from storage.rows import Rows

#: Not in `schema`: it is another kind of table on each engine, and FTS5 keeps tables of its own beside it.
NAME = "ticket_search"
_fts = table(NAME, column("rowid"), column("pairs"), column(NAME))
_arrays = table(NAME, column("ticket_id"), column("pairs", ARRAY(Text())))
SEARCHED = ("number", "contact_name", "contact_phone", "symptom", "address_text")


def is_in_schema(name: str | None, kind: str, _parents: object) -> bool:
    """Alembic's `include_name`: what it compares with `schema`."""
    return not (kind == "table" and name is not None and name.startswith(NAME))


def cuts_of(*texts: str) -> list[str]:
    """What is indexed of texts: their letters, digits and characters, and the pairs of neighbours; small letters, each once."""
    return list(dict.fromkeys(cut for text in texts for run in _runs(text) for cut in (*run, *_pairs(run))))


def _cuts_to_find(word: str) -> list[str]:
    """What every text that has the word is indexed by: its pairs, and what stands alone in it."""
    return [cut for run in _runs(word) for cut in (_pairs(run) or [run])]


def _runs(text: str) -> Iterator[str]:
    """In small letters, parted by signs and spaces."""
    return ("".join(run) for is_said, run in groupby(text.lower(), str.isalnum) if is_said)


def _pairs(run: str) -> list[str]:
    return [a + b for a, b in pairwise(run)]


class TicketSearchRows(Rows):
    """The search index of tickets, written in the transaction of the ticket."""

    def _index(self, ticket: Ticket) -> None:
        found = cuts_of(ticket.number, ticket.contact_name, ticket.contact_phone, ticket.symptom, ticket.address.text)
        if self._is_sqlite:
            self._index_by_fts(ticket.id, " ".join(found))
            return
        new = postgresql.insert(_arrays).values(ticket_id=ticket.id, pairs=found)
        change = new.on_conflict_do_update(index_elements=["ticket_id"], set_={"pairs": new.excluded.pairs})
        self._write(change)

    def _index_by_fts(self, ticket_id: int, pairs: str) -> None:
        row: RowMapping | None = self._first(select(_fts.c.pairs).where(_fts.c.rowid == ticket_id))
        if row is not None and row["pairs"] == pairs:
            return  # most changes of a ticket touch no words
        if row is not None:
            self._write(delete(_fts).where(_fts.c.rowid == ticket_id))
        self._write(_fts.insert().values(rowid=ticket_id, pairs=pairs))

    def _newest_first(self, tickets: Select[Any], search: str) -> Select[Any]:
        """Those that the index proposes, read from its newest end, so that a full page ends the reading however many have
        the word. Price: those found are in the order of their ids, which is that of opening but for a clock set back.
        """
        cuts = list(dict.fromkeys(cut for word in search.split() for cut in _cuts_to_find(word)))
        columns = schema.ticket.c
        if not cuts:
            return tickets.order_by(columns.opened_at.desc(), columns.id.desc())
        if self._is_sqlite:
            all_of = " ".join(f'"{cut}"' for cut in cuts)
            found = tickets.join(_fts, _fts.c.rowid == columns.id).where(column(NAME).op("MATCH")(all_of))
            return found.order_by(_fts.c.rowid.desc())
        found = tickets.join(_arrays, _arrays.c.ticket_id == columns.id)
        found = found.where(_arrays.c.pairs.contains(literal(cuts, ARRAY(Text()))))
        return found.order_by(_arrays.c.ticket_id.desc())


def with_words(search: str) -> list[ColumnElement[bool]]:
    """Each word is in one of the columns that are searched; no index."""
    columns = [schema.ticket.c[name] for name in SEARCHED]
    return [or_(*(words.icontains(word, autoescape=True) for words in columns)) for word in search.split()]
