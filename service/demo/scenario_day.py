"""A scenario's whole day without broker and stores: its ledger, its readings, what the rules say of them.

Nobody is asked for anything: it is the day as it would go by itself.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from alerts.model.display_names import level_name
from alerts.model.episodes import Ending, Episode
from alerts.rules.series import SortedRates
from alerts.verdicts.engine import VerdictEngine
from grid.assets import Ledger
from grid.electrical import LoadRates
from grid.errors import SettingsError
from grid.fleet import Fleet
from grid.readings import ReadingBatch
from grid.text import Text
from grid.timestamps import DAY_US, MINUTE_US
from service.ledger_sheets import ledger_of
from service.rulebook import choose_rule_sets, read_rule_sets
from simulator.scenario.day import minute_of
from simulator.scenario.expected import ExpectedPart, StormPart, VerdictPart
from simulator.scenario.scenario import Scenario
from simulator.town.ledger_generator import settle
from simulator.town.town import Town

GAP_MINUTES = 20.0
_SLICE_US = 30 * MINUTE_US


@dataclass(frozen=True)
class ScenarioDay:
    """A day that has been played."""

    scenario: Scenario
    ledger: Ledger
    fleet: Fleet
    readings: ReadingBatch
    rates: LoadRates


def scenario_ledger(scenario: Scenario, seed: int | None = None, sheets: Path | None = None) -> Ledger:
    """Return the ledger that a scenario is played with: `sheets`, else its own, else one made from its census.

    Raises UsageError, LedgerError, SettingsError.
    """
    if sheets is not None or scenario.ledger:
        return ledger_of(sheets or scenario.ledger_folder)
    return settle(scenario, seed)


def play_day(
    scenario: Scenario, ledger: Ledger, seed: int | None = None, progress: Callable[[int], None] = lambda minutes: None
) -> ScenarioDay:
    """Play a scenario to its end with nobody asked for anything; `progress` is told the minutes computed."""
    town = Town.of(ledger, scenario, seed)
    parts, start_us = [], town.now_us
    while not town.is_over:
        parts.append(town.advance_to(town.now_us + _SLICE_US))
        progress((town.now_us - start_us) // MINUTE_US)
    readings = ReadingBatch.concatenate(parts)
    return ScenarioDay(scenario, ledger, town.fleet, readings, LoadRates(readings, town.fleet))


def episodes_of(day: ScenarioDay, rules: Iterable[str]) -> tuple[Episode, ...]:
    """Return every episode of the rule sets in a day, by rule, level, start and transformer. Raises RuleError."""
    rule_sets = choose_rule_sets(list(rules), read_rule_sets())
    fleet = Fleet.of_ledger(day.ledger)
    engine = VerdictEngine(rule_sets, GAP_MINUTES, fleet.transformer_ids, fleet.zones)
    rates = SortedRates.of(
        day.readings.transformer, day.readings.measured_at_us, day.rates.load_rate, day.rates.worst_phase_load_rate
    )
    found = {change.episode.key: change.episode for change in engine.advance(rates).episodes}
    return tuple(sorted(found.values(), key=lambda e: (e.rule, e.level, e.started_at_us, e.transformer_id)))


def unmet(scenario: Scenario, episodes: Sequence[Episode]) -> tuple[Text, ...]:
    """Return what a day was expected to bring and did not, and what it brought unexpectedly, in words.

    Nothing where the scenario expects nothing.
    """
    expected = scenario.expected
    if expected is None:
        return ()
    left = [episode for episode in episodes if f"{episode.rule}/{episode.level}" in expected.levels]
    faults: list[Text] = []
    for verdict in expected.verdict:
        fitting = [e for e in left if _fits(e, verdict, scenario)]
        if fitting:
            left.remove(fitting[0])
        else:
            faults.append(_missing(verdict, [e for e in left if e.transformer_id == verdict.transformer_id], scenario))
    for storm in expected.storm:
        of_storm = [e for e in left if _is_of(e, storm, scenario)]
        count = len({e.transformer_id for e in of_storm})
        left = [e for e in left if e not in of_storm]
        low, high = storm.transformers
        if not low <= count <= high:
            level = level_name(storm.level)
            faults.append(
                Text(
                    f"{storm.rule} {level.zh}：{count} 台，预期 {low} 至 {high} 台",
                    f"{storm.rule} {level.en}: {count} transformers, expected {low} to {high}",
                )
            )
    return (*faults, *(_unexpected(episode, scenario) for episode in left))


def rules_expected(expected: ExpectedPart | None) -> tuple[str, ...]:
    """Return the rule sets that a scenario's expectations speak of; `early-warning` where it has none.

    Raises SettingsError for a rule set or a level that there is not.
    """
    if expected is None:
        return ("early-warning",)
    spoken = [*expected.levels]
    spoken += [f"{verdict.rule}/{verdict.level}" for verdict in expected.verdict]
    spoken += [f"{storm.rule}/{storm.level}" for storm in expected.storm]
    known = [f"{rules.cited}/{level.name}" for rules in read_rule_sets() for level in rules.levels]
    for name in spoken:
        if name not in known:
            meant = difflib.get_close_matches(name, known, 1)
            raise SettingsError(
                Text(f"没有等级 {name}", f"there is no level {name}"),
                where="key `expected`",
                remedy=Text(
                    f"是否应为 {meant[0]}？" if meant else f"可用的等级：{'、'.join(known)}",
                    f"did you mean {meant[0]}?" if meant else f"the levels are {', '.join(known)}",
                ),
            )
    return tuple(dict.fromkeys(name.partition("/")[0] for name in spoken))


def clock_time(scenario: Scenario, timestamp: int | None) -> str:
    """Return the clock time of a moment on the scenario's own clock; a dash for none."""
    if timestamp is None:
        return "–"
    minute = (timestamp - scenario.midnight_us) // MINUTE_US % (DAY_US // MINUTE_US)
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _fits(episode: Episode, verdict: VerdictPart, scenario: Scenario) -> bool:
    return (
        (episode.transformer_id, episode.rule, episode.level) == (verdict.transformer_id, verdict.rule, verdict.level)
        and _between(episode.started_at_us, verdict.starts, scenario)
        and _ends_as(episode, verdict, scenario)
    )


