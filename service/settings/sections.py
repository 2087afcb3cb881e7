"""The sections of the settings, one class each: every key, its default and what values it may have.

The sample file `redvest.sample.toml` explains each key to people; a test holds the two together.
An empty text or path means "not set". Keys marked `env_only` are secrets: they come from the
environment, never from the settings file.
"""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from collector.devices.device_format import CELLS, MEASURED_AT, DecoderKind, TimeUnit
from collector.devices.topic_patterns import fault_of_pattern
from collector.wire.terminal_format import DEVICE_LEVEL
from grid.timestamps import parse_timestamp_us


def _refuse_truth_value(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("is true or false, not a number")
    return value


def _path_or_none(value: Any) -> Any:
    return None if value == "" else value


def _texts(value: Any) -> Any:
    """Take a list, or from the environment a JSON list or words with commas between."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except ValueError as error:
            raise ValueError(f"is no list: {error}") from error
    return [word.strip() for word in value.split(",") if word.strip()]


def _timestamp_text(value: Any) -> Any:
    """Take an ISO 8601 text with an offset, or a TOML time with one; return the text."""
    if value == "":
        return value
    if hasattr(value, "isoformat"):
        value = value.isoformat()
    if not isinstance(value, str):
        raise ValueError("is no time")
    parse_timestamp_us(value)
    return value


Whole = Annotated[int, BeforeValidator(_refuse_truth_value)]
Number = Annotated[float, BeforeValidator(_refuse_truth_value), Field(allow_inf_nan=False)]
Port = Annotated[int, BeforeValidator(_refuse_truth_value), Field(ge=1, le=65535)]
PortOrAny = Annotated[int, BeforeValidator(_refuse_truth_value), Field(ge=0, le=65535)]
Host = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[^\s/]+$")]
OptionalPath = Annotated[Path | None, BeforeValidator(_path_or_none)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]
TimestampText = Annotated[str, BeforeValidator(_timestamp_text)]
HttpUrl = Annotated[str, Field(pattern=r"^(https?://[^\s]+)?$")]

ENV_ONLY = {"env_only": True}
"""Marks a key that holds a secret and therefore never stands in the settings file."""


def env_only() -> Any:
    """Return the field of a secret: empty unless the environment gives it."""
    return Field(default=SecretStr(""), json_schema_extra=dict(ENV_ONLY))


class Section(BaseModel):
    """A table of the settings file: unknown keys are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DataSection(Section):
    """Where the embedded stores live."""

    folder: Path = Path("data")
    disk_reserve_mib: Whole = Field(default=64, ge=0, le=65_536)
    pack_after_hours: Whole = Field(default=24, ge=0, le=1_000_000)


class RecordsSection(Section):
    """Ledger, incidents, visits, outbox and audit: embedded SQLite unless a URL is given."""

    url: str = ""
    url_file: OptionalPath = None
    audit_key_file: OptionalPath = None
    retired_contacts_days: Whole = Field(default=90, ge=0, le=100_000)


class BrokerSection(Section):
    """The MQTT broker."""

    host: Host = "127.0.0.1"
    port: Port = 1883
    username: str = ""
    password: SecretStr = env_only()
    password_file: OptionalPath = None
    tls_ca_file: OptionalPath = None
    protocol: Literal["5", "3.1.1"] = "5"
    keep_alive_seconds: Whole = Field(default=30, ge=5, le=3600)
    session_expiry_hours: Whole = Field(default=168, ge=1, le=1_000_000)
    receive_maximum: Whole = Field(default=10_000, ge=1, le=65_535)


class CollectorSection(Section):
    """The collector: which readings, how many at once, what is still plausible."""

    client_id: str = Field(default="redvest-collector", min_length=1, max_length=128)
    stations: Texts = ()
    queue_messages_max: Whole = Field(default=50_000, ge=1, le=10_000_000)
    block_messages_max: Whole = Field(default=10_000, ge=1, le=1_000_000)
    block_wait_milliseconds: Whole = Field(default=50, ge=1, le=10_000)
    measured_age_hours_max: Number = Field(default=72.0, ge=0.0)
    measured_ahead_minutes_max: Number = Field(default=5.0, ge=0.0)
    rejects_rows_max: Whole = Field(default=100_000, ge=1)
    health_host: Host = "127.0.0.1"
    health_port: PortOrAny = 9464


def _terminal_topic(topic: str) -> str:
    levels = topic.split("/")
    if levels.count(DEVICE_LEVEL) != 1 or any("#" in level or ("+" in level and level != "+") for level in levels):
        raise ValueError(f"{topic!r} is no topic with one level {DEVICE_LEVEL} and + for levels that may be any")
    if levels[0] == "redvest":
        raise ValueError(f"{topic!r} is a topic of the native format")
    return topic


class TerminalSection(Section):
    """Chinese smart terminals, which send in a format of their own."""

    topics: Annotated[tuple[Annotated[str, AfterValidator(_terminal_topic)], ...], BeforeValidator(_texts)] = ()
    good_quality: Texts = ("1",)
    power_unit: Literal["kW", "W"] = "kW"
    points_apart_seconds_max: Number = Field(default=60.0, gt=0.0, le=3600.0)


def _device_topic(topic: str) -> str:
    fault = fault_of_pattern(topic, needs_device=False)
    if fault is not None:
        raise ValueError(f"{topic!r} {fault}")
    return topic


class FieldSection(Section):
    """Where one value of a device's message stands."""

    path: Annotated[str, Field(min_length=1, max_length=200)]
    multiplier: Number = 1.0
    unit: TimeUnit = TimeUnit.ISO


def _source(value: Any) -> Any:
    """Take a path alone for a value that is taken as it is."""
    return {"path": value} if isinstance(value, str) else value


class DecoderSection(Section):
    """One `[[decoders]]`: devices of one make, read by their topics."""

    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    kind: DecoderKind
    topics: Annotated[
        tuple[Annotated[str, AfterValidator(_device_topic)], ...], BeforeValidator(_texts), Field(min_length=1)
    ]
    fields: dict[str, Annotated[FieldSection, BeforeValidator(_source)]] = Field(default_factory=dict)
    timezone: str = ""
    good_quality: Texts = ("1",)
    power_unit: Literal["kW", "W"] = "kW"
    points_apart_seconds_max: Number = Field(default=60.0, gt=0.0, le=3600.0)

    @model_validator(mode="after")
    def _fits_its_kind(self) -> DecoderSection:
        """Hold fields, topics and zone to what the kind needs."""
        needs_fields = self.kind in (DecoderKind.MAPPED_JSON, DecoderKind.SPARKPLUG_B)
        known = (*CELLS, *((MEASURED_AT,) if self.kind is DecoderKind.MAPPED_JSON else ()))
        for name in self.fields:
            if name not in known:
                raise ValueError(f"decoders.fields.{name} is no value of a reading: use {', '.join(known)}")
        if needs_fields != bool(self.fields.keys() - {MEASURED_AT}):
            told = "needs fields that say where the values stand" if needs_fields else "takes no fields"
            raise ValueError(f"decoders of kind {self.kind.value} {told}")
        for topic in self.topics:
            fault = fault_of_pattern(topic, needs_device=self.kind is not DecoderKind.SPARKPLUG_B)
            if fault is not None:
                raise ValueError(f"decoders.topics: {topic!r} {fault}")
        if self.timezone and self.timezone not in available_timezones():
            raise ValueError(f"decoders.timezone: {self.timezone!r} is the name of no zone; write Asia/Shanghai")
        return self


class VerdictsSection(Section):
    """Which rule sets judge the readings."""

    rules: Texts = ("early-warning", "two-hours", "supply")
    rules_folder: OptionalPath = None
    gap_minutes: Number = Field(default=20.0, gt=0.0, le=1440.0)
    phase_overload_minutes: Number = Field(default=15.0, ge=0.0, le=1440.0)
    unknown_after_hours: Number = Field(default=24.0, ge=0.0, le=8760.0)


class OutreachSection(Section):
    """Whom to ask, and for how much."""

    target_load_rate: Number = Field(default=0.80, gt=0.0, lt=2.0)
    probability: Number = Field(default=0.90, gt=0.0, lt=1.0)
    ask_again_hours: Number = Field(default=24.0, ge=0.0, le=8760.0)
    asks_per_week: Whole = Field(default=3, ge=1, le=7)
    absent_again_minutes: Number = Field(default=60.0, ge=0.0, le=1440.0)
    hold_margin: Number = Field(default=0.02, ge=0.0, lt=1.0)
    day_correlation: Number = Field(default=0.06, ge=0.0, lt=1.0)
    delivered_prior: Number = Field(default=0.80, gt=0.0, le=1.5)
    setpoint_c: Number = Field(default=26.0, ge=16.0, le=32.0)
    trend_horizon_minutes: Number = Field(default=30.0, ge=0.0, le=1440.0)


class SilenceSection(Section):
    """When missing readings are called silence."""

    slot_minutes: Number = Field(default=15.0, gt=0.0, le=1440.0)
    silent_slots: Whole = Field(default=3, ge=1, le=1000)


class FileChannel(Section):
    """Notifications as JSON lines in a file."""

    path: OptionalPath = None


class WebhookChannel(Section):
    """Notifications as a JSON POST to an address of one's own."""

    url: HttpUrl = ""
    url_file: OptionalPath = None
    secret: SecretStr = env_only()
    secret_file: OptionalPath = None
    success_field: str = Field(default="", max_length=200)
    success_values: Texts = ("0",)
    tls_ca_file: OptionalPath = None
    timeout_seconds: Number = Field(default=10.0, gt=0.0, le=120.0)


class SmtpChannel(Section):
    """Notifications by mail."""

    host: str = Field(default="", max_length=253, pattern=r"^[^\s/]*$")
    port: Port = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password: SecretStr = env_only()
    password_file: OptionalPath = None
    sender: str = Field(default="", max_length=254)
    recipients: Texts = ()
    tls_ca_file: OptionalPath = None
    timeout_seconds: Number = Field(default=20.0, gt=0.0, le=120.0)


class RobotKind(Enum):
    """The chat programs whose group robots can be spoken through."""

    WECOM = "wecom"
    DINGTALK = "dingtalk"
    FEISHU = "feishu"


class RobotChannel(Section):
    """A chat robot, for the whole installation or for some stations or grids of it."""

    kind: RobotKind
    name: str = Field(default="", max_length=60, pattern=r"^[^\s/,]*$")
    stations: Texts = ()
    grids: Texts = ()
    url_file: OptionalPath = None
    secret_file: OptionalPath = None
    tls_ca_file: OptionalPath = None
    timeout_seconds: Number = Field(default=10.0, gt=0.0, le=120.0)


class EscalationSection(Section):
    """How long people have to say that they have an incident, before the next are called [min]."""

    enabled: bool = True
    severe_heavy_minutes: Number = Field(default=10.0, gt=0.0, le=1440.0)
    overload_minutes: Number = Field(default=5.0, gt=0.0, le=1440.0)
    other_minutes: Number = Field(default=15.0, gt=0.0, le=1440.0)
    stand_by: Texts = ()


class ChannelName(Enum):
    """The ways a notification can go, beside chat robots."""

    TERMINAL = "terminal"
    FILE = "file"
    WEBHOOK = "webhook"
    SMTP = "smtp"


class NotifySection(Section):
    """Where notifications go, and how often a failed one is tried again."""

    channels: Annotated[tuple[ChannelName, ...], BeforeValidator(_texts)] = (ChannelName.TERMINAL, ChannelName.FILE)
    templates_file: OptionalPath = None
    communities_first: bool = False
    attempts_max: Whole = Field(default=12, ge=1, le=1000)
    retry_seconds_first: Number = Field(default=5.0, gt=0.0, le=3600.0)
    retry_seconds_max: Number = Field(default=900.0, gt=0.0, le=86_400.0)
    file: FileChannel = FileChannel()
    webhook: WebhookChannel = WebhookChannel()
    smtp: SmtpChannel = SmtpChannel()
    escalation: EscalationSection = EscalationSection()
    robots: tuple[RobotChannel, ...] = ()

    def robot_names(self) -> tuple[str, ...]:
        """Return the name of each robot: its own, else its kind and its place among those of its kind."""
        count: dict[RobotKind, int] = {}
        names = []
        for robot in self.robots:
            count[robot.kind] = count.get(robot.kind, 0) + 1
            names.append(robot.name or f"{robot.kind.value}-{count[robot.kind]}")
        return tuple(names)

    def channel_names(self) -> tuple[str, ...]:
        """Return the names of all channels, in the order of the settings."""
        return tuple(channel.value for channel in self.channels) + self.robot_names()


class InfluxSection(Section):
    """The derived copy of readings and verdicts in an InfluxDB-compatible server."""

    enabled: bool = False
    url: HttpUrl = "http://127.0.0.1:8086"
    org: str = "redvest"
    bucket: str = "redvest"
    token: SecretStr = env_only()
    token_file: OptionalPath = None
    batch_rows_max: Whole = Field(default=5_000, ge=1, le=100_000)
    interval_seconds: Number = Field(default=5.0, gt=0.0, le=3600.0)
    timeout_seconds: Number = Field(default=10.0, gt=0.0, le=120.0)


class DashboardSection(Section):
    """The pages for the duty desk and the team."""

    host: Host = "127.0.0.1"
    port: Port = 8501
    title: str = Field(default="", max_length=80)
    public_url: HttpUrl = ""
    allowed_hosts: Texts = ()
    proxy_addresses: Texts = ()
    tls_certificate_file: OptionalPath = None
    tls_key_file: OptionalPath = None
    plain_http_allowed: bool = False
    session_idle_minutes: Number = Field(default=720.0, gt=0.0, le=100_000.0)
    session_absolute_hours: Number = Field(default=168.0, gt=0.0, le=10_000.0)


class ClockKind(Enum):
    """Which time the product lives in."""

    SYSTEM = "system"
    SCALED = "scaled"


class ClockSection(Section):
    """The clock: the computer's own, or a scaled one that all processes of a demo share."""

    kind: ClockKind = ClockKind.SYSTEM
    real_start: TimestampText = ""
    start: TimestampText = ""
    speed: Number = Field(default=1.0, gt=0.0, le=100_000.0)

    @property
    def real_start_us(self) -> int:
        """Return the moment of the real clock at which the scaled clock showed `start` [µs]."""
        return parse_timestamp_us(self.real_start)

    @property
    def start_us(self) -> int:
        """Return what the scaled clock showed at `real_start` [µs]."""
        return parse_timestamp_us(self.start)


class SimulatorSection(Section):
    """What the simulator plays."""

    scenario: str = Field(default="yx06-24-july", min_length=1)
    seed: Whole = Field(default=-1, ge=-1)
    ledger: OptionalPath = None
