"""Where staff and stations are reached by chat robots, and marks: single words that the product remembers about itself."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("staff", sa.Column("robot", sa.Text(), nullable=False, server_default=""))
    op.add_column("station", sa.Column("robot", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "mark",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_mark"),
    )
