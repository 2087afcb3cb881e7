"""Supply that goes and comes back, on real stores: what is recorded, what people are told, what they are not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alerts.model.incidents import IncidentEventKind, IncidentState
from collector.message import Message
from collector.wire.format import encode_reading, reading_topic
from grid.assets import Transformer
from grid.timestamps import HOUR_US, MINUTE_US, format_utc
from tests.service.test_pipeline import NOON, Station1, a_town

DARK: dict[str, Any] = {
    "voltage_v": [0.0, 0.0, 0.0],
    "current_amp": [0.0, 0.0, 0.0],
    "active_power_kw": 0.0,
    "reactive_power_kvar": 0.0,
}
NOISE: dict[str, Any] = {"voltage_v": [0.6, 2.3, 1.1], "active_power_kw": 0.02, "reactive_power_kvar": 0.01}
UNSEEN: dict[str, Any] = {"active_power_kw": 0.0, "reactive_power_kvar": 0.0}
ONLY_VOLTAGES: dict[str, Any] = {"voltage_v": [0.0, 0.0, 0.0]}


def live(rate: float) -> dict[str, Any]:
    """A reading with voltage at a load rate of a 400 kVA transformer."""
    amps = rate * 400_000 / 3 / 230
    return {
        "voltage_v": [230.0] * 3,
        "current_amp": [amps] * 3,
        "active_power_kw": rate * 400,
        "reactive_power_kvar": 0.0,
    }


def send(station: Station1, minute: int, **of: dict[str, Any]) -> None:
    """Send what transformers measured at a minute past noon, as one block."""
    at_us = NOON + minute * MINUTE_US
    messages = [
        Message(reading_topic("S1", name), encode_reading(format_utc(at_us), **values), at_us, mid=i + 1, qos=1,
                epoch=1, retained=False)
        for i, (name, values) in enumerate(of.items())
    ]  # fmt: skip
    station.now_us = at_us
    station.pipeline.tick(messages, at_us)
    station.pipeline.look(at_us)


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station1]:
    """A fresh installation that looks at the supply too."""
    made = Station1(tmp_path)
    made.rules = ("early-warning", "two-hours", "supply")
    made.restart(NOON)
    yield made
    made.close()


def kinds(station: Station1) -> list[str]:
    """What the incident's record says, in order."""
    return [event.kind.value for event in station.records.events(station.incident().incident_id)]


@pytest.mark.parametrize("dark", [DARK, NOISE, UNSEEN, ONLY_VOLTAGES], ids=["zeros", "noise", "no voltages", "only U"])
def test_supply_that_goes_is_no_relief_and_the_team_is_told_so(station: Station1, dark: dict[str, Any]) -> None:
    for minute in range(5):
        send(station, minute, T1=live(0.95))
    for minute in range(5, 20):
        send(station, minute, T1=dark)
    incident = station.incident()
    assert incident.state is IncidentState.OPEN
    assert incident.last_load_rate == pytest.approx(0.95)
    assert incident.no_voltage_since_us == NOON + 5 * MINUTE_US
    told = station.told(20)
    assert "incident_no_voltage" in told
    assert not {"incident_enough", "incident_closed"} & set(told)
    assert station.records.episodes(open_only=True)[-1].level == "no_voltage"
    send(station, 21, T1=live(0.97))
    assert station.incident().no_voltage_since_us is None
    assert "incident_voltage_back" in station.told(25)
    assert [kind for kind in kinds(station) if "supply" in kind] == ["lost_supply", "got_supply"]
    for minute in range(22, 34):
        send(station, minute, T1=live(0.6))
    assert station.incident().state is IncidentState.CLOSED


def test_one_row_of_zeros_of_a_quarter_hour_meter_is_told_to_nobody(station: Station1) -> None:
    for minute, values in ((0, live(0.95)), (15, DARK), (30, live(0.95))):
        send(station, minute, T1=values)
    assert station.incident().state is IncidentState.OPEN
    assert station.incident().no_voltage_since_us is None
    assert {"incident_no_voltage", "incident_closed", "incident_enough"}.isdisjoint(station.told(31))
    (severe,) = [e for e in station.records.episodes() if e.level == "severe_heavy"]
    assert severe.ended_at_us is None


def test_a_transformer_without_load_has_supply(station: Station1) -> None:
    for minute in range(5):
        send(station, minute, T1=live(0.95))
    for minute in range(5, 20):
        send(station, minute, T1=live(0.0))
    assert station.incident().state is IncidentState.CLOSED
    assert not [e for e in station.records.episodes() if e.level == "no_voltage"]


@pytest.mark.parametrize("cleanly", [True, False])
def test_an_outage_is_remembered_over_a_restart_and_told_once(station: Station1, cleanly: bool) -> None:
    for minute in range(3):
        send(station, minute, T1=live(0.95))
    for minute in range(3, 12):
        send(station, minute, T1=DARK)
    station.told(12)
    station.restart(NOON + 13 * MINUTE_US, cleanly=cleanly)
    assert station.incident().no_voltage_since_us == NOON + 3 * MINUTE_US
    send(station, 14, T1=DARK)
    assert station.told(21).count("incident_no_voltage") == 1
    send(station, 22, T1=live(0.9))
    assert station.told(28).count("incident_voltage_back") == 1


def test_readings_that_come_late_take_an_outage_back(station: Station1) -> None:
    send(station, 0, T1=live(0.95))
    send(station, 15, T1=DARK)
    send(station, 30, T1=DARK)
    assert station.incident().no_voltage_since_us == NOON + 15 * MINUTE_US
    at_us = NOON + 22 * MINUTE_US
    late = Message(reading_topic("S1", "T1"), encode_reading(format_utc(at_us), **live(0.9)), NOON + 31 * MINUTE_US,
                   mid=1, qos=1, epoch=1, retained=False)  # fmt: skip
    station.pipeline.tick([late], NOON + 31 * MINUTE_US)
    assert station.incident().no_voltage_since_us is None
    assert station.incident().state is IncidentState.OPEN


