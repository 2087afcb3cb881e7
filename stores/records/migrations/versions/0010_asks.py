"""Where the asking of an incident stands, and who was told that they may switch back."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables; the asks of incidents that are open get their state with the next reading."""
    op.create_table(
        "ask",
        sa.Column("incident_id", sa.Text, sa.ForeignKey("incident.incident_id"), primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("since_us", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "release",
        sa.Column("incident_id", sa.Text, sa.ForeignKey("incident.incident_id"), primary_key=True),
        sa.Column("merchant_id", sa.Text, primary_key=True),
        sa.Column("released_at_us", sa.BigInteger, nullable=False),
    )
