"""Each channel finds what it has to deliver without looking at that of others."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the indexes."""
    pending, undelivered = sa.text("state = 'pending'"), sa.text("state != 'delivered'")
    op.create_index(
        "delivery_waiting", "delivery", ["channel", "message_no"], sqlite_where=pending, postgresql_where=pending
    )
    op.create_index(
        "delivery_not_delivered",
        "delivery",
        ["channel", "state"],
        sqlite_where=undelivered,
        postgresql_where=undelivered,
    )
    op.create_index("delivery_by_channel", "delivery", ["channel", "delivered_at_us"])
