"""Asks devices that can for the readings of a gap, in a thread of its own, no more often than a device can bear.

What is asked for, and whether it came, stands in the list of gaps alone: a request that is lost is made again while
the gap is open, and after a restart.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from collector.mqtt.broker_address import BrokerAddress
from collector.mqtt.publishing import publish_once
from collector.wire.format import encode_replay_request, replay_topic
from grid.assets import Device
from grid.fleet import Fleet
from grid.timestamps import HOUR_US, MINUTE_US, SECOND_US
from service.clock import Clock, real_seconds
from service.metrics.metrics import Metrics
from service.periodic import Pace, PeriodicThread, with_journal
from stores.journal.journal import Gap, Journal

LOOK_EVERY_US = 30 * SECOND_US
SAME_DEVICE_EVERY_US = 10 * MINUTE_US
REQUESTS_PER_MINUTE_MAX = 20
ASKED_TIMES_MAX = 6
"""Maximum number of requests for one gap; a device that has not answered then does not have the readings any more."""
GAPS_LOOKED_AT_MAX = 10_000

log = logging.getLogger("redvest.replay")

_GapKey = tuple[int, int, int]


@dataclass(frozen=True)
class ReplayRequest:
    """One device is asked for what it measured between two moments [µs], both included."""

    device: Device
    station_id: str
    from_us: int
    to_us: int

    def message(self) -> tuple[str, bytes]:
        """Return topic and payload."""
        topic = replay_topic(self.station_id, self.device.transformer_id)
        return topic, encode_replay_request(self.device.device_id, self.from_us, self.to_us)


class ReplayPlan:
    """Who is asked when: bounded for each device, for each gap and in all."""

    def __init__(self, age_hours_max: float | None) -> None:
        """Begin. Readings older than so many hours would be refused, so nobody is asked for them; None: any age."""
        self._age_us = None if age_hours_max is None else round(age_hours_max * HOUR_US)
        self._asked_at_us: dict[str, int] = {}
        self._asked_times: Counter[_GapKey] = Counter()
        self._recent_us: list[int] = []

    def due(self, gaps: Sequence[Gap], fleet: Fleet, now_us: int) -> tuple[ReplayRequest, ...]:
        """Return whom to ask now for the open gaps: one request for a device spans all of its gaps."""
        can = {fleet.number[d.transformer_id]: d for d in fleet.devices.values() if d.replays}
        oldest_us = None if self._age_us is None else now_us - self._age_us
        of_device: dict[int, list[Gap]] = {}
        for gap in gaps:
            in_time = oldest_us is None or gap.before_us > oldest_us
            if gap.transformer in can and in_time and self._asked_times[_key(gap)] < ASKED_TIMES_MAX:
                of_device.setdefault(gap.transformer, []).append(gap)
        self._forget(gaps, now_us)
        requests = []
        for number, wanted in of_device.items():
            device = can[number]
            if len(self._recent_us) >= REQUESTS_PER_MINUTE_MAX:
                break
            if now_us - self._asked_at_us.get(device.device_id, -SAME_DEVICE_EVERY_US) < SAME_DEVICE_EVERY_US:
                continue
            self._asked_at_us[device.device_id] = now_us
            self._recent_us.append(now_us)
            self._asked_times.update(map(_key, wanted))
            from_us = max(min(gap.after_us for gap in wanted), oldest_us or 0)
            to_us = max(gap.before_us for gap in wanted)
            requests.append(ReplayRequest(device, fleet.station_ids[number], from_us, to_us))
        return tuple(requests)

    def _forget(self, gaps: Sequence[Gap], now_us: int) -> None:
        """Forget what no longer bounds anything."""
        still_open = set(map(_key, gaps))
        self._asked_times = Counter({key: times for key, times in self._asked_times.items() if key in still_open})
        self._asked_at_us = {d: at for d, at in self._asked_at_us.items() if now_us - at < SAME_DEVICE_EVERY_US}
        self._recent_us = [at_us for at_us in self._recent_us if now_us - at_us < MINUTE_US]


def _key(gap: Gap) -> _GapKey:
    return gap.transformer, gap.after_us, gap.before_us


class ReplayRequests:
    """Looks at the list of gaps and asks, in a thread of its own, `thread`; the reading goes on meanwhile."""

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        address: BrokerAddress,
        client_id: str,
        fleet: Callable[[], Fleet],
        age_hours_max: float | None,
    ) -> None:
        """Prepare. `journal` is read through a connection of our own; `fleet` gives the one of the ledger in force."""
        self._journal = journal
        self._clock = clock
        self._address = address
        self._client_id = client_id
        self._fleet = fleet
        self._plan = ReplayPlan(age_hours_max)

    def thread(self, metrics: Metrics) -> PeriodicThread:
        """Return the thread that looks now and then, and not once more when it is stopped."""
        pace = Pace(real_seconds(self._clock, LOOK_EVERY_US))
        return PeriodicThread("replay", with_journal(self._journal, self.look), pace, metrics)

    def look(self, reader: Journal) -> int:
        """Ask once, where that is due; return how many requests went out. Raises StoreError, BrokerError."""
        fleet = self._fleet()
        if not any(device.replays for device in fleet.devices.values()):
            return 0
        requests = self._plan.due(reader.gaps(GAPS_LOOKED_AT_MAX), fleet, self._clock.now_us())
        if requests:
            publish_once(self._address, self._client_id, [request.message() for request in requests])
            log.info("%d devices were asked for the readings of gaps", len(requests))
        return len(requests)
