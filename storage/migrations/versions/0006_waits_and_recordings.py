"""Stays in the queue with their places, who sits at the console, and recordings."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "presence",
        sa.Column("operator_id", sa.Integer(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name="fk_presence_operator_id_operator"),
        sa.PrimaryKeyConstraint("operator_id", name="pk_presence"),
    )
    op.create_table(
        "wait",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("operator_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversation.id"], name="fk_wait_conversation_id_conversation"),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name="fk_wait_ticket_id_ticket"),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name="fk_wait_operator_id_operator"),
        sa.PrimaryKeyConstraint("id", name="pk_wait"),
    )
    for name, column in (("uq_wait_conversation", "conversation_id"), ("uq_wait_ticket", "ticket_id")):
        op.create_index(
            name,
            "wait",
            [column],
            unique=True,
            sqlite_where=sa.text("state = 'waiting'"),
            postgresql_where=sa.text("state = 'waiting'"),
        )
    op.create_index("ix_wait_ended_at", "wait", ["ended_at"])
    op.create_index("ix_wait_conversation_id", "wait", ["conversation_id"])
    # Whoever waits while the product is brought up to date keeps his place.
    op.execute(
        "INSERT INTO wait (conversation_id, kind, state, since, place, phone) "
        "SELECT id, 'live', 'waiting', waiting_since, 1, '' FROM conversation "
        "WHERE floor = 'queue' AND waiting_since IS NOT NULL"
    )
    op.create_table(
        "recording",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("announced", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("provider_sid", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name="fk_recording_conversation_id_conversation"
        ),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name="fk_recording_ticket_id_ticket"),
        sa.PrimaryKeyConstraint("id", name="pk_recording"),
    )
    op.create_index("ix_recording_conversation_id", "recording", ["conversation_id"])
    op.create_index("ix_recording_ticket_id", "recording", ["ticket_id"])
    kept = "state IN ('at_carrier', 'stored')"
    op.create_index(
        "ix_recording_kept", "recording", ["made_at"], sqlite_where=sa.text(kept), postgresql_where=sa.text(kept)
    )
    named = "provider_sid != ''"
    op.create_index(
        "uq_recording_provider_sid",
        "recording",
        ["provider_sid"],
        unique=True,
        sqlite_where=sa.text(named),
        postgresql_where=sa.text(named),
    )
