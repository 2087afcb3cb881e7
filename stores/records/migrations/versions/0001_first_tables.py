"""First tables: ledger, verdicts, incidents, outreach, outbox, audit, cursors."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables, indexes and triggers."""
    _ledger()
    _verdicts()
    _outreach()
    _outbox()
    _audit_and_cursors()


def _ledger() -> None:
    op.create_table("station", _key("station_id"), _words("name"), _words("timezone"), *_ledger_marks())
    op.create_table(
        "service_grid",
        _key("grid_id"),
        _words("name"),
        _words("station_id"),
        _words("community"),
        *_ledger_marks(),
        sa.ForeignKeyConstraint(["station_id"], ["station.station_id"]),
    )
    op.create_table(
        "transformer",
        _key("transformer_id"),
        _words("name"),
        _words("station_id"),
        _number("rated_power_kva", nullable=False),
        sa.Column("grid_id", sa.Text),
        _words("feeder_id"),
        _number("ct_ratio", nullable=False),
        _yes_no("indoor"),
        _number("latitude"),
        _number("longitude"),
        _words("owner"),
        *_ledger_marks(),
        sa.ForeignKeyConstraint(["station_id"], ["station.station_id"]),
        sa.ForeignKeyConstraint(["grid_id"], ["service_grid.grid_id"]),
    )
    op.create_table(
        "rating",
        _key("transformer_id"),
        sa.Column("valid_from_us", sa.BigInteger, primary_key=True, autoincrement=False),
        _number("rated_power_kva", nullable=False),
        _number("ct_ratio", nullable=False),
        *_ledger_marks(),
        sa.ForeignKeyConstraint(["transformer_id"], ["transformer.transformer_id"]),
    )
    op.create_table(
        "person",
        _key("person_id"),
        _words("name"),
        _words("role"),
        sa.Column("grid_id", sa.Text),
        _words("phone"),
        _words("chat_id"),
        *_ledger_marks(),
        sa.ForeignKeyConstraint(["grid_id"], ["service_grid.grid_id"]),
    )
    op.create_table(
        "merchant",
        _key("merchant_id"),
        _words("name"),
        _words("transformer_id"),
        *_all_words("address", "contact_name", "phone", "category", "phase"),
        sa.Column("walk_order", sa.Integer),
        _yes_no("protected"),
        _words("protected_reason"),
        *_ledger_marks(),
        sa.ForeignKeyConstraint(["transformer_id"], ["transformer.transformer_id"]),
    )
    op.create_table(
        "appliance",
        _key("merchant_id"),
        sa.Column("line", sa.Integer, primary_key=True, autoincrement=False),
        _words("appliance"),
        _whole("count"),
        _number("rated_kw", nullable=False),
        _whole("can_switch_off"),
        _number("setpoint_c"),
        *_ledger_marks(),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchant.merchant_id"]),
    )
    op.create_table(
        "customer_link",
        _key("merchant_id"),
        sa.Column("valid_from_us", sa.BigInteger, primary_key=True, autoincrement=False),
        _words("transformer_id"),
        *_ledger_marks(),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchant.merchant_id"]),
        sa.ForeignKeyConstraint(["transformer_id"], ["transformer.transformer_id"]),
    )
    op.create_table(
        "ledger_version",
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        _timestamp("taken_at_us"),
        _words("taken_by"),
        _whole("added"),
        _whole("changed"),
        _whole("retired"),
    )


def _verdicts() -> None:
    op.create_table(
        "episode",
        _key("transformer_id"),
        _key("rule"),
        _key("level"),
        sa.Column("first_reading_at_us", sa.BigInteger, primary_key=True, autoincrement=False),
        _timestamp("started_at_us"),
        _timestamp("ended_at_us", nullable=True),
        sa.Column("ended_by", sa.Text),
        _number("first_load_rate"),
        _number("peak_load_rate"),
        _timestamp("peak_at_us"),
        _whole("readings"),
        _yes_no("retracted"),
        _whole("revision"),
        _whole("copied_revision"),
    )
    op.create_index("episode_by_start", "episode", ["started_at_us"])
    _index_where("episode_open", "episode", "transformer_id", "ended_at_us IS NULL")
    _index_where("episode_to_copy", "episode", "first_reading_at_us", "copied_revision < revision")
    op.create_table(
        "incident",
        _key("incident_id"),
        *_all_words("transformer_id", "rule", "level", "state"),
        _timestamp("first_reading_at_us"),
        _timestamp("opened_at_us"),
        _number("opened_load_rate"),
        _number("peak_load_rate"),
        _timestamp("peak_at_us"),
        _number("last_load_rate"),
        _timestamp("last_reading_at_us"),
        _timestamp("closed_at_us", nullable=True),
        _yes_no("blind"),
    )
    op.create_index("incident_by_opening", "incident", ["opened_at_us"])
    op.create_index("incident_by_state", "incident", ["state"])
    op.create_table(
        "incident_event",
        _row_no("event_no"),
        _words("incident_id"),
        _timestamp("at_us"),
        *_all_words("kind", "detail_zh", "detail_en"),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.incident_id"]),
        sa.UniqueConstraint("incident_id", "at_us", "kind", "detail_en", name="incident_event_once"),
    )


