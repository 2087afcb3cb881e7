"""The roster, who a message calls, who was called to an incident and who has it."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables and the column."""
    op.add_column("message", sa.Column("mentions", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "shift",
        sa.Column("person_id", sa.Text, sa.ForeignKey("person.person_id"), primary_key=True),
        sa.Column("weekdays", sa.Text, primary_key=True),
        sa.Column("date", sa.Text, primary_key=True),
        sa.Column("starts", sa.Text, primary_key=True),
        sa.Column("ends", sa.Text, nullable=False),
        sa.Column("substitute_id", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("retired_at_us", sa.BigInteger),
    )
    op.create_table(
        "incident_call",
        sa.Column("incident_id", sa.Text, sa.ForeignKey("incident.incident_id"), primary_key=True),
        sa.Column("step", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("person_ids", sa.Text, nullable=False),
        sa.Column("called_at_us", sa.BigInteger, nullable=False),
    )
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "acknowledgement",
        sa.Column("row_no", number, primary_key=True, autoincrement=True),
        sa.Column("incident_id", sa.Text, sa.ForeignKey("incident.incident_id"), nullable=False, unique=True),
        sa.Column("person_id", sa.Text, nullable=False),
        sa.Column("way", sa.Text, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "used_link",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("at_us", sa.BigInteger, nullable=False),
    )
