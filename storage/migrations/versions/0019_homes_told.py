"""When every home of an incident's extent was told of it (K3)."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("incident", sa.Column("homes_told_at", sa.DateTime(timezone=True), nullable=True))
