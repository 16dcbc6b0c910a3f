"""Whose a fault is, on its visit."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("visit", sa.Column("responsibility", sa.JSON(), nullable=True))
