"""What is missing is listed: readings that should lie between two others, until they are sent again."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from statistics import median_low
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from alerts.silence.gap_words import broker_lost_session, readings_missing
from alerts.silence.gaps import GAP_RATIO, INTERVALS_MIN, Gaps, find_gaps, still_missing
from grid.assets import Ledger, Station, Transformer
from grid.fleet import Fleet
from grid.readings import ReadingBatch
from grid.timestamps import HOUR_US, MINUTE_US, parse_timestamp_us
from service.clock import SystemClock
from service.metrics.metrics import Metrics
from service.monitors import gap_events
from service.monitors.gaps import Cause, GapWatch
from stores.journal.journal import Journal

NOON = parse_timestamp_us("2021-07-24T12:00:00+08:00")
SLOT = 15 * MINUTE_US


def slowly(readings: list[tuple[int, int]], slot_us: int) -> list[tuple[int, int, int, int]]:
    """The slow twin: one transformer after the other."""
    found = []
    for number in sorted({number for number, _ in readings}):
        timestamps = sorted({at_us for other, at_us in readings if other == number})
        steps = [(after, before) for after, before in pairwise(timestamps)]
        lengths = [before - after for after, before in steps]
        usual = slot_us if len(lengths) < INTERVALS_MIN else median_low(lengths)
        for after, before in steps:
            if before - after > GAP_RATIO * usual:
                found.append((number, after, before, round((before - after) / usual) - 1))
    return found


def rows(gaps: Gaps) -> list[tuple[int, int, int, int]]:
    columns = (gaps.transformer, gaps.after_us, gaps.before_us, gaps.missing)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@pytest.mark.parametrize("seed", range(8))
def test_gaps_are_those_of_the_slow_twin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    readings = [
        (number, int(NOON + minute * step * MINUTE_US + rng.integers(0, 5) * 1_000_000))
        for number, step in enumerate([1, 5, 15, 60])
        for minute in range(int(rng.integers(1, 40)))
        if rng.random() > 0.25
    ]
    readings += readings[::7]
    rng.shuffle(readings)
    number, at_us = (np.array(column) for column in zip(*readings, strict=True))
    assert rows(find_gaps(number.astype(np.int32), at_us, SLOT)) == slowly(
        [(number, at) for number, at in readings], SLOT
    )


def test_each_transformer_is_judged_by_its_own_rhythm() -> None:
    each_minute = [(0, NOON + m * MINUTE_US) for m in range(30) if m not in (7, 8)]
    each_quarter = [(1, NOON + m * MINUTE_US) for m in range(0, 120, 15) if m != 60]
    number, at_us = (np.array(column) for column in zip(*each_minute, *each_quarter, strict=True))
    assert rows(find_gaps(number.astype(np.int32), at_us, SLOT)) == [
        (0, NOON + 6 * MINUTE_US, NOON + 9 * MINUTE_US, 2),
        (1, NOON + 45 * MINUTE_US, NOON + 75 * MINUTE_US, 1),
    ]


def test_nothing_is_missing_where_there_is_nothing() -> None:
    assert rows(find_gaps(np.empty(0, np.int32), np.empty(0, np.int64), SLOT)) == []


def test_a_gap_that_is_filled_in_the_middle_leaves_two() -> None:
    after, before = NOON, NOON + 6 * MINUTE_US
    arrived = np.array([after, NOON + 3 * MINUTE_US, before])
    assert rows(still_missing(after, before, 5, arrived)) == [
        (0, after, NOON + 3 * MINUTE_US, 2),
        (0, NOON + 3 * MINUTE_US, before, 2),
    ]
    whole = NOON + np.arange(7) * MINUTE_US
    assert rows(still_missing(after, before, 5, whole)) == []


class Town:
    """A journal, its fleet, and the watch that searches it."""

    def __init__(self, folder: Path) -> None:
        self.journal = Journal.open_writer(folder / "journal.sqlite")
        ids = ["T0", "T1"]
        numbers = self.journal.numbers(ids)
        ledger = Ledger((Station("S1", "S1", "Asia/Shanghai"),), (), tuple(Transformer(i, i, "S1", 400.0) for i in ids))
        self.fleet = Fleet.of_ledger(ledger, numbers)
        self.watch = GapWatch(self.journal, SystemClock(), 1.0, Metrics())

    def store(self, number: int, minutes: range | list[int]) -> None:
        at_us = [NOON + minute * MINUTE_US for minute in minutes]
        self.journal.append(ReadingBatch.of([number] * len(at_us), at_us, active_power_kw=[1.0] * len(at_us)))


@pytest.fixture
def town(tmp_path: Path) -> Any:
    made = Town(tmp_path)
    yield made
    made.journal.close()


def test_a_gap_behind_a_new_connection_is_listed_told_and_closed_when_it_is_sent_again(town: Any) -> None:
    for number in (0, 1):
        town.store(number, range(30))
    town.watch.suspect(Cause.BROKER_LOST_SESSION, NOON + 29 * MINUTE_US)
    town.store(0, range(30, 40))
    town.store(1, range(33, 40))
    now_us = SystemClock().now_us()
    town.watch.look(town.journal, now_us)
    (gap,) = town.journal.gaps(10)
    assert (gap.transformer, gap.missing, gap.cause) == (1, 3, "broker_lost_session")
    assert town.watch.take_found() == []
    town.watch.look(town.journal, now_us + 6 * MINUTE_US)
    found = town.watch.take_found()
    (event,) = gap_events.on_missing_readings(found, town.fleet, now_us)
    assert "1 个台区共缺 3 个读数" in event.text.zh and "3 readings of 1 transformers" in event.text.en
    town.store(1, [31])
    town.watch.look(town.journal, now_us)
    assert [g.missing for g in town.journal.gaps(10)] == [1, 1]
    town.store(1, [30, 32])
    town.watch.look(town.journal, now_us)
    assert town.journal.gaps(10) == ()
    assert all(g.filled_at_us == now_us for g in town.journal.gaps(10, open_only=False))


def test_old_holes_are_not_put_down_to_a_new_connection(town: Any) -> None:
    town.store(0, [*range(0, 5), *range(8, 200)])
    town.watch.suspect(Cause.RECONNECTED, NOON + 199 * MINUTE_US)
    town.store(0, range(200, 205))
    town.watch.look(town.journal, SystemClock().now_us())
    assert town.journal.gaps(10) == ()


def test_holes_are_searched_by_the_clock_where_nothing_gave_cause(town: Any) -> None:
    """A device, or a broker that stays up, may lose readings while our connection lasts."""
    now_us = SystemClock().now_us()
    town.store(0, [*range(0, 100), *range(103, 130)])
    town.watch.look(town.journal, now_us)
    assert town.journal.gaps(10) == ()
    town.watch.look(town.journal, now_us + HOUR_US)
    (gap,) = town.journal.gaps(10)
    assert (gap.transformer, gap.missing, gap.cause) == (0, 3, "by_the_clock")
    town.watch.look(town.journal, now_us + HOUR_US + 7 * MINUTE_US)
    assert len(town.watch.take_found()) == 1
    town.store(0, [100, 101, 102])
    town.watch.look(town.journal, now_us + 2 * HOUR_US + 8 * MINUTE_US)
    assert town.journal.gaps(10) == ()


def test_what_is_said_of_it_is_said_in_both_languages() -> None:
    shanghai = ZoneInfo("Asia/Shanghai")
    lost = broker_lost_session(NOON, shanghai)
    assert "12:00" in lost.zh and "12:00" in lost.en
    missing = readings_missing(3, 9, NOON, NOON + HOUR_US, shanghai)
    assert "13:00" in missing.zh and "13:00" in missing.en
