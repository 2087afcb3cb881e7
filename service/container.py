"""The one composition root: from the settings to the parts that work together.

Every process of the product makes one House and takes from it what it needs. Parts are opened when they
are first asked for, so a command that needs no store opens none. Heavy imports wait for their part too.
"""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from grid.errors import SettingsError
from grid.fleet import Fleet
from grid.os_reasons import os_reason
from grid.text import Text
from service.clock import Clock, ScaledClock, SystemClock
from service.settings.sections import ClockKind
from service.settings.settings import Settings

if TYPE_CHECKING:
    from alerts.outreach.planner import OutreachSettings
    from alerts.rules.rule_set import RuleSet
    from collector.decoding.plausibility import Limits
    from collector.devices.decoders import Decoders
    from collector.mqtt.broker_address import BrokerAddress
    from collector.wire.terminal_format import TerminalFormat
    from service.access.accounts import Accounts
    from service.access.phone import PhoneDesk
    from service.access.sessions import Sessions
    from service.metrics.metrics import Metrics
    from service.notify.acknowledge import Acknowledger
    from service.notify.assembly import NotifyOptions
    from service.notify.channels.make import Channel
    from service.notify.handover import Handover
    from service.notify.links import AcknowledgeLinks
    from service.queries.channels import ChannelRow
    from service.queries.queries import Queries
    from service.response.incident_desk import IncidentDesk
    from service.response.visits import VisitRecorder
    from stores.journal.journal import Journal
    from stores.maintenance.disk_reserve import DiskReserve
    from stores.records.audit_anchors import AuditAnchors
    from stores.records.records import Records


