"""The last looks of one person are found without reading those of all others."""

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_look_who", "look", ["who", "id"])