def _ends_as(episode: Episode, verdict: VerdictPart, scenario: Scenario) -> bool:
    if verdict.ends is None:
        return episode.ended_by in (None, Ending.GAP)
    return episode.ended_at_us is not None and _between(episode.ended_at_us, verdict.ends, scenario)


def _is_of(episode: Episode, storm: StormPart, scenario: Scenario) -> bool:
    named = (episode.rule, episode.level) == (storm.rule, storm.level)
    return named and _between(episode.started_at_us, storm.starts, scenario)


def _between(timestamp: int, clock_times: tuple[str, str], scenario: Scenario) -> bool:
    """Return whether a moment lies between two clock times; the second may be past midnight, as 23:00 to 01:00."""
    minute = scenario.minute(timestamp)
    first, last = minute_of(clock_times[0]), minute_of(clock_times[1])
    return first <= minute <= last if first <= last else minute >= first or minute <= last


def _missing(verdict: VerdictPart, instead: Sequence[Episode], scenario: Scenario) -> Text:
    level, (first, last) = level_name(verdict.level), verdict.starts
    found = "; ".join(_span(e, scenario) for e in instead) or "–"
    ends = "" if verdict.ends is None else f", {verdict.ends[0]}–{verdict.ends[1]}"
    return Text(
        f"{verdict.transformer_id} 未按预期出现“{level.zh}”（{verdict.rule}，{first}–{last}{ends}）；实际：{found}",
        f"{verdict.transformer_id} has no {level.en} ({verdict.rule}) beginning {first}–{last}{ends}; it has: {found}",
    )


def _unexpected(episode: Episode, scenario: Scenario) -> Text:
    level, span = level_name(episode.level), _span(episode, scenario)
    return Text(
        f"{episode.transformer_id} 出现预期之外的“{level.zh}”：{span}",
        f"{episode.transformer_id}: {level.en} that nobody expected: {span}",
    )


def _span(episode: Episode, scenario: Scenario) -> str:
    start = clock_time(scenario, episode.started_at_us)
    end = "" if episode.ended_at_us is None else clock_time(scenario, episode.ended_at_us)
    return f"{episode.rule} {episode.level} {start}–{end} {episode.peak_load_rate:.1%}"
