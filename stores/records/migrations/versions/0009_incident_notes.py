"""What people note at an incident: whom it was given to, comments, and how the desk put it away."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "incident_note",
        sa.Column("note_no", number, primary_key=True, autoincrement=True),
        sa.Column("incident_id", sa.Text, sa.ForeignKey("incident.incident_id"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("assigned_to", sa.Text, nullable=False),
        sa.UniqueConstraint("incident_id", "at_us", "kind", "by", name="incident_note_once"),
    )
