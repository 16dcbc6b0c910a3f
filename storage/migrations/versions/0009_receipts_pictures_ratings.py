"""How far each side of a chat has read, photographs, and what residents thought of a chat."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "receipt",
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.Column("side", sa.String(length=32), nullable=False),
        sa.Column("delivered_seq", sa.Integer(), nullable=False),
        sa.Column("read_seq", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name="fk_receipt_conversation_id_conversation"
        ),
        sa.PrimaryKeyConstraint("conversation_id", "side", name="pk_receipt"),
    )
    op.create_table(
        "picture",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name="fk_picture_conversation_id_conversation"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_picture"),
    )
    op.create_index("ix_picture_conversation_id", "picture", ["conversation_id"])
    op.create_index("ix_picture_made_at", "picture", ["made_at"])
    op.create_table(
        "rating",
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.Column("stars", sa.Integer(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("operator_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name="fk_rating_conversation_id_conversation"
        ),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name="fk_rating_operator_id_operator"),
        sa.PrimaryKeyConstraint("conversation_id", name="pk_rating"),
    )
    op.create_index("ix_rating_at", "rating", ["at"])
