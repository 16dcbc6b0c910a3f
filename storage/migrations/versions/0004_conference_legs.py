"""Telephones in conferences, and where operators are reached."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "conference_leg",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.Column("conference", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("operator_id", sa.Integer(), nullable=True),
        sa.Column("wanted", sa.String(length=32), nullable=False),
        sa.Column("mode", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("call_sid", sa.Text(), nullable=False),
        sa.Column("conference_sid", sa.Text(), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("trouble", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("heard_seq", sa.Integer(), nullable=False),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name="fk_conference_leg_conversation_id_conversation"
        ),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name="fk_conference_leg_operator_id_operator"),
        sa.PrimaryKeyConstraint("id", name="pk_conference_leg"),
    )
    op.create_index("ix_conference_leg_conversation_id", "conference_leg", ["conversation_id"])
    op.create_index(
        "ix_leg_live",
        "conference_leg",
        ["operator_id"],
        sqlite_where=sa.text("state != 'ended'"),
        postgresql_where=sa.text("state != 'ended'"),
    )
    op.create_table(
        "operator_line",
        sa.Column("operator_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("in_browser", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name="fk_operator_line_operator_id_operator"),
        sa.PrimaryKeyConstraint("operator_id", name="pk_operator_line"),
    )
