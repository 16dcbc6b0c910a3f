"""Several alarms share one call; the turns of a lane are counted by all workers together; ranks for scarce turns."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("attempt", sa.Column("lead_id", sa.Text(), nullable=False, server_default=""))
    op.create_index("ix_attempt_lead_id", "attempt", ["lead_id"])
    op.add_column("outbox", sa.Column("rank", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "lane_turn",
        sa.Column("lane", sa.String(length=32), nullable=False),
        sa.Column("free_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("lane", name="pk_lane_turn"),
    )
