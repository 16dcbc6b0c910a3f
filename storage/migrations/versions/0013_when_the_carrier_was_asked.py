"""When a call was really asked for: one that waited for its turn on the line is not in doubt since its promise."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds attempt.asked_at."""
    op.add_column("attempt", sa.Column("asked_at", sa.DateTime(timezone=True)))
