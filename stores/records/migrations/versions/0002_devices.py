"""Devices of the ledger: whose readings they send under their own id, and which can be asked to send again."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "device",
        sa.Column("device_id", sa.Text, primary_key=True),
        sa.Column("transformer_id", sa.Text, nullable=False),
        sa.Column("replays", sa.Boolean, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("retired_at_us", sa.BigInteger),
        sa.ForeignKeyConstraint(["transformer_id"], ["transformer.transformer_id"]),
    )
