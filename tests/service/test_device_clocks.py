"""A device whose clock is behind is named by its steady delay; whoever is late for any other reason is not."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.quality.clock_skew import SteadyDelays
from grid.assets import Ledger, Station, Transformer
from grid.readings import ReadingBatch
from grid.timestamps import DAY_US, HOUR_US, MINUTE_US, parse_timestamp_us
from service.clock import SystemClock
from service.container import Container
from service.monitors.device_clocks import DeviceClocks
from stores.journal.journal import Journal
from tests.faults.devices import Devices
from tests.faults.site import Site, a_fast_clock
from tests.faults.street import Street, reading
from tests.support.mosquitto import Mosquitto

NOON = parse_timestamp_us("2021-07-24T12:00:00+08:00")
Arrival = tuple[float, float]
"""When a reading was received, and how much later that is than it was measured [min]."""

RIGHT = [(float(minute), 0.1) for minute in range(180)]
EIGHT_HOURS = 480.0


def steadily(late: float, minutes: Iterable[int] = range(180)) -> list[Arrival]:
    """A reading a minute, each as late as the other."""
    return [(float(minute), late) for minute in minutes]


def behind(*devices: list[Arrival], cuts: Iterable[int] = (), of: int = 0) -> float:
    """How many minutes the first device is said to be behind when all has arrived, cut into blocks at some places."""
    arrivals = sorted((at, late, number) for number, device in enumerate(devices) for at, late in device)
    at, late, number = (np.array(column) for column in zip(*arrivals, strict=True))
    received_us = NOON + (at * MINUTE_US).astype(np.int64)
    measured_us = received_us - (late * MINUTE_US).astype(np.int64)
    delays = SteadyDelays()
    for rows in np.split(np.arange(len(at)), sorted(cuts)):
        delays.advance(number[rows].astype(np.int32), measured_us[rows], received_us[rows])
    return float(delays.behind_us(int(received_us[-1]))[of]) / MINUTE_US


def test_a_device_whose_every_reading_comes_eight_hours_late_is_behind_and_the_others_are_not() -> None:
    devices = steadily(EIGHT_HOURS), RIGHT, RIGHT
    assert behind(*devices) == pytest.approx(EIGHT_HOURS - 0.1, abs=0.01)
    assert behind(*devices, of=1) == 0.0


def test_it_takes_an_hour_and_twelve_readings() -> None:
    for minutes, named in ((range(60), False), (range(61), True), (range(0, 61, 6), False), (range(0, 67, 6), True)):
        right = [(float(minute), 0.0) for minute in minutes]
        assert (behind(steadily(EIGHT_HOURS, minutes), right, right) > 0) is named, minutes


def test_a_clock_that_loses_two_minutes_an_hour_is_named_some_time_after_it_is_behind_by_twenty() -> None:
    def named_within(hours: range) -> bool:
        for minute in range(hours.start * 60, hours.stop * 60, 5):
            slow = [(float(at), at / 30) for at in range(minute)]
            looks_every_five_minutes = range(15, 3 * minute, 15)
            if behind(slow, *[[(float(at), 0.0) for at in range(minute)]] * 2, cuts=looks_every_five_minutes) > 0:
                return True
        return False

    assert not named_within(range(8, 10))
    assert named_within(range(10, 13))


NOT_THE_CLOCK = {
    "a delay below twenty minutes": steadily(19.0),
    "blocks of two hours, sent in one go": [
        (at, at - m) for at in (60.0, 120.0, 180.0) for m in range(int(at) - 60, int(at))
    ],
    "all blocks late, nothing in between": [
        (at, 240 + at - m) for at in (30.0, 179.0) for m in range(int(at) - 30, int(at))
    ],
    "what was measured while it was cut off, sent twice as fast as it was measured": [
        (float(minute), 300.0 - minute) for minute in range(180)
    ],
    "what was measured while it was cut off, among what it measures now": sorted(
        RIGHT + [(minute + 0.5, 600.0) for minute in range(180)]
    ),
    "readings asked for again, one by one, with one live reading in ten minutes": sorted(
        [(minute + 0.5, 600.0) for minute in range(180)] + [(float(minute), 0.1) for minute in range(0, 180, 10)]
    ),
    "any order within an hour": [(float(minute), float(minute * 37 % 60)) for minute in range(180)],
    "a reading in half an hour": steadily(EIGHT_HOURS, range(0, 180, 30)),
    "a pause in the steady row": steadily(EIGHT_HOURS, [*range(100), *range(130, 180)]),
    "silent since": steadily(EIGHT_HOURS, range(150)),
}


@pytest.mark.parametrize("why", NOT_THE_CLOCK)
def test_whoever_is_late_for_another_reason_is_not_called_behind(why: str) -> None:
    assert not behind(NOT_THE_CLOCK[why], RIGHT, RIGHT) > 0


def test_nobody_is_named_where_most_are_late_alike_or_there_is_no_fleet() -> None:
    late = steadily(EIGHT_HOURS)
    assert behind(late, late, late, RIGHT) == 0.0
    assert np.isnan(behind(late, RIGHT))


@given(st.sampled_from([*NOT_THE_CLOCK, "behind"]), st.sets(st.integers(1, 400), max_size=40))
def test_however_what_arrives_is_cut_nobody_is_named_who_is_not_behind(why: str, cuts: set[int]) -> None:
    device = NOT_THE_CLOCK.get(why) or steadily(EIGHT_HOURS)
    assert (behind(device, RIGHT, RIGHT, cuts=cuts) > 0) is (why == "behind")


LEDGER = Ledger(
    stations=(Station("S1", "模拟供电所", "Asia/Shanghai"),),
    transformers=tuple(
        Transformer(name, "英雄街台区" if name == "T0" else "", "S1", 400.0) for name in ("T0", "T1", "T2")
    ),
)


def test_people_are_told_once_and_again_when_the_clock_was_right_in_between(tmp_path: Path) -> None:
    with Journal.open_writer(tmp_path / "journal.sqlite") as journal:
        numbers = np.array([journal.numbers(["T0", "T1", "T2"])[name] for name in ("T0", "T1", "T2")], np.int32)
        clocks = DeviceClocks(journal, SystemClock())
        clocks.look(journal, NOON)
        told = []
        for minute in range(300):
            received_us = NOON + minute * MINUTE_US
            is_behind = not 120 <= minute < 180
            late_us = np.array([2 * HOUR_US + 7_000_000 if is_behind else 0, 0, 0])
            journal.append(
                ReadingBatch.of(
                    numbers,
                    received_us - late_us,
                    received_at_us=np.full(3, received_us),
                    active_power_kw=np.full(3, 1.0),
                )
            )
            if minute % 5 == 0:
                clocks.look(journal, received_us)
                told += [(minute, event) for event in clocks.take_events(lambda: LEDGER, received_us)]
    (first, event), (second, other) = told
    assert (first, second) == (60, 240)
    assert (event.kind, event.transformer_id, event.station_id) == ("check_the_meter", "T0", "S1")
    assert "T0 英雄街台区" in event.text.zh and "晚约 2 小时到达" in event.text.zh and "时钟与时区" in event.text.zh
    assert "about 2 h late" in event.text.en and "Check clock and time zone" in event.text.en
    # On the same day it has the same key, so that a collector started anew does not say it twice.
    assert event.key == other.key == f"T0/CLOCK_BEHIND/{NOON // DAY_US}"


def test_a_collector_tells_of_a_device_whose_clock_is_behind(
    tmp_path: Path, mosquitto: Mosquitto, request: pytest.FixtureRequest
) -> None:
    street = Street(4, seed=7)
    site = Site(tmp_path, mosquitto.port, street.ledger, {"clock": a_fast_clock(600.0)})
    request.addfinalizer(site.close)
    collector = site.start_ready()
    stop, clock, loads = threading.Event(), Container(site.settings).clock, itertools.cycle((0.41, 0.42, 0.43))
    with Devices(mosquitto.port) as devices:

        def send_live() -> None:
            while not stop.wait(0.3):
                now_us, load = clock.now_us(), next(loads)
                devices.send(
                    [
                        reading(name, now_us - (2 * HOUR_US if name == "T0001" else 0), load)
                        for name in street.transformer_ids
                    ]
                )

        sending = threading.Thread(target=send_live)
        sending.start()
        try:
            site.wait_until(lambda: "check_the_meter" in site.kinds_said(), collector, 120.0)
        finally:
            stop.set()
            sending.join()
    said = [event for events in site.notification_events() for event in events if event.kind == "check_the_meter"]
    assert [event.transformer_id for event in said] == ["T0001"]
