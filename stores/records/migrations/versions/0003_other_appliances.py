"""What a door is asked to pause beside air conditioners and lights."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; doors that were listed before did not keep it."""
    op.add_column("door", sa.Column("other_off_units", sa.Integer, nullable=False, server_default="0"))
