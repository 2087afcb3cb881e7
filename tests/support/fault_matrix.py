"""What the product says of a simulated day whose devices or lines have a fault: one line of docs/faults.md each.

The 24 July of YX06 without visits, three transformers, a reading a minute; the ledger gives YX06 a CT ratio of 120.
Messages pass through decoding, the pipeline with its real stores, the search for gaps and the look for silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from alerts.model.incidents import Incident
from alerts.notification.throttling import ThrottlingSettings
from alerts.outreach.planner import OutreachSettings
from alerts.silence.detection import SilenceSettings, Watched, look
from collector.decoding.plausibility import Limits
from collector.message import Message
from collector.mqtt.broker_address import BrokerAddress
from collector.mqtt.subscriber import Subscriber
from collector.wire.format import batch_topic, encode_singly, subscription_filters
from grid.assets import Ledger
from grid.timestamps import MINUTE_US
from service.clock import SystemClock
from service.collecting.pipeline import Pipeline, PipelineOptions
from service.metrics.metrics import Metrics
from service.monitors.device_clocks import DeviceClocks
from service.monitors.gap_events import on_missing_readings
from service.monitors.gaps import Cause, GapWatch
from service.queries.data_quality import recent_quality
from service.rulebook import choose_rule_sets, read_rule_sets
from simulator.faults.faults import parse_fault
from simulator.faults.stream import FaultyStream, Sending
from simulator.publish.publisher import Published, Publisher
from simulator.publish.replay import publish_sending
from simulator.scenario.scenario import load_scenario
from simulator.town.town import Town
from stores.journal.journal import Journal
from stores.ledger_files import read_ledger
from stores.records.records import Records
from tests.support.record_store import with_tables

SCENARIO = load_scenario("yx06-24-july")
RATIO = 120.0
SILENCE = SilenceSettings(slot_minutes=5.0, silent_slots=3)
BLOCK_US = 10 * MINUTE_US


@dataclass(frozen=True)
class Outcome:
    """What the product says of a day, in the words of the table's cells."""

    stored: str
    repeated: str
    refused: str
    doubts: str
    missing: str
    silent: str
    verdicts: str
    told: str


@cache
def a_day() -> tuple[Ledger, tuple[Sending, ...]]:
    """The ledger, and every message of the day in the order of its sending."""
    ledger, faults = read_ledger(SCENARIO.ledger_folder)
    assert not faults
    assert ledger is not None
    transformers = tuple(replace(t, ct_ratio=RATIO) if t.transformer_id == "YX06" else t for t in ledger.transformers)
    ledger = replace(ledger, transformers=transformers)
    town = Town.of(ledger, SCENARIO)
    readings = town.advance_to(SCENARIO.ends_at_us)
    ids = town.fleet.transformer_ids
    columns = zip(readings.measured_at_us.tolist(), readings.transformer.tolist(), strict=True)
    messages = zip(columns, encode_singly(readings, town.fleet), strict=True)
    return ledger, tuple(Sending(at_us, ids[row], topic, payload) for (at_us, row), (topic, payload) in messages)


def with_faults(*faults: str) -> list[Sending]:
    """The messages of the day as they leave when devices and lines have these faults."""
    ledger, sendings = a_day()
    ids = [t.transformer_id for t in ledger.transformers]
    line = FaultyStream([parse_fault(text) for text in faults], ids, SCENARIO.seed, SCENARIO.utc_offset_hours)
    sent = [after for sending in sendings for after in line.send(sending)]
    # What is still kept when the day is over comes at its end, as with `redvest simulate`.
    return sent + [replace(kept, at_us=SCENARIO.ends_at_us) for kept in line.rest()]


def outcome_of(folder: Path, *faults: str) -> Outcome:
    """Let the product see the day with these faults, and write down what it says."""
    good = verdicts_of_a_good_day(folder)
    with Site(folder / "site") as site:
        site.see(with_faults(*faults))
        return _said(site, good)


