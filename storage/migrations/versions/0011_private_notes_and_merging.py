"""Operators' private notes beside a conversation; a ticket that was merged into another names it."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "private_note",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.Column("after_seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name="fk_private_note_conversation_id_conversation"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_private_note"),
        sa.UniqueConstraint("conversation_id", "client_id", name="uq_private_note_conversation_id_client_id"),
    )
    op.add_column("ticket", sa.Column("merged_into_id", sa.Integer(), nullable=True))
