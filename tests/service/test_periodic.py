"""Threads beside the reading: a round that fails is told, counted and done again, and they end when they are asked."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from grid.errors import StoreError
from grid.readings import ReadingBatch
from grid.text import Text
from grid.timestamps import MINUTE_US
from service.collecting.influx_sync import copy_thread
from service.container import Container
from service.metrics.metrics import Metrics
from service.periodic import Pace, PeriodicTask, PeriodicThread
from service.settings.settings import load_settings
from tests.support.influx_front import Front
from tests.support.waiting import wait_until

SOON = Pace(0.01, begins_at_once=True)
AN_HOUR = 3600.0


class Rounds:
    """What a thread is given to do, and how often it was opened, done and closed."""

    def __init__(self, *fates: Exception | bool) -> None:
        self.fates = list(fates)
        self.opened = self.done = self.closed = 0

    @contextmanager
    def __call__(self) -> Iterator[PeriodicTask]:
        self.opened += 1
        try:
            yield self.run_once
        finally:
            self.closed += 1

    def run_once(self) -> bool:
        self.done += 1
        fate = self.fates.pop(0) if self.fates else False
        if isinstance(fate, Exception):
            raise fate
        return fate


def failures(metrics: Metrics, name: str) -> float:
    return metrics.registry.get_sample_value("redvest_round_failures_total", {"thread": name}) or 0.0


def test_a_round_that_fails_is_told_counted_and_done_again(caplog: pytest.LogCaptureFixture) -> None:
    metrics, rounds = (
        Metrics(),
        Rounds(
            StoreError(Text("被锁住", "is locked"), remedy=Text("请等待", "wait")),
            ZeroDivisionError("nobody thought of it"),
        ),
    )
    thread = PeriodicThread("gaps", rounds, SOON, metrics)
    with caplog.at_level(logging.ERROR, "redvest.gaps"):
        thread.start()
        wait_until(lambda: rounds.done > 4)
        thread.stop()
    assert failures(metrics, "gaps") == 2
    assert (rounds.opened, rounds.closed) == (3, 3), "what was open when it failed is opened anew"
    foreseen, unforeseen = caplog.records
    assert "is locked; wait" in foreseen.getMessage() and foreseen.exc_info is None
    assert unforeseen.exc_info and unforeseen.exc_info[0] is ZeroDivisionError


def test_a_thread_ends_in_the_middle_of_its_pause_with_a_last_round_only_where_that_is_wanted() -> None:
    for last in (False, True):
        rounds = Rounds()
        thread = PeriodicThread("gaps", rounds, Pace(AN_HOUR, ends_with_a_round=last), Metrics())
        thread.start()
        wait_until(lambda opened=rounds: opened.opened == 1)  # type: ignore[misc]
        thread.stop()
        assert (rounds.done, rounds.closed) == (int(last), 1)


def test_a_thread_that_was_never_started_is_stopped_without_a_word() -> None:
    PeriodicThread("gaps", Rounds(), SOON, Metrics()).stop()


def test_rounds_follow_one_another_while_there_is_more_to_do() -> None:
    rounds = Rounds(True, True, True)
    thread = PeriodicThread("copy", rounds, Pace(AN_HOUR, begins_at_once=True), Metrics())
    thread.start()
    wait_until(lambda: rounds.done == 4)
    thread.stop()
    assert rounds.done == 4


def test_the_copy_outlives_records_that_cannot_be_read_and_goes_on_with_the_readings(tmp_path: Path) -> None:
    front, metrics = Front(), Metrics()
    config = tmp_path / "redvest.toml"
    config.write_text(f'[influx]\nenabled = true\nurl = "{front.url}"\ninterval_seconds = 0.05\n')
    container = Container(load_settings(config))
    with container.journal_writer() as journal:
        journal.append(
            ReadingBatch.of([journal.numbers(["T0"])["T0"]] * 2, [MINUTE_US, 2 * MINUTE_US], active_power_kw=[1.0, 2.0])
        )
        assert container.records.incidents() == ()
        container.close()
        records = container.settings.data.folder / "records.sqlite"
        whole = records.rename(records.with_suffix(".away"))
        records.write_bytes(b"no database" * 500)
        thread = copy_thread(container, metrics)
        thread.start()
        try:
            wait_until(lambda: failures(metrics, "copy") >= 2)
            whole.rename(records)
            wait_until(lambda: len(front.taken) > 0)
        finally:
            thread.stop()
            front.close()
    assert [len(lines) for lines in front.taken] == [2]