def verdicts_of_a_good_day(folder: Path) -> tuple[object, ...]:
    """Episodes and incidents of the day without a fault; worked out once."""
    if not _GOOD:
        with Site(folder / "good") as site:
            site.see(with_faults())
            _GOOD.append(site.verdicts())
    return _GOOD[0]


_GOOD: list[tuple[object, ...]] = []


class Site:
    """One installation on real stores, with its pipeline and its search for gaps; no broker."""

    def __init__(self, folder: Path) -> None:
        """Begin an hour before the day."""
        folder.mkdir()
        self.ledger = a_day()[0]
        self.records = Records(with_tables(f"sqlite:///{folder / 'records.sqlite'}"))
        self.records.replace_ledger(self.ledger, "test", SCENARIO.starts_at_us)
        self.journal = Journal.open_writer(folder / "journal.sqlite")
        options = PipelineOptions(
            rule_sets=choose_rule_sets(("early-warning", "two-hours"), read_rule_sets()),
            gap_minutes=20.0,
            limits=Limits(),
            outreach=OutreachSettings(),
            silence=SILENCE,
            channels=("file",),
            throttling=ThrottlingSettings(),
        )
        self._metrics = Metrics()
        self._clocks = DeviceClocks(self.journal, SystemClock())
        self._clocks.look(self.journal, SCENARIO.starts_at_us)
        self.pipeline = Pipeline(
            self.journal, self.records, options, self._metrics, lambda _: None, SCENARIO.starts_at_us
        )

    def __enter__(self) -> Site:
        """Return the site itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the stores."""
        self.journal.close()
        self.records.close()

    def see(self, sendings: Iterable[Sending]) -> None:
        """Take messages ten minutes at a time, each received when it was sent, and look around every ten minutes."""
        arrived = sorted(sendings, key=lambda sending: sending.at_us)
        until_us = SCENARIO.starts_at_us
        while until_us < self.now_us:
            until_us += BLOCK_US
            block = [s for s in arrived if until_us - BLOCK_US <= s.at_us < until_us]
            self.take(
                [Message(s.topic, s.payload, s.at_us, mid=1, qos=1, epoch=1, retained=s.retained) for s in block],
                until_us,
            )
        self.close_the_day()

    def take(self, messages: Sequence[Message], now_us: int) -> None:
        """Take a block of messages, and look around."""
        if messages:
            self.pipeline.tick(messages, now_us)
        self.pipeline.look(now_us)
        self._clocks.look(self.journal, now_us)
        self.pipeline.say(self._clocks.take_events(lambda: self.ledger, now_us), now_us)

    def close_the_day(self) -> None:
        """Search the day for gaps as the collector does after a connection, and let what is to be said be said."""
        watch = GapWatch(self.journal, SystemClock(), SILENCE.slot_minutes, self._metrics)
        watch.suspect(Cause.RECONNECTED, SCENARIO.starts_at_us)
        with Journal.open_reader(self.journal.path) as reader:
            watch.look(reader, SystemClock().now_us() + 3_600_000_000)
        self.pipeline.say(on_missing_readings(watch.take_found(), self.pipeline.fleet, self.now_us), self.now_us)
        self.pipeline.look(self.now_us + MINUTE_US)

    @property
    def now_us(self) -> int:
        """When the day is over."""
        return SCENARIO.ends_at_us + BLOCK_US

    def verdicts(self) -> tuple[object, ...]:
        """Everything that was said of load: episodes and incidents."""
        # What grows while an episode is open is written down when it ends.
        episodes = [replace(e, peak_load_rate=0.0, peak_at_us=0, readings=0) for e in self.records.episodes()]
        incidents = [replace(i, last_load_rate=0.0, last_reading_at_us=0) for i in self.records.incidents()]
        return (*sorted(episodes, key=repr), *sorted(incidents, key=repr))


