"""Incidents: one cause, many tickets; who belongs to one, who was told, what happened."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_SUGGESTED = sa.text("state = 'suggested'")
_ATTACHED = sa.text("detached_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "incident",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("community_ids", sa.JSON(), nullable=False),
        sa.Column("station_id", sa.Integer(), nullable=True),
        sa.Column("buildings", sa.JSON(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("spotted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("begins_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("spot", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("expected_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("planned", sa.Boolean(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("announcement_id", sa.Integer(), nullable=True),
        sa.Column("announced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("merged_into_id", sa.Integer(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["station_id"], ["station.id"], name="fk_incident_station_id_station"),
        sa.ForeignKeyConstraint(
            ["announcement_id"], ["announcement.id"], name="fk_incident_announcement_id_announcement"
        ),
        sa.ForeignKeyConstraint(["merged_into_id"], ["incident.id"], name="fk_incident_merged_into_id_incident"),
        sa.PrimaryKeyConstraint("id", name="pk_incident"),
    )
    op.create_index("ix_incident_settled_at", "incident", ["settled_at"])
    op.create_index(
        "uq_incident_suggested",
        "incident",
        ["spot"],
        unique=True,
        sqlite_where=_SUGGESTED,
        postgresql_where=_SUGGESTED,
    )
    op.create_table(
        "incident_ticket",
        sa.Column("incident_id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("attached_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attached_by", sa.Text(), nullable=False),
        sa.Column("detached_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("detached_by", sa.Text(), nullable=False),
        sa.Column("recheck", sa.String(32), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.id"], name="fk_incident_ticket_incident_id_incident"),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name="fk_incident_ticket_ticket_id_ticket"),
        sa.PrimaryKeyConstraint("incident_id", "ticket_id", name="pk_incident_ticket"),
    )
    op.create_index(
        "uq_incident_ticket_attached",
        "incident_ticket",
        ["ticket_id"],
        unique=True,
        sqlite_where=_ATTACHED,
        postgresql_where=_ATTACHED,
    )
    op.create_table(
        "incident_told",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.Integer(), nullable=False),
        sa.Column("occasion", sa.String(32), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("promised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=True),
        sa.Column("household_id", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sid", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.id"], name="fk_incident_told_incident_id_incident"),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name="fk_incident_told_ticket_id_ticket"),
        sa.ForeignKeyConstraint(["household_id"], ["household.id"], name="fk_incident_told_household_id_household"),
        sa.PrimaryKeyConstraint("id", name="pk_incident_told"),
        sa.UniqueConstraint(
            "incident_id",
            "occasion",
            "revision",
            "recipient",
            name="uq_incident_told_incident_id_occasion_revision_recipient",
        ),
    )
    op.create_table(
        "incident_log",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.id"], name="fk_incident_log_incident_id_incident"),
        sa.PrimaryKeyConstraint("id", name="pk_incident_log"),
    )
    op.create_index("ix_incident_log_incident_id", "incident_log", ["incident_id"])
