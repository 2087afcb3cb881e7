"""How a device's messages are read, to which phases it is connected, by what it is multiplied, and since when."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; devices that are there stay as they were."""
    op.add_column("device", sa.Column("decoder", sa.Text, nullable=False, server_default=""))
    op.add_column("device", sa.Column("phases", sa.Text, nullable=False, server_default="ABC"))
    op.add_column("device", sa.Column("multiplier", sa.Float, nullable=False, server_default="1.0"))
    op.add_column("device", sa.Column("valid_from_us", sa.BigInteger, nullable=False, server_default="0"))
