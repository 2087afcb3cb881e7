"""Since when the readings of an open incident have shown no voltage."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of incidents that were recorded before nothing was looked at."""
    op.add_column("incident", sa.Column("no_voltage_since_us", sa.BigInteger, nullable=True))
