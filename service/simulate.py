"""The simulated town and its team, live: devices that publish to the real broker, people who enter real answers."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from collector.wire import encode_singly
from grid.assets import Ledger
from grid.errors import StoreError
from grid.moments import MINUTE_US, SECOND_US
from service.clock import real_seconds
from service.house import House
from service.ledger_sheets import ledger_of
from service.rehearsal import Entered, QueriesTasks, Rehearsal
from simulator.faults import Fault
from simulator.faults_stream import FaultyStream, Sending
from simulator.publisher import Published, Publisher
from simulator.replay import publish_sending
from simulator.replaying import ReplayingDevices
from simulator.scenario import Scenario, load_scenario
from simulator.town import Town

SLEEP_SECONDS_MAX = 0.2

log = logging.getLogger("redvest.simulate")


@dataclass(frozen=True)
class Stage:
    """What is played: a scenario with its ledger, and how far the installation's clock is ahead of its day."""

    scenario: Scenario
    ledger: Ledger
    town: Town
    ahead_us: int
    """0 while the clock stands in the scenario's own day; else the day is moved so that it begins now."""
    line: FaultyStream
    """Between the devices and the broker."""


def set_stage(house: House, faults: Sequence[Fault] = ()) -> Stage:
    """Build the town that the settings name, its devices with faults. Raises SettingsError, LedgerError, UsageError."""
    values = house.settings.simulator
    scenario = load_scenario(_scenario(values.scenario, house.settings.file))
    ledger = ledger_of(values.ledger or scenario.ledger_folder)
    town = Town.of(ledger, scenario, None if values.seed < 0 else values.seed)
    now_us = house.clock.now_us()
    own_day = scenario.settles_from_us <= now_us < scenario.ends_at_us
    ahead_us = 0 if own_day else (now_us - scenario.starts_at_us) // MINUTE_US * MINUTE_US
    line = FaultyStream(faults, town.fleet.transformer_ids, town.seed, scenario.utc_offset_hours)
    return Stage(scenario, ledger, town, ahead_us, line)


def run_simulator(house: House, stage: Stage, tell: Callable[[Entered], None] = lambda entered: None) -> Published:
    """Play the stage by the installation's clock until the scenario is over; `tell` hears of each answer.

    Raises BrokerError when the broker stays away at the start. Between, both broker and stores may go and return.
    """
    team = Rehearsal(stage.town, stage.ledger, QueriesTasks(house.queries), house.desk)
    publisher = Publisher(house.broker_address(), f"{house.settings.collector.client_id}-simulator")
    memory = ReplayingDevices(
        house.broker_address(),
        f"{house.settings.collector.client_id}-simulator-memory",
        [device.transformer_id for device in stage.ledger.devices if device.replays],
    )
    publisher.start()
    memory.start()
    try:
        while not stage.town.is_over:
            now_us = house.clock.now_us() - stage.ahead_us
            while stage.town.now_us + MINUTE_US <= now_us and not stage.town.is_over:
                _play_a_minute(stage, team, publisher, memory, tell)
            until_next_us = stage.town.now_us + MINUTE_US - (house.clock.now_us() - stage.ahead_us)
            time.sleep(min(real_seconds(house.clock, max(until_next_us, SECOND_US // 100)), SLEEP_SECONDS_MAX))
        for kept in stage.line.rest():
            publish_sending(publisher, kept)
        return publisher.finish()
    finally:
        memory.stop()
        publisher.stop()


def _play_a_minute(
    stage: Stage, team: Rehearsal, publisher: Publisher, memory: ReplayingDevices, tell: Callable[[Entered], None]
) -> None:
    moment_us = stage.town.now_us + MINUTE_US
    try:
        for entered in team.advance_to(moment_us):
            tell(entered)
    except StoreError as error:
        log.warning("the team cannot see its list: %s", error)
    readings = stage.town.advance_to(moment_us)
    moved = replace(readings, measured_at_us=readings.measured_at_us + stage.ahead_us)
    ids = stage.town.fleet.transformer_ids
    messages = zip(readings.transformer.tolist(), encode_singly(moved, stage.town.fleet), strict=True)
    for number, (topic, payload) in messages:
        memory.remember(ids[number], moment_us + stage.ahead_us, topic, payload)
        for sending in stage.line.send(Sending(moment_us, ids[number], topic, payload)):
            publish_sending(publisher, sending)


def _scenario(name: str, settings_file: Path | None) -> str | Path:
    """Return a shipped scenario's name, or a file's path, relative to the settings file."""
    if not name.endswith(".toml"):
        return name
    return (settings_file.parent if settings_file else Path.cwd()) / name
