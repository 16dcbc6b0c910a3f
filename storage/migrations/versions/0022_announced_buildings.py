"""Announcements for some buildings of a community, or one unit."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("announcement", sa.Column("buildings", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("announcement", sa.Column("unit", sa.Text(), nullable=False, server_default=""))
