"""What the collector measures of itself, for /metrics and /healthz. The pipeline tells it; threads may ask it.

Counts are of this process since its start. Labelled children are bound once, so telling costs little.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping
from math import nan

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from collector.decoding.rejects import Reason
from collector.mqtt.broker_stats import UNKNOWN, BrokerStats
from service.metrics.metric_values import BlockStored, HealthReport
from stores.records.outbox import ChannelCounts

__all__ = ["BlockStored", "HealthReport", "Metrics"]

STALLED_SECONDS = 30.0
"""A reading loop that says nothing for so long hangs."""

BLOCKS_LOOKED_BACK = 200
"""The slowest of so many last blocks is told: one slow commit is seen, and forgotten after a while."""

_COUNTED = ("messages", "received", "stored", "rejected", "duplicates", "conflicts", "late", "bytes", "failures")
_GAUGED = ("queued", "open", "blind", "no_voltage", "due", "dead", "sessions_lost", "gaps", "missing")
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


class Metrics:
    """The collector's instruments: counters for the metrics page, and what health is judged by."""

    def __init__(self) -> None:
        """Start at zero, with a registry of its own."""
        self.registry = CollectorRegistry()
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._beat = self._started
        self._last_message: float | None = None
        self._counted = dict.fromkeys(_COUNTED, 0)
        self._rejected_counted: dict[str, int] = {}
        self._gauged = dict.fromkeys(_GAUGED, 0)
        self._delays: deque[float] = deque(maxlen=BLOCKS_LOOKED_BACK)
        self._commits: deque[float] = deque(maxlen=BLOCKS_LOOKED_BACK)
        self._lag_seconds: float | None = None
        self._figures = UNKNOWN
        self._connected = False
        self._broker_error = "not connected yet"
        self._store_error = ""
        self._degraded: tuple[str, ...] = ()
        self._channels_seen: set[str] = set()
        self._dead_channels: tuple[str, ...] = ()
        self._clock_behind_minutes = self._clock_ahead_minutes = 0.0
        self._messages = self._counter("messages", "Messages taken from the broker")
        self._bytes = self._counter("payload_bytes", "Bytes of the payloads of these messages")
        self._received = self._counter("readings_received", "Readings decoded")
        self._stored = self._counter("readings_stored", "New readings stored")
        self._duplicates = self._counter("readings_duplicate", "Readings stored before with the same values")
        self._conflicts = self._counter("readings_conflict", "Readings stored before with other values")
        self._late = self._counter("readings_late", "Readings older than the newest of their transformer")
        self._retained = self._counter("messages_retained", "Retained messages, which never count as fresh")
        self._unknown_fields = self._counter("unknown_fields", "Fields that the wire format does not know")
        self._rejected, self._values_missing = (
            Counter(f"redvest_{name}", what, ["reason"], registry=self.registry)
            for name, what in (
                ("rejected", "Refused by reason"),
                ("values_missing", "Values no meter measures, missing in readings taken, by reason"),
            )
        )
        self._rejected_by: dict[str, Counter] = {}
        self._commit_failures = self._counter("commit_failures", "Commits that failed and are tried again")
        self._round_failures = Counter(
            "redvest_round_failures", "Rounds beside the reading that failed", ["thread"], registry=self.registry
        )
        self._sessions_lost = self._gauge("broker_sessions_lost", "Reconnections where the broker had lost our session")
        self._gaps = self._gauge("gaps_open", "Gaps in the readings that nothing has filled")
        self._missing = self._gauge("readings_missing", "Readings that are missing in them")
        self._queue = self._gauge("queue_messages", "Messages waiting in memory")
        self._lag = self._gauge("lag_seconds", "Age of the newest reading of the last block when it was stored")
        self._lag.set(nan)
        self._broker_dropped = self._gauge("broker_dropped_messages", "Thrown away by the broker since its start")
        self._broker_held = self._gauge("broker_held_messages", "Kept by the broker now, for all its clients")
        self._broker_clients = self._gauge("broker_clients", "Clients connected to the broker")
        self.broker_stats(UNKNOWN)
        self._connected_gauge = self._gauge("broker_connected", "1 while connected to the broker")
        self._open = self._gauge("incidents_open", "Open incidents")
        self._blind = self._gauge("incidents_blind", "Open incidents without readings")
        self._no_voltage = self._gauge("transformers_without_voltage", "Transformers whose readings show no voltage")
        self._due = self._gauge("outbox_due", "Messages that wait to be delivered")
        self._dead = self._gauge("outbox_dead", "Messages given up, with a reason")
        self._channel_waiting = Gauge(
            "redvest_channel_waiting", "Messages that wait, by channel", ["channel"], registry=self.registry
        )
        self._channel_dead = Gauge(
            "redvest_channel_dead", "Messages given up, by channel", ["channel"], registry=self.registry
        )
        self._delivered = Counter("redvest_delivered", "Deliveries by channel", ["channel"], registry=self.registry)
        self._undelivered = Counter(
            "redvest_delivery_failures", "Failed deliveries by channel", ["channel"], registry=self.registry
        )
        self._commit_seconds = self._histogram("commit_seconds", "Time of one durable commit")
        self._ack_delay = self._histogram("acknowledge_delay_seconds", "Arrival of a message to its acknowledgement")

    def _counter(self, name: str, what: str) -> Counter:
        return Counter(f"redvest_{name}", what, registry=self.registry)

    def _gauge(self, name: str, what: str) -> Gauge:
        return Gauge(f"redvest_{name}", what, registry=self.registry)

    def _histogram(self, name: str, what: str) -> Histogram:
        return Histogram(f"redvest_{name}", what, buckets=_SECONDS, registry=self.registry)

    def block_stored(self, block: BlockStored) -> None:
        """Count a block; the store is working."""
        self._messages.inc(block.messages)
        self._bytes.inc(block.payload_bytes)
        if block.lag_seconds is not None:
            self._lag.set(block.lag_seconds)
        self._received.inc(block.received)
        self._stored.inc(block.stored)
        self._duplicates.inc(block.duplicates)
        self._conflicts.inc(block.conflicts)
        self._late.inc(block.late)
        self._retained.inc(block.retained)
        self._unknown_fields.inc(block.unknown_fields)
        for reason, count in block.rejected.items():
            if reason not in self._rejected_by:
                self._rejected_by[reason] = self._rejected.labels(reason)
            self._rejected_by[reason].inc(count)
        for reason, count in block.values_missing.items():
            self._values_missing.labels(reason).inc(count)
        self._commit_seconds.observe(block.commit_seconds)
        self._ack_delay.observe(block.acknowledge_delay_seconds)
        with self._lock:
            for name, count in _counts_of(block).items():
                self._counted[name] += count
            for reason, count in block.rejected.items():
                self._rejected_counted[reason] = self._rejected_counted.get(reason, 0) + count
            if block.messages:
                self._delays.append(block.acknowledge_delay_seconds)
                self._commits.append(block.commit_seconds)
            self._lag_seconds = self._lag_seconds if block.lag_seconds is None else block.lag_seconds
            self._store_error = ""
            self._beat = time.monotonic()
            if block.messages:
                self._last_message = self._beat

    def commit_failed(self, error: str) -> None:
        """Note that the store did not take a block: nothing was acknowledged, it will be tried again."""
        self._commit_failures.inc()
        with self._lock:
            self._counted["failures"] += 1
            self._store_error = error or "unknown"
            self._beat = time.monotonic()

    def degraded(self, reasons: tuple[str, ...]) -> None:
        """Note what is wrong for as long as somebody does not mend it."""
        with self._lock:
            self._degraded = reasons

    def clock_behind(self, minutes: float) -> None:
        """Note how far this computer's clock is behind the fleet's; 0 for well."""
        with self._lock:
            self._clock_behind_minutes = minutes

    def clock_ahead(self, minutes: float) -> None:
        """Note how far this computer's clock has been ahead of the fleet's for a while; 0 for well."""
        with self._lock:
            self._clock_ahead_minutes = minutes

    def round_failed(self, thread: str) -> None:
        """Count a round of a thread beside the reading that failed; the next one begins anew."""
        self._round_failures.labels(thread).inc()

    def beat(self, *, connected: bool, queued: int, broker_error: str = "", sessions_lost: int = 0) -> None:
        """Note that the reading loop lives, and what it sees of the broker. Call it at least every few seconds."""
        self._connected_gauge.set(1 if connected else 0)
        self._queue.set(queued)
        self._sessions_lost.set(sessions_lost)
        with self._lock:
            self._connected = connected
            self._broker_error = broker_error or "not connected"
            self._gauged["queued"] = queued
            self._gauged["sessions_lost"] = sessions_lost
            self._beat = time.monotonic()

    def gaps(self, open_now: int, missing: int) -> None:
        """Set how many gaps are open, and how many readings are missing in them."""
        self._gaps.set(open_now)
        self._missing.set(missing)
        with self._lock:
            self._gauged["gaps"] = open_now
            self._gauged["missing"] = missing

    def broker_stats(self, figures: BrokerStats) -> None:
        """Set what the broker says of itself; what it does not tell is NaN in the metrics, never 0."""
        self._broker_dropped.set(nan if figures.dropped is None else figures.dropped)
        self._broker_held.set(nan if figures.held is None else figures.held)
        self._broker_clients.set(nan if figures.clients is None else figures.clients)
        with self._lock:
            self._figures = figures

    def incidents(self, open_now: int, blind: int) -> None:
        """Set how many incidents are open, and how many of them blind."""
        self._open.set(open_now)
        self._blind.set(blind)
        with self._lock:
            self._gauged["open"] = open_now
            self._gauged["blind"] = blind

    def without_voltage(self, transformers: int) -> None:
        """Set how many transformers are without voltage."""
        self._no_voltage.set(transformers)
        with self._lock:
            self._gauged["no_voltage"] = transformers

    def channels(self, counts: Mapping[str, ChannelCounts]) -> None:
        """Set how many messages wait, and how many were given up, on each channel."""
        for channel in self._channels_seen | set(counts):
            of = counts.get(channel, ChannelCounts())
            self._channel_waiting.labels(channel).set(of.waiting)
            self._channel_dead.labels(channel).set(of.dead)
        due, dead = sum(of.waiting for of in counts.values()), sum(of.dead for of in counts.values())
        self._due.set(due)
        self._dead.set(dead)
        with self._lock:
            self._channels_seen |= set(counts)
            self._gauged["due"] = due
            self._gauged["dead"] = dead
            self._dead_channels = tuple(
                f"{channel} ({of.last_error})" if of.last_error else channel
                for channel, of in counts.items()
                if of.dead
            )

    def delivered(self, channel: str) -> None:
        """Count a delivery."""
        self._delivered.labels(channel).inc()

    def delivery_failed(self, channel: str) -> None:
        """Count a failed attempt to deliver."""
        self._undelivered.labels(channel).inc()

    def report(self) -> HealthReport:
        """Return how the collector fares now."""
        now = time.monotonic()
        with self._lock:
            reasons = []
            if not self._connected:
                reasons.append(f"broker: {self._broker_error}")
            if self._store_error:
                reasons.append(f"store: {self._store_error}")
            reasons += self._degraded
            if self._clock_behind_minutes:
                reasons.append(f"clock: most transformers are {self._clock_behind_minutes:.0f} min ahead; set it")
            if self._clock_ahead_minutes:
                reasons.append(
                    f"clock: most transformers are {self._clock_ahead_minutes:.0f} min behind; set it, or see why "
                    "their readings come late"
                )
            if self._gauged["dead"]:
                where = ", ".join(self._dead_channels)
                reasons.append(
                    f"delivery: {self._gauged['dead']} messages were given up on {where}: mend the channel, "
                    "then redvest channels resend"
                )
            if now - self._beat > STALLED_SECONDS:
                reasons.append(f"the reading loop has not moved for {now - self._beat:.0f} s")
            return HealthReport(
                healthy=not reasons,
                reasons=tuple(reasons),
                connected=self._connected,
                committing=not self._store_error,
                queued=self._gauged["queued"],
                messages=self._counted["messages"],
                received=self._counted["received"],
                stored=self._counted["stored"],
                rejected=self._counted["rejected"],
                rejected_by=dict(sorted(self._rejected_counted.items())),
                unexpected=self._rejected_counted.get(Reason.UNEXPECTED.value, 0),
                duplicates=self._counted["duplicates"],
                conflicts=self._counted["conflicts"],
                late=self._counted["late"],
                payload_bytes=self._counted["bytes"],
                lag_seconds=_rounded(self._lag_seconds),
                slowest_acknowledge_delay_seconds=_rounded(max(self._delays, default=None)),
                slowest_commit_seconds=_rounded(max(self._commits, default=None)),
                commit_failures=self._counted["failures"],
                sessions_lost=self._gauged["sessions_lost"],
                gaps_open=self._gauged["gaps"],
                readings_missing=self._gauged["missing"],
                broker_version=self._figures.version,
                broker_dropped=self._figures.dropped,
                broker_held=self._figures.held,
                broker_clients=self._figures.clients,
                open_incidents=self._gauged["open"],
                blind_incidents=self._gauged["blind"],
                transformers_without_voltage=self._gauged["no_voltage"],
                outbox_due=self._gauged["due"],
                outbox_dead=self._gauged["dead"],
                up_seconds=round(now - self._started, 1),
                last_message_seconds=None if self._last_message is None else round(now - self._last_message, 1),
            )


def _counts_of(block: BlockStored) -> dict[str, int]:
    return {
        "messages": block.messages,
        "received": block.received,
        "stored": block.stored,
        "rejected": sum(block.rejected.values()),
        "duplicates": block.duplicates,
        "conflicts": block.conflicts,
        "late": block.late,
        "bytes": block.payload_bytes,
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
