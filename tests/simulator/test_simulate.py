"""`simulate`: the scenario's day on the real broker, in its own time or moved so that it begins now."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from collector.decoding.decode import decode_block
from collector.decoding.plausibility import Limits
from collector.decoding.rejects import Reason
from collector.message import Message
from collector.mqtt.subscriber import Subscriber
from collector.wire.format import subscription_filters
from grid.errors import LedgerError, SettingsError
from grid.timestamps import HOUR_US, MINUTE_US, format_utc
from service.clock import SystemClock
from service.container import Container
from service.demo.simulate import Stage, run_simulator, set_stage
from service.settings.settings import load_settings
from simulator.faults.faults import parse_fault
from simulator.scenario.scenario import load_scenario
from tests.collector.test_subscriber import until_connected
from tests.support.mosquitto import Mosquitto

SCENARIO = load_scenario("yx06-24-july")


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test where there is no settings file and no variable of ours."""
    for name in [name for name in os.environ if name.startswith("REDVEST_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def house() -> Iterator[Callable[[str], Container]]:
    """Return a function that makes a house of a settings text."""
    made: list[Container] = []

    def make(text: str) -> Container:
        Path("redvest.toml").write_text(text, encoding="utf-8")
        made.append(Container(load_settings()))
        return made[-1]

    yield make
    for opened in made:
        opened.close()


def clock_at(timestamp_us: int, speed: float) -> str:
    return (
        f'[clock]\nkind = "scaled"\nreal_start = "{format_utc(SystemClock().now_us())}"\n'
        f'start = "{format_utc(timestamp_us)}"\nspeed = {speed}\n'
    )


def test_while_the_clock_stands_in_the_scenario_s_day_that_is_played(house: Callable[[str], Container]) -> None:
    assert set_stage(house(clock_at(SCENARIO.starts_at_us + HOUR_US, 1.0))).ahead_us == 0


def test_at_any_other_time_the_day_begins_now(house: Callable[[str], Container]) -> None:
    stage = set_stage(house(""))
    begins_us = SCENARIO.starts_at_us + stage.ahead_us
    assert stage.ahead_us % MINUTE_US == 0
    assert 0 <= SystemClock().now_us() - begins_us < 2 * MINUTE_US


def test_what_is_played_is_named_in_the_settings(house: Callable[[str], Container]) -> None:
    assert set_stage(house("[simulator]\nseed = 7\n")).town.seed == 7
    assert set_stage(house("")).town.seed == SCENARIO.seed
    with pytest.raises(SettingsError, match=r"no scenario nowhere; .*yx06-24-july"):
        set_stage(house('[simulator]\nscenario = "nowhere"\n'))
    Path("ledger").mkdir()
    with pytest.raises(LedgerError, match=r"faults.*redvest ledger check .*ledger"):
        set_stage(house('[simulator]\nledger = "ledger"\n'))


def played(parts: Container, stage: Stage) -> tuple[int, list[Message]]:
    """Play a day through the broker; return how many messages it acknowledged, and those that arrived."""
    subscriber = Subscriber(parts.broker_address(), "test", subscription_filters(), clock_us=parts.clock.now_us)
    subscriber.start()
    messages: list[Message] = []
    try:
        until_connected(subscriber)
        sent = run_simulator(parts, stage)
        while len(messages) < sent.acknowledged and (block := subscriber.take(10_000, 5.0)):
            messages += block
            subscriber.acknowledge(block)
    finally:
        subscriber.stop()
    return sent.acknowledged, messages


def test_a_day_s_end_is_published_and_arrives(house: Callable[[str], Container], mosquitto: Mosquitto) -> None:
    last_minutes = clock_at(SCENARIO.ends_at_us - 3 * MINUTE_US, 400.0)
    parts = house(f"[broker]\nport = {mosquitto.port}\n[silence]\nslot_minutes = 1\n{last_minutes}")
    stage = set_stage(parts)
    acknowledged, messages = played(parts, stage)
    expected = (SCENARIO.ends_at_us - SCENARIO.starts_at_us) // MINUTE_US + 1
    assert acknowledged == expected * len(stage.town.fleet) == len(messages)
    decoded = decode_block(messages, stage.town.fleet, Limits.of_recordings())
    assert decoded.rejects == ()
    assert len(set(zip(decoded.readings.transformer, decoded.readings.measured_at_us, strict=True))) == len(messages)
    assert decoded.readings.measured_at_us.max() == SCENARIO.ends_at_us


def test_devices_with_faults_send_what_their_faults_say(
    house: Callable[[str], Container], mosquitto: Mosquitto
) -> None:
    last_minutes = clock_at(SCENARIO.ends_at_us - 2 * MINUTE_US, 400.0)
    parts = house(f"[broker]\nport = {mosquitto.port}\n[silence]\nslot_minutes = 1\n{last_minutes}")
    faults = [parse_fault(text) for text in ("silent=YX05", "duplicate=1", "late=1:1h", "watts=YX06")]
    stage = set_stage(parts, faults)
    acknowledged, messages = played(parts, stage)
    minutes = (SCENARIO.ends_at_us - SCENARIO.starts_at_us) // MINUTE_US + 1
    assert acknowledged == len(messages) == 2 * 2 * minutes  # two devices, everything twice, kept ones at the end
    decoded = decode_block(messages, stage.town.fleet, Limits.of_recordings())
    assert {reject.reason for reject in decoded.rejects} == {Reason.LOAD_RATE_IMPOSSIBLE}
    ids = [stage.town.fleet.transformer_ids[number] for number in set(decoded.readings.transformer.tolist())]
    assert ids == ["YX07"]
