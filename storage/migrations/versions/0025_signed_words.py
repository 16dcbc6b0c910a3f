"""The words above a signature, as they stood when it was written."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("visit_picture", sa.Column("text", sa.Text(), nullable=False, server_default=""))
