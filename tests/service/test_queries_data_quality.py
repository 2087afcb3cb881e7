"""Voltages, trust and what rests on active power alone: the read side says it wherever the number is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from alerts.quality.grading import QualityFlag, QualityGrade
from grid.electrical import VOLTAGE_HIGH_V, VOLTAGE_LOW_V, voltage_outside
from grid.readings import ReadingBatch
from grid.timestamps import DAY_US, HOUR_US, MINUTE_US
from service.container import Container
from service.queries.data_quality import RecentQuality, recent_quality
from service.settings.settings import load_settings
from stores.journal.journal import Journal
from stores.records.changes import Changes, NotifiedEvent
from tests.support.town import NOW_US, RATED_KVA, Town, build_town

NAN = float("nan")


def test_a_voltage_is_outside_beyond_its_limits_and_not_at_them() -> None:
    low, high = VOLTAGE_LOW_V, VOLTAGE_HIGH_V
    readings = np.array([[low, 220.0, high], [np.nextafter(low, 0), np.nextafter(high, 999), NAN], [0.0, NAN, NAN]])
    assert voltage_outside(readings).tolist() == [[0, 0, 0], [-1, 1, 0], [-1, 0, 0]]
    assert (low, high) == (198.0, 235.4)


@pytest.fixture(scope="module")
def quiet_town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """Return a town that no test changes."""
    return build_town(tmp_path_factory.mktemp("town"))


@pytest.fixture
def container(tmp_path: Path) -> Iterator[Container]:
    """Return the house of a town of one's own."""
    opened = Container(load_settings(build_town(tmp_path).config))
    yield opened
    opened.close()


Send = Callable[..., None]


@pytest.fixture
def send(container: Container) -> Send:
    """Return a function that stores load rates of a transformer, one a minute up to a moment."""

    def stored(transformer_id: str, load_rates: list[float], until_us: int = NOW_US, volts: float = 228.0) -> None:
        with Journal.open_writer(container.settings.journal_file) as journal:
            number = journal.numbers([transformer_id])[transformer_id]
            at = until_us - np.arange(len(load_rates))[::-1] * MINUTE_US
            kva = np.array(load_rates) * RATED_KVA
            voltage = np.full((len(at), 3), volts)
            journal.append(
                ReadingBatch.of(
                    np.full(len(at), number, np.int32), at, voltage_v=voltage,
                    current_amp=kva[:, None] * 1000.0 / 3.0 / voltage,
                )
            )  # fmt: skip

    return stored


def quality(container: Container, transformer_id: str, now_us: int = NOW_US) -> RecentQuality:
    journal = container.journal_reader()
    assert journal is not None
    return recent_quality(journal, container.fleet(), container.fleet().number[transformer_id], now_us)


def test_a_quiet_curve_is_trusted_and_one_of_active_power_alone_has_a_mark(container: Container) -> None:
    assert quality(container, "YX07").quality.grade is QualityGrade.GOOD
    marked = quality(container, "YX08")
    assert marked.quality.grade is QualityGrade.MARKED
    assert marked.quality.count(QualityFlag.ACTIVE_ONLY) == marked.quality.readings == 260
    assert marked.ongoing == (QualityFlag.ACTIVE_ONLY,)


def test_a_frozen_meter_is_doubtful_and_stands_so(container: Container, send: Send) -> None:
    send("YX10", [0.5 + i * 0.001 for i in range(10)] + [0.61] * 15)
    found = quality(container, "YX10")
    assert found.quality.grade is QualityGrade.DOUBTFUL
    assert found.quality.count(QualityFlag.STUCK) == 4
    assert found.ongoing == (QualityFlag.STUCK,)


def test_a_jump_that_is_over_is_counted_and_does_not_stand(container: Container, send: Send) -> None:
    rates = [0.5 + i * 0.001 for i in range(20)]
    rates[12] = 1.9
    send("YX10", rates)
    found = quality(container, "YX10")
    assert found.quality.count(QualityFlag.JUMP) == 1
    assert found.ongoing == ()


def test_a_freeze_that_began_before_the_day_is_seen_from_its_first_minute(container: Container, send: Send) -> None:
    start = NOW_US - DAY_US
    send("YX10", [0.61] * 30, start + 5 * MINUTE_US)
    found = quality(container, "YX10")
    assert found.quality.readings == found.quality.count(QualityFlag.STUCK) == 6
    assert quality(container, "YX10", NOW_US + HOUR_US).quality.readings == 0


def test_the_transformer_page_has_voltages_and_which_are_outside(container: Container, send: Send) -> None:
    send("YX10", [0.5], volts=196.4)
    page = container.queries.transformer("YX10", NOW_US - HOUR_US, NOW_US)
    assert page.current.voltage_v == (196.4, 196.4, 196.4)
    assert page.current.voltage_outside == (-1, -1, -1)
    assert page.quality is not None
    missing = container.queries.transformer("YX08", NOW_US - HOUR_US, NOW_US).current
    assert missing.voltage_outside == (0, 0, 0)


def test_a_transformer_that_was_never_seen_has_no_trust_to_tell(quiet_town: Town) -> None:
    container = Container(load_settings(quiet_town.config))
    assert container.queries.transformer("YX10", NOW_US - HOUR_US, NOW_US).quality is None
    container.close()


def told(transformer_id: str, at_us: int) -> NotifiedEvent:
    key = f"{transformer_id}/STUCK/{at_us}"
    kind = "check_the_meter"
    return NotifiedEvent(key, kind, "YX", kind, transformer_id, None, at_us, at_us, key)


def test_meters_to_check_are_those_told_of_whose_day_is_in_doubt(container: Container, send: Send) -> None:
    assert container.queries.flagged_meters() == ()
    send("YX10", [0.61] * 15)
    jump = [0.5 + i * 0.001 for i in range(20)]
    jump[12] = 1.9
    send("YX09", jump)
    notification_events = (
        told("YX09", NOW_US),
        told("YX10", NOW_US - HOUR_US),
        told("YX07", NOW_US),
        told("gone", NOW_US),
    )
    container.records.commit(Changes(told=notification_events))
    found = container.queries.flagged_meters()
    assert [(meter.transformer.transformer_id, meter.found.is_flagged) for meter in found] == [
        ("YX10", True),
        ("YX09", False),
    ]


def test_an_incident_of_active_power_alone_says_so_in_every_list(container: Container) -> None:
    other = container.records.incidents()[0]
    assert not container.queries.incident(other.incident_id).row.active_only
    at_us = NOW_US - 10 * MINUTE_US
    alone = replace(
        other, incident_id="YX08-a", transformer_id="YX08", first_reading_at_us=at_us, opened_at_us=at_us,
        peak_at_us=at_us, last_reading_at_us=at_us,
    )  # fmt: skip
    container.records.commit(Changes(incidents=(alone,)))
    assert container.queries.incident("YX08-a").row.active_only
    for rows in (container.queries.incidents(), container.queries.wall().open_incidents):
        assert {row.incident.incident_id: row.active_only for row in rows} == {other.incident_id: False, "YX08-a": True}