class Container:
    """The parts of one installation. Close it when done; parts that hold nothing open need no closing."""

    def __init__(self, settings: Settings) -> None:
        """Keep the settings; nothing is opened yet."""
        self.settings = settings
        self._reader: Journal | None = None
        self._opening = threading.Lock()

    @cached_property
    def clock(self) -> Clock:
        """Return the clock that all processes with these settings share."""
        values = self.settings.clock
        if values.kind is ClockKind.SCALED:
            return ScaledClock(values.real_start_us, values.start_us, values.speed)
        return SystemClock()

    @cached_property
    def records(self) -> Records:
        """Return the records store, its schema brought up to date. Raises StoreError when it cannot be opened."""
        from stores.records.records import Records

        self.make_data_folder()
        records = Records(self.settings.records_url())
        records.migrate()
        records.anchor_audit(self.audit_anchors)
        return records

    @property
    def audit_anchors(self) -> AuditAnchors:
        """Return where the heads of the audit record are noted."""
        from stores.records.audit_anchors import AuditAnchors

        return AuditAnchors(self.settings.data.folder, self.settings.records.audit_key_file)

    def journal_reader(self) -> Journal | None:
        """Return the readings journal, read-only; None while no collector has ever written one."""
        from stores.journal.journal import Journal

        with self._opening:
            if self._reader is None and self.settings.journal_file.exists():
                self._reader = Journal.open_reader(self.settings.journal_file)
            return self._reader

    def journal_writer(self, *, rejects_rows_max: int | None = None) -> Journal:
        """Open the readings journal for the one process that may write it, the collector. The caller closes it."""
        from stores.journal.journal import Journal

        self.make_data_folder()
        rows_max = rejects_rows_max or self.settings.collector.rejects_rows_max
        return Journal.open_writer(self.settings.journal_file, rejects_rows_max=rows_max)

    def reserve(self) -> DiskReserve:
        """Return the reserve of disk space beside the stores."""
        from stores.maintenance.disk_reserve import RESERVE_FILE, DiskReserve

        self.make_data_folder()
        return DiskReserve(self.settings.data.folder / RESERVE_FILE, self.settings.data.disk_reserve_mib * 2**20)

    def fleet(self) -> Fleet:
        """Return the transformers of the ledger that have readings, by their numbers in the journal."""
        ledger = self.records.ledger()
        journal = self.journal_reader()
        number = journal.numbers([t.transformer_id for t in ledger.transformers]) if journal else {}
        return Fleet.of_ledger(ledger, number)

    def rule_sets(self) -> tuple[RuleSet, ...]:
        """Return the rule sets that the settings name, and the one for the supply. Raises RuleError."""
        from service.rulebook import choose_rule_sets, read_rule_sets, with_settings

        values = self.settings.verdicts
        # Without the supply no outage would be seen; whoever names a version of it has that one.
        looks = any(name.partition("@")[0] == "supply" for name in values.rules)
        names = values.rules if looks else (*values.rules, "supply")
        chosen = choose_rule_sets(names, read_rule_sets(values.rules_folder))
        return with_settings(chosen, values.phase_overload_minutes)

    def broker_address(self) -> BrokerAddress:
        """Return where the broker is and how to log in."""
        from collector.mqtt.broker_address import BrokerAddress

        values = self.settings.broker
        return BrokerAddress(
            host=values.host,
            port=values.port,
            username=values.username,
            password=self.settings.broker_password(),
            tls_ca_file=values.tls_ca_file,
            protocol=values.protocol,
            keep_alive_seconds=values.keep_alive_seconds,
        )

    def limits(self) -> Limits:
        """Return what the collector still takes as plausible; an age limit of 0 hours means any age."""
        from collector.decoding.plausibility import Limits

        values = self.settings.collector
        return Limits(
            measured_age_hours_max=values.measured_age_hours_max or None,
            measured_ahead_minutes_max=values.measured_ahead_minutes_max,
        )

    def terminal_format(self) -> TerminalFormat | None:
        """Return how smart terminals send; None where the settings name no topic of theirs."""
        from collector.wire.terminal_format import TerminalFormat

        values = self.settings.terminal
        return TerminalFormat(**values.model_dump()) if values.topics else None

    def decoders(self) -> Decoders:
        """Return all formats that are read beside Redvest's own, without any session yet."""
        from collector.devices.decoders import Decoders
        from collector.devices.device_format import DeviceFormat, FieldSource
        from collector.devices.topic_patterns import TopicPattern
        from collector.wire.terminal_format import TerminalFormat

        formats = [
            DeviceFormat(
                each.name,
                each.kind,
                tuple(map(TopicPattern, each.topics)),
                {name: FieldSource(told.path, told.multiplier, told.unit) for name, told in each.fields.items()},
                ZoneInfo(each.timezone) if each.timezone else None,
                TerminalFormat(each.topics, each.good_quality, each.power_unit, each.points_apart_seconds_max)
                if each.kind.value == "terminal"
                else None,
            )
            for each in self.settings.decoders
        ]
        return Decoders(self.terminal_format(), formats)

    def outreach_settings(self) -> OutreachSettings:
        """Return the values that the outreach list depends on."""
        from alerts.outreach.planner import OutreachSettings

        return OutreachSettings(**self.settings.outreach.model_dump())

    @cached_property
    def queries(self) -> Queries:
        """Return the read side for pages and commands."""
        from alerts.silence.detection import SilenceSettings
        from service.metrics.health import ask_collector
        from service.queries.queries import Queries, QueryOptions

        silence = self.settings.silence
        return Queries(
            journal=self.journal_reader,
            records=self.records,
            rules=self.rule_sets(),
            clock=self.clock,
            options=QueryOptions(
                outreach=self.outreach_settings(),
                silence=SilenceSettings(silence.slot_minutes, silence.silent_slots),
                gap_minutes=self.settings.verdicts.gap_minutes,
            ),
            collector_state=lambda: ask_collector(self.settings),
        )

    @cached_property
    def accounts(self) -> Accounts:
        """Return the accounts of those who may come in."""
        from service.access.accounts import Accounts

        return Accounts(self.records, SystemClock(), self.clock)

    @cached_property
    def sessions(self) -> Sessions:
        """Return sign-in and sessions, which live in real time whatever the installation's clock shows."""
        from service.access.sessions import SessionLimits, Sessions

        values = self.settings.dashboard
        limits = SessionLimits(values.session_idle_minutes, values.session_absolute_hours)
        return Sessions(self.records, SystemClock(), self.clock, limits)

    @cached_property
    def phone_desk(self) -> PhoneDesk:
        """Return the one door through which answers come from phones."""
        from service.access.phone import PhoneDesk

        return PhoneDesk(self.records, self.clock)

    @cached_property
    def visit_recorder(self) -> VisitRecorder:
        """Return the one door through which answers come in."""
        from service.response.visits import VisitRecorder

        return VisitRecorder(self.records, self.clock)

    @cached_property
    def incident_desk(self) -> IncidentDesk:
        """Return the one door for what the desk does with incidents."""
        from service.response.incident_desk import IncidentDesk

        return IncidentDesk(self.records, self.clock)

    @cached_property
    def channels(self) -> tuple[Channel, ...]:
        """Return the ways that messages go, as the settings name them; no secret is read yet."""
        from service.notify.channels.make import channels_of

        return channels_of(self.settings)

    def channel_rows(self) -> tuple[ChannelRow, ...]:
        """Return how each channel fares. Raises StoreError."""
        from service.queries.channels import channel_rows

        return channel_rows(self.settings, self.records)

    @cached_property
    def handover(self) -> Handover:
        """Return what hands shifts over."""
        from service.notify.audiences import audiences_of
        from service.notify.handover import Handover

        return Handover(self.records, self.clock, audiences_of(self.channels))

    def notify_options(self) -> NotifyOptions:
        """Return who is told what, and how long people have to answer. Raises SettingsError for a faulty template."""
        from alerts.model.kinds import LevelName
        from service.notify.assembly import NotifyOptions
        from service.notify.audiences import audiences_of
        from service.notify.escalation import EscalationSettings
        from service.notify.templates import read_templates

        notify = self.settings.notify
        values = notify.escalation
        minutes = {
            LevelName.SEVERE_HEAVY.value: values.severe_heavy_minutes,
            LevelName.OVERLOAD.value: values.overload_minutes,
        }
        return NotifyOptions(
            audiences=audiences_of(self.channels),
            escalation=EscalationSettings(minutes, values.other_minutes, values.enabled),
            stand_by=values.stand_by,
            communities_first=notify.communities_first,
            templates=read_templates(notify.templates_file),
        )

    @cached_property
    def acknowledger(self) -> Acknowledger:
        """Return the one door through which somebody takes an incident. Raises SettingsError for an unusable folder."""
        from service.notify.acknowledge import Acknowledger

        return Acknowledger(self.records, self.clock, self.acknowledge_links)

    @cached_property
    def acknowledge_links(self) -> AcknowledgeLinks:
        """Return what makes and reads the one-time links. Raises SettingsError when its key cannot be kept."""
        from service.notify.links import AcknowledgeLinks

        self.make_data_folder()
        try:
            return AcknowledgeLinks.of_folder(self.settings.data.folder)
        except OSError as error:
            raise SettingsError(
                Text(f"链接密钥不可用（{error}）", f"the key of the links cannot be used ({error})"),
                where="data.folder",
                remedy=Text("请检查权限", "check its rights"),
            ) from error

    @cached_property
    def metrics(self) -> Metrics:
        """Return the instruments of this process."""
        from service.metrics.metrics import Metrics

        return Metrics()

    def make_data_folder(self) -> None:
        """Make the data folder, for its owner alone. Raises SettingsError when that is impossible."""
        folder = self.settings.data.folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(
                Text(
                    f"键 data.folder：无法建立 {folder}（{os_reason(error).zh}）",
                    f"key data.folder: {folder} cannot be made ({error.strerror})",
                ),
                where=str(self.settings.file or "settings"),
                remedy=Text("请指定有写权限的文件夹", "name a folder that you may write to"),
            ) from error

    def close(self) -> None:
        """Close what was opened."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        if "records" in self.__dict__:
            self.records.close()
            del self.__dict__["records"]
