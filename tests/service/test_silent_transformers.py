"""Single transformers that send nothing any more are told to the desk, together, each once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.model.kinds import MessageKind
from grid.assets import Transformer
from grid.timestamps import DAY_US, HOUR_US, MINUTE_US
from tests.service.test_outage import DARK, live, send
from tests.service.test_pipeline import NOON, Station1, a_town

IDS = tuple(f"X{i}" for i in range(8))


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station1]:
    """Eight transformers that hang on no feeder; one slot is five minutes."""
    made = Station1(tmp_path)
    ledger = replace(a_town(), transformers=tuple(Transformer(i, i, "S1", 400.0, "G1") for i in IDS))
    made.records.replace_ledger(ledger, "test", NOON)
    made.rules = ("early-warning", "supply")
    made.restart(NOON)
    yield made
    made.close()


def run(station: Station1, minutes: range, alive: tuple[str, ...] = IDS, **of: dict[str, object]) -> None:
    """Send of those alive, minute by minute, and look twice a minute."""
    for minute in minutes:
        send(station, minute, **{name: of.get(name, live(0.5 + minute % 7 / 1000)) for name in alive})
        station.pipeline.look(NOON + minute * MINUTE_US + MINUTE_US // 2)


def told_silent(station: Station1) -> list[str]:
    return [e.transformer_id for e in station.records.told_since(0) if e.kind == MessageKind.TRANSFORMER_SILENT]


def test_silent_transformers_are_told_together_each_once_also_over_a_restart(station: Station1) -> None:
    run(station, range(3))
    run(station, range(3, 30), IDS[3:])
    assert sorted(told_silent(station)) == ["X0", "X1", "X2"]
    (message,) = station.records.messages(10)
    assert all(name in message.text.zh and name in message.text.en for name in ("X0", "X1", "X2"))
    station.restart(NOON + 30 * MINUTE_US)
    run(station, range(30, 45), IDS[3:])
    assert len(told_silent(station)) == 3
    run(station, range(45, 50))
    run(station, range(50, 75), IDS[1:])
    assert sorted(told_silent(station)) == ["X0", "X0", "X1", "X2"]


def test_a_transformer_whose_incident_or_outage_says_so_already_is_not_told_again(station: Station1) -> None:
    run(station, range(10), X0=live(0.95), X1=DARK)
    run(station, range(10, 40), IDS[2:])
    assert told_silent(station) == []
    kinds = {e.kind for e in station.records.told_since(0)}
    assert MessageKind.INCIDENT_BLIND in kinds


def test_when_everybody_is_silent_one_sentence_says_it_and_who_stays_away_is_told_after_the_others(
    station: Station1,
) -> None:
    run(station, range(3))
    for minute in range(3, 60):
        station.pipeline.look(NOON + minute * MINUTE_US)
    assert told_silent(station) == []
    run(station, range(60, 68), IDS[1:])
    assert told_silent(station) == []
    run(station, range(68, 80), IDS[1:])
    assert told_silent(station) == ["X0"]


def test_who_was_silent_for_days_when_the_collector_starts_is_not_told_as_news(station: Station1) -> None:
    run(station, range(3))
    later = 3 * 24 * 60
    send(station, later, **{name: live(0.5) for name in IDS[1:]})
    station.restart(NOON + 3 * DAY_US + HOUR_US)
    run(station, range(later + 61, later + 90), IDS[1:])
    assert told_silent(station) == []
