"""Texts to residents about their tickets, and what the carrier reported of them."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "resident_text",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name="fk_resident_text_ticket_id_ticket"),
        sa.PrimaryKeyConstraint("id", name="pk_resident_text"),
        sa.UniqueConstraint("key", name="uq_resident_text_key"),
    )
    op.create_index("ix_resident_text_ticket_id", "resident_text", ["ticket_id"])
