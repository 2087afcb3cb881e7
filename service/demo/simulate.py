"""The simulated town and its team, live: devices that publish to the real broker, people who enter real answers."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from collector.wire.format import encode_singly
from collector.wire.terminal_format import TerminalFormat
from grid.assets import Ledger
from grid.errors import StoreError, UsageError
from grid.readings import ReadingBatch
from grid.text import Text
from grid.timestamps import MINUTE_US, SECOND_US
from service.clock import Clock, FasterClock, real_seconds
from service.container import Container
from service.demo.scenario_day import scenario_ledger
from service.demo.simulated_team import Entered, QueriesTasks, SimulatedTeam
from service.settings.settings import Settings
from simulator.faults.faults import Fault
from simulator.faults.stream import FaultyStream, Sending
from simulator.publish.publisher import Published, Publisher
from simulator.publish.replay import publish_sending
from simulator.publish.resending import ReplayingDevices
from simulator.publish.terminal import encode_by_device
from simulator.scenario.scenario import Scenario, load_scenario
from simulator.town.town import Town

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
    clock: Clock
    """Of the moved day."""
    line: FaultyStream
    """Between the devices and the broker."""
    terminals: TerminalFormat | None = None
    """How the devices of the ledger send; None when all send the wire format."""


def scenario_of(settings: Settings) -> tuple[Scenario, int | None]:
    """Return the scenario that the settings name, and the seed where they name one. Raises SettingsError."""
    values = settings.simulator
    return load_scenario(_scenario(values.scenario, settings.file)), None if values.seed < 0 else values.seed


def set_stage(container: Container, faults: Sequence[Fault] = (), times: float | None = None) -> Stage:
    """Build the town that the settings name, its devices with faults. Raises SettingsError, LedgerError, UsageError.

    With `times` the day is played so many times as fast and ends now: its readings are old and none is of the future.
    """
    scenario, seed = scenario_of(container.settings)
    ledger = scenario_ledger(scenario, seed, container.settings.simulator.ledger)
    town = Town.of(ledger, scenario, seed)
    line = FaultyStream(faults, town.fleet.transformer_ids, town.seed, scenario.utc_offset_hours)
    now_us = container.clock.now_us()
    if times is not None:
        lasts_us = scenario.ends_at_us - scenario.starts_at_us
        ends_us = now_us + round(lasts_us / times)
        ahead_us = (ends_us - scenario.ends_at_us) // MINUTE_US * MINUTE_US
        clock = FasterClock(container.clock, now_us, scenario.starts_at_us + ahead_us, times)
        return Stage(scenario, ledger, town, ahead_us, clock, line)
    own_day = scenario.settles_from_us <= now_us < scenario.ends_at_us
    ahead_us = 0 if own_day else (now_us - scenario.starts_at_us) // MINUTE_US * MINUTE_US
    return Stage(scenario, ledger, town, ahead_us, container.clock, line)


def with_terminals(container: Container, stage: Stage) -> Stage:
    """Let the transformers that are bound to a device send as smart terminals. Raises UsageError when none is."""
    terminals = container.terminal_format()
    if terminals is None or not stage.ledger.devices:
        what = (
            Text("没有设置终端的主题", "no topic of terminals is set")
            if terminals is None
            else Text("台账里没有带终端的台区", "no transformer of the ledger has a device")
        )
        mend = (
            Text("请设置 terminal.topics", "set terminal.topics")
            if terminals is None
            else Text(
                "请在 simulator.ledger 的台账里补上 devices.csv", "add devices.csv to the ledger of simulator.ledger"
            )
        )
        raise UsageError(what, where="--terminals", remedy=mend)
    return replace(stage, terminals=terminals)


def run_simulator(
    container: Container, stage: Stage, tell: Callable[[Entered], None] = lambda entered: None
) -> Published:
    """Play the stage by its clock until the scenario is over; `tell` hears of each answer.

    Raises BrokerError when the broker stays away at the start. Between, both broker and stores may go and return.
    """
    team = SimulatedTeam(stage.town, stage.ledger, QueriesTasks(container.queries), container.visit_recorder)
    publisher = Publisher(container.broker_address(), f"{container.settings.collector.client_id}-simulator")
    memory = ReplayingDevices(
        container.broker_address(),
        f"{container.settings.collector.client_id}-simulator-memory",
        [device.transformer_id for device in stage.ledger.devices if device.replays],
    )
    publisher.start()
    memory.start()
    try:
        while not stage.town.is_over:
            now_us = stage.clock.now_us() - stage.ahead_us
            while stage.town.now_us + MINUTE_US <= now_us and not stage.town.is_over:
                _play_a_minute(stage, team, publisher, memory, tell)
            until_next_us = stage.town.now_us + MINUTE_US - (stage.clock.now_us() - stage.ahead_us)
            time.sleep(min(real_seconds(stage.clock, max(until_next_us, SECOND_US // 100)), SLEEP_SECONDS_MAX))
        for kept in stage.line.rest():
            publish_sending(publisher, kept)
        return publisher.finish()
    finally:
        memory.stop()
        publisher.stop()


def _play_a_minute(
    stage: Stage, team: SimulatedTeam, publisher: Publisher, memory: ReplayingDevices, tell: Callable[[Entered], None]
) -> None:
    timestamp_us = stage.town.now_us + MINUTE_US
    try:
        for entered in team.advance_to(timestamp_us):
            tell(entered)
    except StoreError as error:
        log.warning("the team cannot see its list: %s", error)
    readings = stage.town.advance_to(timestamp_us)
    moved = replace(readings, measured_at_us=readings.measured_at_us + stage.ahead_us)
    ids = stage.town.fleet.transformer_ids
    for number, (topic, payload) in zip(readings.transformer.tolist(), _encoded(stage, moved), strict=True):
        memory.remember(ids[number], timestamp_us + stage.ahead_us, topic, payload)
        for sending in stage.line.send(Sending(timestamp_us, ids[number], topic, payload)):
            publish_sending(publisher, sending)


def _scenario(name: str, settings_file: Path | None) -> str | Path:
    """Return a shipped scenario's name, or a file's path, relative to the settings file."""
    if not name.endswith(".toml"):
        return name
    return (settings_file.parent if settings_file else Path.cwd()) / name


def _encoded(stage: Stage, readings: ReadingBatch) -> Iterator[tuple[str, bytes]]:
    """Yield (topic, payload) of each reading, in order."""
    if stage.terminals is None:
        return encode_singly(readings, stage.town.fleet)
    device_of = {device.transformer_id: device.device_id for device in stage.ledger.devices}
    return encode_by_device(readings, stage.town.fleet, stage.terminals, device_of)