def outcome_through_a_broker(folder: Path, address: BrokerAddress, *faults: str) -> Outcome:
    """The same, the messages passing through a broker before or while a collector listens; received when all is sent.

    Retained readings are there before the collector, so that it meets them as leftovers.
    """
    good = verdicts_of_a_good_day(folder)
    sendings = with_faults(*faults)
    leftovers = any(sending.retained for sending in sendings)
    with Site(folder / "site") as site:
        subscriber = Subscriber(address, "matrix", subscription_filters(), clock_us=lambda: site.now_us - 1)
        if not leftovers:
            listen(subscriber, address)
        publish(address, sendings)
        if leftovers:
            subscriber.start()
        expected = len({sending.topic for sending in sendings}) if leftovers else len(sendings)
        try:
            for messages in taken(subscriber, expected):
                site.take(messages, site.now_us)
                subscriber.acknowledge(messages)
        finally:
            subscriber.stop()
        site.close_the_day()
        return _said(site, good)


def publish(address: BrokerAddress, sendings: Iterable[Sending]) -> Published:
    """Send messages as devices on their lines do."""
    publisher = Publisher(address, "devices")
    publisher.start()
    try:
        for sending in sendings:
            publish_sending(publisher, sending)
        return publisher.finish()
    finally:
        publisher.stop()


def listen(subscriber: Subscriber, address: BrokerAddress) -> None:
    """Start a subscriber, and return when the broker delivers to it: it keeps nothing for whom it does not know."""
    subscriber.start()
    probe = Publisher(address, "probe")
    probe.start()
    heard: list[Message] = []
    while not heard:
        probe.publish(batch_topic("nowhere"), b"?")
        heard = list(subscriber.take(10_000, 0.2))
    probe.finish()
    while heard:
        subscriber.acknowledge(heard)
        heard = list(subscriber.take(10_000, 0.5))


def taken(subscriber: Subscriber, expected: int) -> Iterator[Sequence[Message]]:
    """What a subscriber is sent: so many messages, waited for, and what comes right behind them."""
    count = 0
    while messages := subscriber.take(10_000, 20.0 if count < expected else 0.3):
        count += len(messages)
        yield messages


def _said(site: Site, good: tuple[object, ...]) -> Outcome:
    counts = site.journal.counts()
    reasons = [f"{reject.reason} {reject.field}".strip() for reject in site.journal.rejects(10_000)]
    missing = sum(gap.missing for gap in site.journal.gaps(10_000))
    repeated = [f"{n} {what}" for n, what in ((counts.duplicates, "the same"), (counts.conflicts, "other")) if n]
    return Outcome(
        stored=str(counts.readings),
        repeated=", ".join(repeated),
        refused=", ".join(f"{reasons.count(reason)} {reason}" for reason in sorted(set(reasons))),
        doubts=_flags(site),
        missing=str(missing) if missing else "",
        silent=_silent(site),
        verdicts=_verdicts(site, good),
        told=", ".join(sorted({event.kind for event in site.records.told_since(0)} - _ALWAYS_TOLD)),
    )


_ALWAYS_TOLD = {"incident_opened", "incident_raised", "incident_list", "incident_unanswered"}


def _flags(site: Site) -> str:
    fleet = site.pipeline.fleet
    found = []
    for transformer_id in sorted(fleet.number):
        quality = recent_quality(site.journal, fleet, fleet.number[transformer_id], site.now_us).quality
        found += [f"{transformer_id} {flag.name.lower()} {number}" for flag, number in quality.counts if flag.name]
    return ", ".join(found)


def _silent(site: Site) -> str:
    fleet, heard = site.pipeline.fleet, site.journal.last_received()
    received_us = np.full(len(fleet), -1, np.int64)
    received_us[heard.transformer] = heard.received_at_us
    silence = look(Watched.of(fleet.transformer_ids, [""] * len(fleet)), received_us, site.now_us, SILENCE)
    return ", ".join(np.array(fleet.transformer_ids)[silence.silent | silence.never_seen].tolist())


def _verdicts(site: Site, good: tuple[object, ...]) -> str:
    said = site.verdicts()
    if said == good:
        return "the same"
    incidents = [verdict for verdict in said if isinstance(verdict, Incident)]
    if incidents == [verdict for verdict in good if isinstance(verdict, Incident)]:
        return "the same incidents"
    words = [f"{i.transformer_id} {i.state.value}{' and blind' if i.blind else ''}" for i in incidents]
    return ", ".join(words) or "no incident"
