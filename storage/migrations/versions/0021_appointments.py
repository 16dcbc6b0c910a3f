"""Slots of butlers' days, each given once."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "appointment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("booked_by", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name="fk_appointment_ticket_id_ticket"),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="fk_appointment_staff_id_staff"),
        sa.PrimaryKeyConstraint("id", name="pk_appointment"),
    )
    booked = sa.text("state = 'booked'")
    for name, columns in (("uq_appointment_slot", ["staff_id", "starts_at"]), ("uq_appointment_ticket", ["ticket_id"])):
        op.create_index(name, "appointment", columns, unique=True, sqlite_where=booked, postgresql_where=booked)
