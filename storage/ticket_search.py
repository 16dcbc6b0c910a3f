"""Substrings in Chinese found by an index: pairs of neighbouring characters, which most words people look for are.

FTS5's trigram and `pg_trgm` need three characters, and `pg_trgm` sees no Chinese in a database of locale C. So the pairs are
cut here, the same on both engines, with no extension: SQLite keeps them in FTS5, PostgreSQL in an array with a GIN index.
The index only proposes; LIKE decides. Open tickets are few and are looked through without it. Price: a word of one
character, or of signs alone, is looked for in every ticket.
"""

from itertools import pairwise
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


def pairs_of(text: str) -> list[str]:
    """The pairs of neighbouring letters, digits and characters, small letters, each once; signs part them."""
    small = text.lower()
    both = (a + b for a, b in pairwise(small) if a.isalnum() and b.isalnum())
    return list(dict.fromkeys(both))


class TicketSearchRows(Rows):
    """The search index of tickets, written in the transaction of the ticket."""

    def _index(self, ticket: Ticket) -> None:
        found: dict[str, None] = {}
        for text in (ticket.number, ticket.contact_name, ticket.contact_phone, ticket.symptom, ticket.address.text):
            found.update(dict.fromkeys(pairs_of(text)))
        if self._is_sqlite:
            self._index_by_fts(ticket.id, " ".join(found))
            return
        new = postgresql.insert(_arrays).values(ticket_id=ticket.id, pairs=list(found))
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
        pairs = list(dict.fromkeys(pair for word in search.split() for pair in pairs_of(word)))
        columns = schema.ticket.c
        if not pairs:
            return tickets.order_by(columns.opened_at.desc(), columns.id.desc())
        if self._is_sqlite:
            all_of = " ".join(f'"{pair}"' for pair in pairs)
            found = tickets.join(_fts, _fts.c.rowid == columns.id).where(column(NAME).op("MATCH")(all_of))
            return found.order_by(_fts.c.rowid.desc())
        found = tickets.join(_arrays, _arrays.c.ticket_id == columns.id)
        found = found.where(_arrays.c.pairs.contains(literal(pairs, ARRAY(Text()))))
        return found.order_by(_arrays.c.ticket_id.desc())


def with_words(search: str) -> list[ColumnElement[bool]]:
    """Each word is in one of the columns that are searched; no index."""
    columns = [schema.ticket.c[name] for name in SEARCHED]
    return [or_(*(words.icontains(word, autoescape=True) for words in columns)) for word in search.split()]