def _outreach() -> None:
    op.create_table(
        "outreach_list",
        _key("incident_id"),
        sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
        _timestamp("made_at_us"),
        *_all_numbers("load_rate", "target_load_rate", "needed_kw", "probability", "reached_probability"),
        *_all_numbers("pending_kw"),
        *_all_words("reason_zh", "reason_en"),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.incident_id"]),
    )
    op.create_table(
        "door",
        _key("incident_id"),
        sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        _whole("order"),
        _words("merchant_id"),
        _whole("switch_off_units"),
        _whole("of_units"),
        _number("setpoint_from_c"),
        _number("setpoint_to_c"),
        _yes_no("lights_off"),
        *_all_numbers("offer_kw", "agree_probability"),
        *_all_words("assigned_to", "reason_zh", "reason_en"),
        sa.ForeignKeyConstraint(["incident_id", "revision"], ["outreach_list.incident_id", "outreach_list.revision"]),
    )
    op.create_table(
        "visit",
        _row_no("visit_no"),
        *_all_words("incident_id", "merchant_id", "result"),
        _timestamp("recorded_at_us"),
        _words("recorded_by"),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.incident_id"]),
        sa.UniqueConstraint("incident_id", "merchant_id", "recorded_at_us", "result", "recorded_by", name="visit_once"),
    )
    op.create_index("visit_by_moment", "visit", ["recorded_at_us"])


def _outbox() -> None:
    op.create_table(
        "message",
        _row_no("message_no"),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        *_all_words("kind", "station_id"),
        sa.Column("incident_id", sa.Text),
        *_all_words("text_zh", "text_en"),
        _timestamp("created_at_us"),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.incident_id"]),
    )
    op.create_table(
        "delivery",
        _row_no("delivery_no"),
        sa.Column("message_no", sa.BigInteger, nullable=False),
        *_all_words("channel", "state"),
        _whole("attempts"),
        _words("last_error"),
        _timestamp("next_attempt_at_us", nullable=True),
        _timestamp("delivered_at_us", nullable=True),
        sa.ForeignKeyConstraint(["message_no"], ["message.message_no"]),
        sa.UniqueConstraint("message_no", "channel", name="delivery_once"),
    )
    _index_where("delivery_due", "delivery", "next_attempt_at_us", "state = 'pending'")


def _audit_and_cursors() -> None:
    op.create_table(
        "audit",
        sa.Column("no", sa.BigInteger, primary_key=True, autoincrement=False),
        _timestamp("at_us"),
        *_all_words("by", "action", "subject", "detail", "previous_hash", "hash"),
    )
    op.create_table(
        "told_remark",
        _key("key"),
        *_all_words("kind", "station_id", "level", "transformer_id"),
        sa.Column("incident_id", sa.Text),
        _timestamp("created_at_us"),
        _timestamp("told_at_us"),
        _words("message_key"),
    )
    op.create_index("told_remark_by_moment", "told_remark", ["told_at_us"])
    op.create_table("kept_state", _key("name"), _words("text"))
    op.create_table(
        "cursor",
        _key("name"),
        sa.Column("value", sa.BigInteger, nullable=False),
        _words("error"),
    )
    for statement in _APPEND_ONLY[op.get_bind().dialect.name]:
        op.execute(statement)


_APPEND_ONLY = {
    # REPLACE passes by the delete trigger unless recursive_triggers is on: so inserting over a row is refused too.
    "sqlite": (
        """CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
           BEGIN SELECT RAISE(ABORT, 'the audit record is append-only'); END""",
        """CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
           BEGIN SELECT RAISE(ABORT, 'the audit record is append-only'); END""",
        """CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit
           WHEN EXISTS (SELECT 1 FROM audit WHERE no = NEW.no)
           BEGIN SELECT RAISE(ABORT, 'the audit record is append-only'); END""",
    ),
    "postgresql": (
        """CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN RAISE EXCEPTION 'the audit record is append-only'; END $$""",
        """CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
           FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()""",
    ),
}


def _key(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, primary_key=True)


def _row_no(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True)


def _words(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _all_words(*names: str) -> Sequence[sa.Column[str]]:
    return [_words(name) for name in names]


def _timestamp(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _whole(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False)


def _number(name: str, *, nullable: bool = True) -> sa.Column[float]:
    return sa.Column(name, sa.Float, nullable=nullable)


def _all_numbers(*names: str) -> Sequence[sa.Column[float]]:
    return [_number(name) for name in names]


def _yes_no(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False)


def _ledger_marks() -> Sequence[sa.Column[int]]:
    return [_whole("position"), _timestamp("retired_at_us", nullable=True)]


def _index_where(name: str, table: str, column: str, condition: str) -> None:
    op.create_index(name, table, [column], sqlite_where=sa.text(condition), postgresql_where=sa.text(condition))
