"""What a home is used for, and what it owes of earlier seasons."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("household", sa.Column("usage", sa.Text(), nullable=False, server_default="residential"))
    op.add_column("household", sa.Column("arrears_fen", sa.Integer(), nullable=False, server_default="0"))
