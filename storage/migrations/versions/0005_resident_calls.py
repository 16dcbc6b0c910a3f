"""Calls to residents with their tries; PINs of staff who call in, and the tries at them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "resident_call",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("result", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("operator_id", sa.Integer(), nullable=True),
        sa.Column("visit", sa.Text(), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name="fk_resident_call_ticket_id_ticket"),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name="fk_resident_call_operator_id_operator"),
        sa.PrimaryKeyConstraint("id", name="pk_resident_call"),
    )
    op.create_index("ix_resident_call_ticket_id", "resident_call", ["ticket_id"])
    op.create_index(
        "uq_resident_call_planned",
        "resident_call",
        ["ticket_id", "purpose"],
        unique=True,
        sqlite_where=sa.text("state = 'planned'"),
        postgresql_where=sa.text("state = 'planned'"),
    )
    op.create_table(
        "resident_try",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(length=32), nullable=False),
        sa.Column("provider_sid", sa.Text(), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["call_id"], ["resident_call.id"], name="fk_resident_try_call_id_resident_call"),
        sa.PrimaryKeyConstraint("id", name="pk_resident_try"),
        sa.UniqueConstraint("call_id", "n", name="uq_resident_try_call_id_n"),
    )
    op.create_index("ix_resident_try_phone", "resident_try", ["phone"])
    op.create_table(
        "staff_pin",
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="fk_staff_pin_staff_id_staff"),
        sa.PrimaryKeyConstraint("staff_id", name="pk_staff_pin"),
    )
    op.create_table(
        "pin_try",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("staff_number", sa.Text(), nullable=False),
        sa.Column("verdict", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_pin_try"),
    )
    op.create_index("ix_pin_try_at", "pin_try", ["at"])
