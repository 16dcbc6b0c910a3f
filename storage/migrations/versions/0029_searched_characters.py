"""Single characters beside the pairs of every ticket, so that a word of one character is found by the index."""

from itertools import groupby, pairwise

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_BATCH = 1000


def upgrade() -> None:
    """The tickets there are; cut as storage.ticket_search cuts them at this revision. A minute for a million tickets."""
    connection, seen = op.get_bind(), 0
    on_sqlite = connection.dialect.name == "sqlite"
    new = "UPDATE ticket_search SET pairs = :cuts WHERE ticket_id = :id"
    if on_sqlite:  # FTS5 changes a row by remembering that the old one is gone: made anew it is smaller
        op.execute("DROP TABLE ticket_search")
        op.execute("CREATE VIRTUAL TABLE ticket_search USING fts5(pairs, detail=none)")
        new = "INSERT INTO ticket_search (rowid, pairs) VALUES (:id, :cuts)"
    words = "SELECT id, number, contact_name, contact_phone, symptom, address_text FROM ticket"
    page = sa.text(f"{words} WHERE id > :seen ORDER BY id LIMIT {_BATCH}")
    while found := connection.execute(page, {"seen": seen}).all():
        cut = [(ticket_id, _cuts(texts)) for ticket_id, *texts in found]
        rows = [{"id": ticket_id, "cuts": " ".join(cuts) if on_sqlite else cuts} for ticket_id, cuts in cut]
        connection.execute(sa.text(new), rows)
        seen = found[-1][0]


def _cuts(texts: list[str]) -> list[str]:
    runs = ["".join(run) for text in texts for said, run in groupby(text.lower(), str.isalnum) if said]
    return list(dict.fromkeys(cut for run in runs for cut in (*run, *(a + b for a, b in pairwise(run)))))