def test_a_day_of_silence_ends_an_incident_as_unknown_and_a_restart_does_not_open_it_again(station: Station1) -> None:
    for minute in range(3):
        send(station, minute, T1=live(0.95))
    last_us = NOON + 2 * MINUTE_US
    station.pipeline.look(last_us + 24 * HOUR_US)
    assert station.incident().state is IncidentState.OPEN
    assert station.incident().blind
    station.pipeline.look(last_us + 24 * HOUR_US + MINUTE_US)
    ended = station.incident()
    assert (ended.state, ended.closed_at_us, ended.blind) == (IncidentState.UNKNOWN, last_us, False)
    of_the_incident = [kind for kind in kinds(station) if kind != "ask"]
    assert of_the_incident[-1] == IncidentEventKind.ENDED_UNKNOWN.value
    record = kinds(station)
    for cleanly in (True, False):
        station.restart(last_us + 25 * HOUR_US, cleanly=cleanly)
        station.pipeline.look(last_us + 25 * HOUR_US)
        assert (station.incident(), kinds(station)) == (ended, record)
    send(station, 26 * 60, T1=live(0.5))
    assert station.incident() == ended


def test_readings_of_the_silence_that_come_after_it_take_the_end_back(station: Station1) -> None:
    for minute in range(3):
        send(station, minute, T1=live(0.95))
    now_us = NOON + 26 * HOUR_US
    station.pipeline.look(now_us)
    assert station.incident().state is IncidentState.UNKNOWN
    readings: Sequence[Message] = [
        Message(reading_topic("S1", "T1"), encode_reading(format_utc(NOON + m * MINUTE_US), **live(0.93)), now_us,
                mid=m, qos=1, epoch=1, retained=False)
        for m in range(3, 26 * 60, 15)
    ]  # fmt: skip
    station.pipeline.tick(readings, now_us)
    assert station.incident().state is IncidentState.OPEN
    assert "saw_again" in kinds(station)


FEEDER = tuple(f"X{i}" for i in range(6))


@pytest.fixture
def on_feeders(tmp_path: Path) -> Iterator[Station1]:
    """Six transformers on one feeder."""
    made = Station1(tmp_path)
    on_it = tuple(Transformer(i, i, "S1", 400.0, "G1", "F1") for i in FEEDER)
    made.records.replace_ledger(replace(a_town(), transformers=on_it), "test", NOON)
    made.rules = ("early-warning", "supply")
    made.restart(NOON)
    yield made
    made.close()


def minutes_of(station: Station1, minutes: range, dark: Sequence[str] = ()) -> None:
    """Send of all six, minute by minute; look each half minute."""
    for minute in minutes:
        rate = 0.5 + minute % 7 / 1000
        send(station, minute, **{name: DARK if name in dark else live(rate) for name in FEEDER})
        station.pipeline.look(NOON + minute * MINUTE_US + MINUTE_US // 2)


def outage_words(station: Station1) -> list[str]:
    """What was told of outages, oldest first."""
    found = [m.text.zh for m in station.records.messages(50) if m.kind == "outage" or "停电" in m.text.zh]
    return found[::-1]


def test_a_feeder_without_voltage_is_told_once_for_all_its_transformers_and_once_when_it_is_back(
    on_feeders: Station1,
) -> None:
    minutes_of(on_feeders, range(3))
    minutes_of(on_feeders, range(3, 30), dark=FEEDER)
    (lost,) = outage_words(on_feeders)
    assert lost.startswith("【线路停电】线路 F1") and "共 6 个" in lost
    on_feeders.restart(NOON + 30 * MINUTE_US)
    minutes_of(on_feeders, range(30, 40), dark=FEEDER)
    assert len(outage_words(on_feeders)) == 1
    minutes_of(on_feeders, range(40, 50))
    assert len(outage_words(on_feeders)) == 2
    assert "恢复供电" in outage_words(on_feeders)[1] and "6 个台区已全部恢复" in outage_words(on_feeders)[1]


def test_one_transformer_without_voltage_is_told_with_what_the_others_of_its_feeder_say(on_feeders: Station1) -> None:
    minutes_of(on_feeders, range(3))
    minutes_of(on_feeders, range(3, 15), dark=FEEDER[:1])
    (lost,) = outage_words(on_feeders)
    assert lost.startswith("【停电】X0") and "同线路另有 5 个台区有电压" in lost
    minutes_of(on_feeders, range(15, 35), dark=FEEDER[:3])
    assert "【线路部分停电】线路 F1：3 个台区无电压" in outage_words(on_feeders)[1]


def test_an_outage_of_yesterday_is_no_news(on_feeders: Station1) -> None:
    minutes_of(on_feeders, range(3))
    now_us = NOON + 30 * HOUR_US
    late = [
        Message(reading_topic("S1", name), encode_reading(format_utc(NOON + m * MINUTE_US), **DARK), now_us, mid=m,
                qos=1, epoch=1, retained=False)
        for m in range(3, 15) for name in FEEDER
    ]  # fmt: skip
    on_feeders.pipeline.tick(late, now_us)
    on_feeders.pipeline.look(now_us + MINUTE_US)
    assert outage_words(on_feeders) == []
    assert len([e for e in on_feeders.records.episodes(open_only=True) if e.level == "no_voltage"]) == 6
