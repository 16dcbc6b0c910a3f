"""Pairs of neighbouring characters of every ticket, so that a substring in Chinese is found by an index."""

from itertools import pairwise

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_BATCH = 1000


def upgrade() -> None:
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    if on_sqlite:
        op.execute("CREATE VIRTUAL TABLE ticket_search USING fts5(pairs, detail=none)")
    else:
        op.create_table(
            "ticket_search",
            sa.Column("ticket_id", sa.Integer(), nullable=False),
            sa.Column("pairs", sa.ARRAY(sa.Text()), nullable=False),
            sa.PrimaryKeyConstraint("ticket_id", name="pk_ticket_search"),
            sa.ForeignKeyConstraint(
                ["ticket_id"], ["ticket.id"], name="fk_ticket_search_ticket_id_ticket", ondelete="CASCADE"
            ),
        )
        op.create_index("ix_ticket_search_pairs", "ticket_search", ["pairs"], postgresql_using="gin")
    _fill(on_sqlite=on_sqlite)


def _fill(*, on_sqlite: bool) -> None:
    """The tickets there are; the pairs as storage.ticket_search cut them when this was written."""
    connection, seen = op.get_bind(), 0
    words = "SELECT id, number, contact_name, contact_phone, symptom, address_text FROM ticket"
    key = "rowid" if on_sqlite else "ticket_id"
    new = sa.text(f"INSERT INTO ticket_search ({key}, pairs) VALUES (:id, :pairs)")  # noqa: S608 - one of two constants
    while page := connection.execute(
        sa.text(f"{words} WHERE id > :seen ORDER BY id LIMIT {_BATCH}"), {"seen": seen}
    ).all():
        rows = []
        for ticket_id, *texts in page:
            pairs = list(dict.fromkeys(pair for text in texts for pair in _pairs(text)))
            rows.append({"id": ticket_id, "pairs": " ".join(pairs) if on_sqlite else pairs})
        connection.execute(new, rows)
        seen = page[-1][0]


def _pairs(text: str) -> list[str]:
    small = text.lower()
    return [a + b for a, b in pairwise(small) if a.isalnum() and b.isalnum()]
