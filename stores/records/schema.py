"""The tables of the records, as the newest migration leaves them. A test holds the two together."""

from __future__ import annotations

import math
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

from stores.storable_text import storable

SCHEMA_VERSION = "0010"
"""The newest migration in stores/records/migrations/versions."""

metadata = MetaData()


class Words(TypeDecorator[str]):
    """Text that every database takes: without NUL, and a lone surrogate becomes a question mark."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return the text as it can be stored."""
        return None if value is None else storable(value)


class Reference(TypeDecorator[str]):
    """The id of another row; empty in the ledger's values, NULL in the database."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return NULL for an empty id."""
        return value or None

    def process_result_value(self, value: Any | None, dialect: Dialect) -> str:
        """Return an empty id for NULL."""
        return value or ""


class Number(TypeDecorator[float]):
    """A number; NaN in our values, NULL in the database."""

    impl = Float
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:
        """Return NULL for NaN."""
        return None if value is None or math.isnan(value) else float(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> float:
        """Return NaN for NULL."""
        return math.nan if value is None else value


def _row_no(name: str) -> Column[int]:
    return Column(name, BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)


def _timestamp(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


def _words(name: str) -> Column[str]:
    return Column(name, Words, nullable=False)


# Ledger: the columns are the fields of grid.assets, in their order; a row that is gone is retired, not deleted.


def _ledger_marks() -> tuple[Column[int], Column[int]]:
    return Column("position", Integer, nullable=False), _timestamp("retired_at_us", nullable=True)


station = Table(
    "station",
    metadata,
    Column("station_id", Words, primary_key=True),
    _words("name"),
    _words("timezone"),
    *_ledger_marks(),
)
service_grid = Table(
    "service_grid",
    metadata,
    Column("grid_id", Words, primary_key=True),
    _words("name"),
    Column("station_id", Words, ForeignKey("station.station_id"), nullable=False),
    _words("community"),
    *_ledger_marks(),
)
transformer = Table(
    "transformer",
    metadata,
    Column("transformer_id", Words, primary_key=True),
    _words("name"),
    Column("station_id", Words, ForeignKey("station.station_id"), nullable=False),
    Column("rated_power_kva", Float, nullable=False),
    Column("grid_id", Reference, ForeignKey("service_grid.grid_id")),
    _words("feeder_id"),
    Column("ct_ratio", Float, nullable=False),
    Column("indoor", Boolean, nullable=False),
    Column("latitude", Float),
    Column("longitude", Float),
    _words("owner"),
    *_ledger_marks(),
)
rating = Table(
    "rating",
    metadata,
    Column("transformer_id", Words, ForeignKey("transformer.transformer_id"), primary_key=True),
    Column("valid_from_us", BigInteger, primary_key=True, autoincrement=False),
    Column("rated_power_kva", Float, nullable=False),
    Column("ct_ratio", Float, nullable=False),
    *_ledger_marks(),
)
device = Table(
    "device",
    metadata,
    Column("device_id", Words, primary_key=True),
    Column("transformer_id", Words, ForeignKey("transformer.transformer_id"), nullable=False),
    Column("replays", Boolean, nullable=False),
    Column("decoder", Words, nullable=False),
    Column("phases", Words, nullable=False),
    Column("multiplier", Float, nullable=False),
    Column("valid_from_us", BigInteger, nullable=False),
    *_ledger_marks(),
)
person = Table(
    "person",
    metadata,
    Column("person_id", Words, primary_key=True),
    _words("name"),
    _words("role"),
    Column("grid_id", Reference, ForeignKey("service_grid.grid_id")),
    _words("phone"),
    _words("chat_id"),
    *_ledger_marks(),
)
merchant = Table(
    "merchant",
    metadata,
    Column("merchant_id", Words, primary_key=True),
    _words("name"),
    Column("transformer_id", Words, ForeignKey("transformer.transformer_id"), nullable=False),
    _words("address"),
    _words("contact_name"),
    _words("phone"),
    _words("category"),
    _words("phase"),
    Column("walk_order", Integer),
    Column("protected", Boolean, nullable=False),
    _words("protected_reason"),
    *_ledger_marks(),
)
appliance = Table(
    "appliance",
    metadata,
    Column("merchant_id", Words, ForeignKey("merchant.merchant_id"), primary_key=True),
    Column("line", Integer, primary_key=True, autoincrement=False),  # appliances have no id: the n-th of their merchant
    _words("appliance"),
    Column("count", Integer, nullable=False),
    Column("rated_kw", Float, nullable=False),
    Column("can_switch_off", Integer, nullable=False),
    Column("setpoint_c", Float),
    *_ledger_marks(),
)
shift = Table(
    "shift",
    metadata,
    Column("person_id", Words, ForeignKey("person.person_id"), primary_key=True),
    Column("weekdays", Words, primary_key=True),
    Column("date", Words, primary_key=True),
    Column("starts", Words, primary_key=True),
    _words("ends"),
    _words("substitute_id"),
    *_ledger_marks(),
)
ledger_version = Table(
    "ledger_version",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    _timestamp("taken_at_us"),
    _words("taken_by"),
    Column("added", Integer, nullable=False),
    Column("changed", Integer, nullable=False),
    Column("retired", Integer, nullable=False),
)

# Verdicts and incidents

episode = Table(
    "episode",
    metadata,
    Column("transformer_id", Words, primary_key=True),
    Column("rule", Words, primary_key=True),
    Column("level", Words, primary_key=True),
    Column("first_reading_at_us", BigInteger, primary_key=True, autoincrement=False),
    _timestamp("started_at_us"),
    _timestamp("ended_at_us", nullable=True),
    Column("ended_by", Words),
    Column("first_load_rate", Number),
    Column("peak_load_rate", Number),
    _timestamp("peak_at_us"),
    Column("readings", Integer, nullable=False),
    Column("retracted", Boolean, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("copied_revision", Integer, nullable=False),
)
Index("episode_by_start", episode.c.started_at_us)
Index(
    "episode_open",
    episode.c.transformer_id,
    sqlite_where=episode.c.ended_at_us.is_(None),
    postgresql_where=episode.c.ended_at_us.is_(None),
)
Index(
    "episode_to_copy",
    episode.c.first_reading_at_us,
    sqlite_where=episode.c.copied_revision < episode.c.revision,
    postgresql_where=episode.c.copied_revision < episode.c.revision,
)
incident = Table(
    "incident",
    metadata,
    Column("incident_id", Words, primary_key=True),
    _words("transformer_id"),
    _words("rule"),
    _words("level"),
    _words("state"),
    _timestamp("first_reading_at_us"),
    _timestamp("opened_at_us"),
    Column("opened_load_rate", Number),
    Column("peak_load_rate", Number),
    _timestamp("peak_at_us"),
    Column("last_load_rate", Number),
    _timestamp("last_reading_at_us"),
    _timestamp("closed_at_us", nullable=True),
    Column("blind", Boolean, nullable=False),
    _timestamp("no_voltage_since_us", nullable=True),
)
Index("incident_by_opening", incident.c.opened_at_us)
Index("incident_by_state", incident.c.state)
incident_event = Table(
    "incident_event",
    metadata,
    _row_no("event_no"),
    Column("incident_id", Words, ForeignKey("incident.incident_id"), nullable=False),
    _timestamp("at_us"),
    _words("kind"),
    _words("detail_zh"),
    _words("detail_en"),
    UniqueConstraint("incident_id", "at_us", "kind", "detail_en", name="incident_event_once"),
)

# Outreach

outreach_list = Table(
    "outreach_list",
    metadata,
    Column("incident_id", Words, ForeignKey("incident.incident_id"), primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    _timestamp("made_at_us"),
    Column("load_rate", Number),
    Column("target_load_rate", Number),
    Column("needed_kw", Number),
    Column("probability", Number),
    Column("reached_probability", Number),
    Column("pending_kw", Number),
    _words("reason_zh"),
    _words("reason_en"),
)
door = Table(
    "door",
    metadata,
    Column("incident_id", Words, primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("order", Integer, nullable=False),
    _words("merchant_id"),
    Column("switch_off_units", Integer, nullable=False),
    Column("of_units", Integer, nullable=False),
    Column("setpoint_from_c", Float),
    Column("setpoint_to_c", Float),
    Column("lights_off", Boolean, nullable=False),
    Column("offer_kw", Number),
    Column("agree_probability", Number),
    _words("assigned_to"),
    _words("reason_zh"),
    _words("reason_en"),
    Column("other_off_units", Integer, nullable=False, server_default="0"),
    ForeignKeyConstraint(["incident_id", "revision"], ["outreach_list.incident_id", "outreach_list.revision"]),
)
visit = Table(
    "visit",
    metadata,
    _row_no("visit_no"),
    Column("incident_id", Words, ForeignKey("incident.incident_id"), nullable=False),
    _words("merchant_id"),
    _words("result"),
    _timestamp("recorded_at_us"),
    _words("recorded_by"),
    UniqueConstraint("incident_id", "merchant_id", "recorded_at_us", "result", "recorded_by", name="visit_once"),
)
Index("visit_by_moment", visit.c.recorded_at_us)

ask = Table(
    "ask",
    metadata,
    Column("incident_id", Words, ForeignKey("incident.incident_id"), primary_key=True),
    _words("state"),
    _timestamp("since_us"),
)
release = Table(
    "release",
    metadata,
    Column("incident_id", Words, ForeignKey("incident.incident_id"), primary_key=True),
    Column("merchant_id", Words, primary_key=True),
    _timestamp("released_at_us"),
)

# Outbox

message = Table(
    "message",
    metadata,
    _row_no("message_no"),
    Column("key", Words, nullable=False, unique=True),
    _words("kind"),
    _words("station_id"),
    Column("incident_id", Words, ForeignKey("incident.incident_id")),
    _words("text_zh"),
    _words("text_en"),
    _timestamp("created_at_us"),
    Column("mentions", Words, nullable=False, server_default=""),  # person ids, as a JSON list; empty for nobody
)
delivery = Table(
    "delivery",
    metadata,
    _row_no("delivery_no"),
    Column("message_no", BigInteger, ForeignKey("message.message_no"), nullable=False),
    _words("channel"),
    _words("state"),
    Column("attempts", Integer, nullable=False),
    _words("last_error"),
    _timestamp("next_attempt_at_us", nullable=True),
    _timestamp("delivered_at_us", nullable=True),
    UniqueConstraint("message_no", "channel", name="delivery_once"),
)
Index(
    "delivery_due",
    delivery.c.next_attempt_at_us,
    sqlite_where=delivery.c.state == "pending",
    postgresql_where=delivery.c.state == "pending",
)
Index(
    "delivery_waiting",
    delivery.c.channel,
    delivery.c.message_no,
    sqlite_where=delivery.c.state == "pending",
    postgresql_where=delivery.c.state == "pending",
)
Index(
    "delivery_not_delivered",
    delivery.c.channel,
    delivery.c.state,
    sqlite_where=delivery.c.state != "delivered",
    postgresql_where=delivery.c.state != "delivered",
)
Index("delivery_by_channel", delivery.c.channel, delivery.c.delivered_at_us)

# Who was called to an incident, and who has it

incident_call = Table(
    "incident_call",
    metadata,
    Column("incident_id", Words, ForeignKey("incident.incident_id"), primary_key=True),
    Column("step", Integer, primary_key=True, autoincrement=False),
    _words("role"),
    _words("person_ids"),
    _timestamp("called_at_us"),
)
acknowledgement = Table(
    "acknowledgement",
    metadata,
    _row_no("row_no"),
    Column("incident_id", Words, ForeignKey("incident.incident_id"), nullable=False, unique=True),
    _words("person_id"),
    _words("way"),
    _timestamp("at_us"),
)
incident_note = Table(
    "incident_note",
    metadata,
    _row_no("note_no"),
    Column("incident_id", Words, ForeignKey("incident.incident_id"), nullable=False),
    _words("kind"),
    _timestamp("at_us"),
    _words("by"),
    _words("text"),
    _words("assigned_to"),
    UniqueConstraint("incident_id", "at_us", "kind", "by", name="incident_note_once"),
)
used_link = Table(
    "used_link",
    metadata,
    Column("digest", Words, primary_key=True),
    _timestamp("at_us"),
)

# Audit and cursors

audit = Table(
    "audit",
    metadata,
    Column("no", BigInteger, primary_key=True, autoincrement=False),
    _timestamp("at_us"),
    _words("by"),
    _words("action"),
    _words("subject"),
    _words("detail"),
    _words("previous_hash"),
    _words("hash"),
)
customer_link = Table(
    "customer_link",
    metadata,
    Column("merchant_id", Words, ForeignKey("merchant.merchant_id"), primary_key=True),
    Column("valid_from_us", BigInteger, primary_key=True, autoincrement=False),
    Column("transformer_id", Words, ForeignKey("transformer.transformer_id"), nullable=False),
    *_ledger_marks(),
)
told_remark = Table(
    "told_remark",
    metadata,
    Column("key", Words, primary_key=True),
    _words("kind"),
    _words("station_id"),
    _words("level"),
    _words("transformer_id"),
    Column("incident_id", Words),
    _timestamp("created_at_us"),
    _timestamp("told_at_us"),
    _words("message_key"),
)
Index("told_remark_by_moment", told_remark.c.told_at_us)
kept_state = Table(
    "kept_state",
    metadata,
    Column("name", Words, primary_key=True),
    _words("text"),
)
cursor = Table(
    "cursor",
    metadata,
    Column("name", Words, primary_key=True),
    Column("value", BigInteger, nullable=False),
    _words("error"),
)

# Who may come in

account = Table(
    "account",
    metadata,
    Column("name", Words, primary_key=True),
    _words("role"),
    _words("person_id"),
    _words("station_ids"),  # a JSON list; empty: all stations
    _words("secret_hash"),
    _timestamp("created_at_us"),
    _timestamp("disabled_at_us", nullable=True),
)
web_session = Table(
    "web_session",
    metadata,
    Column("token_hash", Words, primary_key=True),
    Column("session_id", Words, nullable=False, unique=True),
    Column("account", Words, ForeignKey("account.name"), nullable=False),
    _timestamp("opened_at_us"),
    _timestamp("seen_at_us"),
    _timestamp("ends_at_us", nullable=True),
    _timestamp("ended_at_us", nullable=True),
    _words("ended_why"),
    _words("address"),
    _words("agent"),
)
Index("web_session_of_account", web_session.c.account, web_session.c.ended_at_us)
access_ticket = Table(
    "access_ticket",
    metadata,
    Column("token_hash", Words, primary_key=True),
    _words("kind"),
    _words("account"),
    _timestamp("made_at_us"),
    _timestamp("ends_at_us", nullable=True),
)
wrong_guess = Table(
    "wrong_guess",
    metadata,
    Column("key", Words, primary_key=True),
    Column("failures", Integer, nullable=False),
    _timestamp("failed_at_us"),
    _timestamp("next_at_us"),
)
phone_answer = Table(
    "phone_answer",
    metadata,
    Column("answer_id", Words, primary_key=True),
    _words("body_hash"),
    Column("incident_id", Words, ForeignKey("incident.incident_id"), nullable=False),
    _words("merchant_id"),
    _words("result"),
    Column("switched_off_units", Integer),
    Column("setpoint_c", Float),
    Column("lights_off", Boolean),
    _words("note"),
    _timestamp("answered_at_us", nullable=True),
    _timestamp("recorded_at_us"),
    _words("recorded_by"),
    Column("reassigned", Boolean, nullable=False),
)
Index("phone_answer_of_incident", phone_answer.c.incident_id, phone_answer.c.merchant_id)
