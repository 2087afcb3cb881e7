"""`redvest judge`: golden cases by rule set, files of any size and order, reasons that say what can be trusted."""

from __future__ import annotations

import csv
import itertools
import json
import math
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.model.episodes import Episode
from alerts.rules.rule_set import Quantity, RuleSet
from alerts.verdicts.explain import Event
from grid.assets import Ledger, Station, Transformer
from grid.errors import StoreError
from grid.fleet import Fleet
from grid.readings import ReadingBatch
from grid.timestamps import MINUTE_US, format_utc, timestamp_us
from service.cli import main
from service.cli.judge import spread_rules
from service.ledger_sheets import ledger_of
from service.offline import sorted_rows
from service.offline.explain import evaluated
from service.offline.judge import Recording, Tally, Verdict, opened_recording, verdicts
from service.offline.sorted_rows import RowsInOrder
from service.rulebook import read_rule_sets
from tests.support import naive

CASES = Path(__file__).parents[1] / "cases"
GOLDEN = sorted(folder for folder in (CASES / "verdicts").iterdir() if folder.is_dir())
DIRTY = CASES / "days" / "dirty"
SHIPPED = read_rule_sets()
NOON = 1_627_099_200_000_000


class Run:
    """What one command did."""

    def __init__(self, code: int, out: str, error: str) -> None:
        self.code = code
        self.out = out
        self.error = error

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Return its JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def judge(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Return a function that judges a case folder in English, by the command."""
    monkeypatch.chdir(tmp_path)

    def run(folder: Path, *words: str) -> Run:
        capsys.readouterr()
        command = ["judge", str(folder / "readings.csv"), "--ledger", str(folder / "ledger"), "--language", "en"]
        code = main.main([*command, *words])
        said = capsys.readouterr()
        return Run(code, said.out, said.err)

    return run


# Golden cases


def rule_set_of(case: Path) -> RuleSet:
    """Return the rule set that a golden case is named after."""
    sets = [rules for rules in SHIPPED if case.name.startswith(f"{rules.name}-")]
    later = [rules for rules in sets if case.name.startswith(f"{rules.name}-{rules.version}-")]
    (rules,) = later or [rules for rules in sets if rules.version == 1]
    return rules


def expected(case: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (case / "expected.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case.name)
def test_golden_case(case: Path, judge: Callable[..., Run]) -> None:
    run = judge(case, "--rules", rule_set_of(case).cited, "--json")
    assert run.code == 0, run.error
    wanted = expected(case)
    assert len(run.lines) == len(wanted), run.out
    for line, want in zip(run.lines, wanted, strict=True):
        assert line["peak_load_rate"] == pytest.approx(want.pop("peak_load_rate"), abs=1e-12)
        assert {name: line[name] for name in want} == want


@pytest.mark.parametrize("rules", SHIPPED, ids=lambda rules: rules.cited)
def test_every_shipped_rule_set_has_three_golden_cases_that_say_why(rules: RuleSet) -> None:
    cases = [case for case in GOLDEN if rule_set_of(case) is rules]
    assert len(cases) >= 3
    for case in cases:
        assert (case / "WHY.md").read_text(encoding="utf-8").strip().endswith(".")


def number_in(row: dict[str, str], column: str) -> float:
    """Return a number of a row, NaN where it is missing."""
    return float(row[column]) if row.get(column) else math.nan


def naive_supply(row: dict[str, str], load: float) -> str:
    """Return what a row says of the supply, straight from the words of the rule."""
    told = [volts for p in "abc" if not math.isnan(volts := number_in(row, f"voltage_{p}_v"))]
    if not told:
        return "unseen" if load == 0 else "not told"
    return "live" if max(told) >= 44 or load > 0.01 else "gone"


def naive_rates(case: Path) -> dict[str, list[tuple[int, float, float, str]]]:
    """Return (moment, load rate, worst phase, supply) of each transformer of a case, unrounded."""
    with (case / "ledger" / "transformers.csv").open(encoding="utf-8") as file:
        rated = {t["transformer_id"]: (float(t["rated_power_kva"]), float(t["ct_ratio"])) for t in csv.DictReader(file)}
    found: dict[str, dict[int, tuple[float, float, str]]] = {}
    with (case / "readings.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            try:
                at = timestamp_us(datetime.fromisoformat(row["measured_at"]))
            except ValueError:
                continue
            kva, ratio = rated[row["transformer_id"]]
            total, worst = math.nan, math.nan
            if row.get("active_power_kw"):
                total = math.hypot(float(row["active_power_kw"]), float(row.get("reactive_power_kvar") or 0))
            phases = [number_in(row, f"voltage_{p}_v") * number_in(row, f"current_{p}_amp") / 1000 for p in "abc"]
            if not math.isnan(sum(phases)):
                worst = max(phases) * ratio / (kva / 3)
                total = sum(phases) if math.isnan(total) else total
            timestamps = found.setdefault(row["transformer_id"], {})
            timestamps.setdefault(at, (total * ratio / kva, worst, naive_supply(row, total * ratio / kva)))
    return {name: [(at, *rates) for at, rates in sorted(of.items())] for name, of in found.items()}


def naive_outages(readings: list[tuple[int, float, float, str]], hold_minutes: float) -> list[naive.NaiveEpisode]:
    """Return the stays without voltage; a reading that does not tell is as the one before, if that one told."""
    told: list[tuple[int, bool | None]] = []
    before = ""
    for at, _, _, supply in readings:
        if supply != "unseen":
            before = supply
        elif before in ("live", "gone"):
            before = "gone"
        told.append((at, before == "gone"))
    return naive.outages(told, hold_minutes)


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case.name)
def test_golden_expectations_agree_with_the_slow_twin(case: Path) -> None:
    rules = rule_set_of(case)
    with (case / "ledger" / "stations.csv").open(encoding="utf-8") as file:
        zone = ZoneInfo(next(csv.DictReader(file))["timezone"])
    found = []
    for name, readings in sorted(naive_rates(case).items()):
        # The offset at the last reading: where it changes on the day, it is that of the midnight in question.
        offset = datetime.fromtimestamp(readings[-1][0] / 1e6, zone).utcoffset()
        assert offset is not None
        for level in rules.levels:
            place = 1 if level.quantity is Quantity.LOAD_RATE else 2
            dark = ("gone", "unseen")
            seen: list[tuple[int, float | None]] = [
                (int(r[0]), None if r[3] in dark else float(r[place]))
                for r in readings
                if r[3] in dark or not math.isnan(float(r[place]))
            ]
            for e in (
                naive_outages(readings, level.hold_minutes)
                if level.quantity is Quantity.NO_VOLTAGE
                else naive.episodes(
                    seen,
                    level.enter,
                    level.leave,
                    level.hold_minutes,
                    level.leave_minutes,
                    20,
                    level.strict,
                    round(offset.total_seconds() / 60) if rules.cut_at_midnight else None,
                    level.unbroken_hold,
                    rules.points_minutes,
                )
            ):
                ended = None if e.ended_at is None else format_utc(e.ended_at)
                times = (format_utc(e.started_at), ended, e.ended_by, format_utc(e.peak_at))
                found.append((name, level.name, *times, e.readings))
    keys = ("transformer_id", "level", "started_at", "ended_at", "ended_by", "peak_at", "readings")
    assert found == [tuple(line[key] for key in keys) for line in expected(case)]


# Readings in doubt


def test_powers_far_below_voltages_and_currents_give_way_to_them_and_the_reason_says_so(
    judge: Callable[..., Run], tmp_path: Path
) -> None:
    """Primary currents and secondary powers: 95 % by U·I, 0.95 % by P and Q."""
    ledger = tmp_path / "ledger"
    ledger.mkdir()
    (ledger / "stations.csv").write_text("station_id,name,timezone\nS1,S,Asia/Shanghai\n", encoding="utf-8")
    columns = "transformer_id,name,station_id,rated_power_kva"
    (ledger / "transformers.csv").write_text(f"{columns}\nT1,T,S1,400\n", encoding="utf-8")
    rows = ["transformer_id,measured_at,active_power_kw,reactive_power_kvar,voltage_a_v,voltage_b_v,voltage_c_v,"
            "current_a_amp,current_b_amp,current_c_amp"]  # fmt: skip
    for minute in range(0, 180, 5):
        at = f"2021-07-24T{10 + minute // 60}:{minute % 60:02}:00+08:00"
        rows.append(f"T1,{at},{3.226 + minute / 1e4:.4f},1.999,230,230,230,550,550,550.{minute % 7}")
    (tmp_path / "readings.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    run = judge(tmp_path, "--rules", "early-warning", "two-hours", "--json")
    assert run.code == 0, run.error
    severe = next(line for line in run.lines if line["level"] == "severe_heavy")
    assert severe["peak_load_rate"] == pytest.approx(0.9487, abs=1e-3)
    assert severe["started_at"] < "2021-07-24T02:45:01Z"
    assert "powers far below voltage times current 27" in severe["reason"]
    assert [line["rule"] for line in run.lines if line["level"] == "heavy"] == ["early-warning@1", "two-hours@1"]
    explained = judge(tmp_path, "--rules", "early-warning", "--explain", "T1")
    assert "(voltages and currents); powers far below voltage times current" in explained.out


# Files of any size and order


ROWS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 6), st.sampled_from([1.0, 2.0, math.nan])), min_size=0, max_size=60
)


@settings(max_examples=200, deadline=None)
@given(rows=ROWS, cuts=st.lists(st.integers(0, 60), max_size=4), limit=st.integers(1, 70))
def test_rows_come_back_in_order_with_the_first_of_each_timestamp(rows: Any, cuts: Any, limit: int) -> None:
    stands: dict[tuple[int, int], float] = {}
    conflicts = 0
    for number, at, value in rows:
        conflicts += repr(stands.setdefault((number, at), value)) != repr(value)
    bounds = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    with RowsInOrder(limit) as in_order:
        for a, b in itertools.pairwise(bounds):
            numbers, times, values = zip(*rows[a:b], strict=True) if b > a else ((), (), ())
            in_order.take(ReadingBatch.of(numbers, times, active_power_kw=values))
        blocks = list(in_order.blocks())
    found = [
        (number, at, value)
        for block in blocks
        for number, at, value in zip(
            block.readings.transformer.tolist(),
            block.readings.measured_at_us.tolist(),
            block.readings.active_power_kw.tolist(),
            strict=True,
        )
    ]
    assert repr(found) == repr([(*key, stands[key]) for key in sorted(stands)])
    assert sum(len(block.conflicting) for block in blocks) == conflicts
    assert sum(block.repeated for block in blocks) == len(rows) - len(stands) - conflicts


def judged(folder: Path, rows_in_memory_max: int = 1_000_000) -> tuple[list[Verdict], dict[str, Any]]:
    with opened_recording(
        folder / "readings.csv", ledger_of(folder / "ledger"), rows_in_memory_max=rows_in_memory_max
    ) as recording:
        found = list(verdicts(recording, SHIPPED, 20))
        return found, asdict(recording.tally)


@pytest.mark.parametrize("limit", [7, 40, 100])
def test_a_file_beyond_the_memory_limit_gives_the_same_verdicts_reasons_and_counts(limit: int) -> None:
    assert judged(DIRTY, limit) == judged(DIRTY)
    assert judged(DIRTY)[1]["conflicts"] == 3


def test_rows_beyond_the_limit_wait_in_a_file_without_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "full"))
    assert judged(DIRTY)[0]
    with pytest.raises(StoreError, match="set TMPDIR"):
        judged(DIRTY, 100)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with opened_recording(DIRTY / "readings.csv", ledger_of(DIRTY / "ledger"), rows_in_memory_max=100) as recording:
        next(verdicts(recording, SHIPPED, 20))
        assert list(tmp_path.iterdir()) == []


def test_memory_does_not_grow_with_the_file() -> None:
    def peak_of(rows: int) -> int:
        tracemalloc.start()
        with RowsInOrder(5_000) as in_order:
            for start in range(0, rows, 1_000):
                times = NOON + (np.arange(start, start + 1_000) * 7_919 % rows) * MINUTE_US
                in_order.take(ReadingBatch.of(np.zeros(1_000), times, active_power_kw=np.ones(1_000)))
            assert sum(len(block.readings) for block in in_order.blocks()) == rows
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert peak_of(200_000) < 1.5 * peak_of(20_000)
    assert peak_of(200_000) < 0.25 * 200_000 * sorted_rows.ROW.itemsize


# Shuffles of a dirty year


LEDGER = Ledger(
    stations=(Station("S1", "模拟供电所", "Asia/Shanghai"),),
    transformers=(Transformer("T1", "模拟台区", "S1", 100.0),),
)
QUARTERS = 365 * 96


def dirty_year() -> ReadingBatch:
    """Return a year of quarter hours: holes, frozen hours, spikes, missing numbers, rows twice, rows that differ."""
    rng = np.random.default_rng(7)
    at_us = NOON + np.arange(QUARTERS) * 15 * MINUTE_US
    day = np.arange(QUARTERS) % 96 / 96
    season = 0.15 * np.sin(2 * np.pi * np.arange(QUARTERS) / QUARTERS)
    rate = 0.5 + season + 0.3 * np.sin(2 * np.pi * day) + np.repeat(rng.normal(0, 0.08, 365), 96)
    rate = np.clip(rate + rng.normal(0, 0.02, QUARTERS), 0.05, 2.2)
    for start in rng.integers(0, QUARTERS - 30, 20):
        rate[start : start + 20] = rate[start]
    rate[rng.integers(0, QUARTERS, 40)] += 1.4
    active, reactive = 93 * rate, 36 * rate
    reactive[rng.random(QUARTERS) < 0.03] = np.nan
    current = rate[:, None] * 100 / 3 / 0.23 * np.array([1.15, 1.0, 0.85])
    current[rng.random(QUARTERS) < 0.02, 1] = np.nan
    year = ReadingBatch.of(
        np.zeros(QUARTERS),
        at_us,
        voltage_v=np.full((QUARTERS, 3), 230.0),
        current_amp=current,
        active_power_kw=active,
        reactive_power_kvar=reactive,
    )
    holes = np.zeros(QUARTERS, bool)
    for start in rng.integers(0, QUARTERS, 300):
        holes[start : start + rng.integers(1, 12)] = True
    kept = year.take(~holes)
    twice = kept.take(rng.integers(0, len(kept), 1_500))
    other = kept.take(rng.integers(0, len(kept), 300))
    other = replace(other, active_power_kw=other.active_power_kw * 1.3)
    return ReadingBatch.concatenate([kept, twice, other])


def shuffled(year: ReadingBatch, rng: np.random.Generator) -> ReadingBatch:
    """Return the rows in another order; rows for one moment keep theirs, because the first of them counts."""
    rows = rng.permutation(len(year))
    at_us = year.measured_at_us[rows]
    in_new_order, in_old_order = np.lexsort((np.arange(len(rows)), at_us)), np.lexsort((rows, at_us))
    settled = np.empty_like(rows)
    settled[in_new_order] = rows[in_old_order]
    return year.take(settled)


def judged_rows(year: ReadingBatch, rng: np.random.Generator, limit: int) -> list[Verdict]:
    """Judge rows in their order, taken in blocks of any size."""
    fleet = Fleet.of_ledger(LEDGER)
    with RowsInOrder(limit) as in_order:
        bounds = np.sort(rng.integers(0, len(year), 10)).tolist()
        for a, b in itertools.pairwise([0, *bounds, len(year)]):
            in_order.take(year.take(np.arange(a, b)))
        return list(verdicts(Recording(fleet, Tally(), in_order.rows, in_order), SHIPPED, 20))


def assert_shuffles_agree(times: int) -> None:
    year = dirty_year()
    wanted = judged_rows(year, np.random.default_rng(0), 1_000_000)
    assert {v.episode.rule for v in wanted} >= {"early-warning@1", "two-hours@1", "eight-points@1"}
    assert len(wanted) > 500
    assert any("frozen" in v.reason.en for v in wanted)
    for seed in range(times):
        rng = np.random.default_rng(seed)
        found = judged_rows(shuffled(year, rng), rng, int(rng.choice([3_000, 11_000, 1_000_000])))
        assert found == wanted, f"seed {seed}"


def test_shuffles_of_a_dirty_year_give_identical_episodes() -> None:
    assert_shuffles_agree(4)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_thousand_shuffles_of_a_dirty_year_give_identical_episodes() -> None:
    assert_shuffles_agree(1_000)


# Reasons and notes


def reasons(active: list[float], reactive: list[float], limit: int, minutes: int = 15) -> dict[tuple[str, str], str]:
    """Judge one transformer's readings, `limit` rows at a time; returns the reasons by rule and level."""
    times = NOON + np.arange(len(active)) * minutes * MINUTE_US
    year = ReadingBatch.of(np.zeros(len(active)), times, active_power_kw=active, reactive_power_kvar=reactive)
    found = judged_rows(year, np.random.default_rng(0), limit)
    return {(verdict.episode.rule, verdict.episode.level): verdict.reason.en for verdict in found}


@pytest.mark.parametrize("limit", [1, 10, 1_000])
def test_the_marks_of_an_episode_of_three_days_are_all_counted_however_the_file_is_divided(limit: int) -> None:
    active = [82 + number % 7 for number in range(288)]
    said = reasons(active, [math.nan] * 5 + [1.0] * 283, limit)  # type: ignore[arg-type]
    for rule in ("early-warning@1", "two-hours@1", "thirty-minutes@1"):
        assert "trusted, with a mark: of 288 readings active power only 5." in said[rule, "heavy"]


def test_a_mark_of_the_reading_that_ends_an_episode_is_no_mark_of_the_episode() -> None:
    # So little below the leave line that the crossing, rounded to a microsecond, is the reading itself.
    below = 84.99999999999999
    said = reasons([90, 91, below, below, below], [0, 0, math.nan, math.nan, math.nan], 1_000, minutes=5)
    assert "active power only 3" in said["early-warning@1", "heavy"]
    assert said["early-warning@1", "severe_heavy"].endswith("2 readings; below 85 % from 12:10 for 10 min.")


def test_a_reason_says_what_can_be_trusted_and_no_field_is_added(judge: Callable[..., Run]) -> None:
    run = judge(DIRTY, "--rules", "early-warning", "--json")
    marked = [line["reason"] for line in run.lines if "active power only" in line["reason"]]
    assert marked
    assert all("Readings trusted, with a mark: of" in reason for reason in marked)
    assert all("Readings" not in line["reason"] for line in run.lines if line["reason"] not in marked)
    assert {len(line) for line in run.lines} == {10}


def test_contradicting_rows_are_named_on_the_error_output(judge: Callable[..., Run]) -> None:
    run = judge(DIRTY, "--json")
    assert "for the same transformer and moment: 3, such as ZK01 2021-07-19T17:00:00Z" in run.error
    assert all(line.startswith("{") for line in run.out.splitlines())
    assert "set aside" not in judge(CASES / "days" / "clean", "--json").error


# --rules


@pytest.mark.parametrize(
    "words",
    [
        ["--rules", "two-hours", "--rules", "eight-points@1"],
        ["--rules", "two-hours,eight-points@1"],
        ["--rules=two-hours,eight-points@1"],
        ["--rules", "two-hours", "eight-points@1"],
        ["--rules", "two-hours,", "eight-points@1"],
    ],
)
def test_several_rule_sets_can_be_written_together_or_one_by_one(words: list[str], judge: Callable[..., Run]) -> None:
    run = judge(DIRTY, *words, "--json")
    assert run.code == 0, run.error
    assert {line["rule"] for line in run.lines} == {"two-hours@1", "eight-points@1"}


def test_words_after_rules_that_are_no_rule_names_are_left_alone() -> None:
    assert spread_rules(["judge", "--rules", "a", "b", "--json", "c"]) == [
        *["judge", "--rules", "a", "--rules", "b", "--json", "c"]
    ]
    for words in (["judge", "--rules", "a", "Readings.csv"], ["curve", "--rules", "a", "b"], ["judge", "--rules"], []):
        assert spread_rules(words) == words


# --explain


def episodes_of_evaluation(recording: Recording, rule_sets: tuple[RuleSet, ...]) -> Iterator[tuple[object, ...]]:
    """Return (rule, level, started, ended, ended by) of every episode that the walk tells of."""
    started: dict[tuple[str, str], tuple[int, bool]] = {}
    for reading in evaluated(recording, "T1", rule_sets, 20):
        for step in reading.steps:
            level = (step.rule, step.level.name)
            for happening in step.happenings:
                match happening.event:
                    case Event.BEGINS:
                        assert level not in started
                        started[level] = (happening.at_us, happening.is_episode)
                    case Event.HELD:
                        assert not started[level][1] or step.level.hold_minutes <= happening.lasted_us / MINUTE_US
                        started[level] = (started[level][0], True)
                    case Event.LEAVES | Event.GAP | Event.MIDNIGHT:
                        at_us, held = started.pop(level)
                        assert held == happening.is_episode
                        ended_by = {"leaves": "leave"}.get(happening.event.value, happening.event.value)
                        if held:
                            yield (*level, at_us, happening.at_us, ended_by)
                    case _:
                        assert level in started
    for level, (at_us, held) in started.items():
        if held:
            yield (*level, at_us, None, None)


def as_evaluated(episode: Episode) -> tuple[object, ...]:
    ended_by = episode.ended_by.value if episode.ended_by else None
    return (episode.rule, episode.level, episode.started_at_us, episode.ended_at_us, ended_by)


def test_the_walk_tells_of_exactly_the_episodes_of_the_verdict() -> None:
    month = dirty_year()
    day = (month.measured_at_us - NOON) // (1440 * MINUTE_US)
    month = month.take((day >= 75) & (day < 100))
    wanted = [as_evaluated(v.episode) for v in judged_rows(month, np.random.default_rng(0), 1_000_000)]
    assert {ended_by for *_, ended_by in wanted} >= {"leave", "gap", "midnight"}
    with RowsInOrder() as in_order:
        in_order.take(month)
        recording = Recording(Fleet.of_ledger(LEDGER), Tally(), in_order.rows, in_order)
        found = list(episodes_of_evaluation(recording, SHIPPED))
    assert sorted(found, key=str) == sorted(wanted, key=str)


def test_explain_tells_crossing_hold_leave_and_gap_in_words(judge: Callable[..., Run]) -> None:
    run = judge(CASES / "verdicts" / "early-warning-leave-minutes", "--rules", "early-warning", "--explain", "T1")
    assert run.code == 0, run.error
    severe = [line.split(": ", 1)[1] for line in run.out.splitlines() if "1 severe heavy load: " in line]
    assert severe == [
        "crossed 90 % at 11:01, run begins, an episode at once",
        "below 85 % since 11:04, 0 of 10 min",
        "no longer below 85 %, the time to leave starts anew",
        "below 85 % since 11:12, 0 of 10 min",
        "below 85 % since 11:12, 9 of 10 min",
        "leaves at 11:11",
    ]
    run = judge(CASES / "verdicts" / "two-hours-gap-begins-anew", "--rules", "two-hours", "--explain", "T1")
    lines = [line.strip() for line in run.out.splitlines()]
    assert "two-hours@1 heavy load: held 105 of 120 min" in lines
    assert (
        "two-hours@1 heavy load: gap of 21 min cuts the run at 09:45, before it had held; at or above 80 %, run begins"
        in lines
    )
    assert lines[-1] == "two-hours@1 heavy load: held 120 of 120 min: an episode"
    run = judge(
        CASES / "verdicts" / "eight-points-midnight-before-the-leap-day", "--rules", "eight-points", "--explain", "T2"
    )
    assert "midnight cuts the run at 28 February 23:45, held only 90 of 105 min: no episode" in run.out


def test_explain_tells_doubts_and_leaves_quiet_readings_together(judge: Callable[..., Run]) -> None:
    run = judge(CASES / "verdicts" / "early-warning-frozen-meter", "--rules", "early-warning", "--explain", "T1")
    lines = [line.strip() for line in run.out.splitlines()]
    assert "14:01–14:10  10 readings, load rate at most 92.54 %: nothing happens" in lines
    assert lines[-1] == "14:12  load rate 92.54 %, worst phase — (active and reactive power); frozen values"
    zh = judge(
        CASES / "verdicts" / "two-hours-gap-begins-anew", "--rules", "two-hours", "--explain", "T1", "--language", "zh"
    )
    assert "two-hours@1 重载：读数中断 21 分钟，判定止于 09:45，未满时长；达到 80%，开始计时" in zh.out


def test_explain_as_json_has_a_line_per_reading_and_level_that_says_something(judge: Callable[..., Run]) -> None:
    run = judge(
        CASES / "verdicts" / "thirty-minutes-leave-minutes",
        *("--rules", "thirty-minutes@1", "--explain", "T1", "--json"),
    )
    assert [[event["event"] for event in line["events"]] for line in run.lines] == [
        ["begins"],
        ["holds"],
        ["held"],
        ["below"],
        ["below"],
        ["returns"],
        ["below"],
        ["leaves"],
    ]
    assert run.lines[2] == {
        "transformer_id": "T1",
        "measured_at": "2021-07-24T02:30:00Z",
        "load_rate": 0.9,
        "worst_phase_load_rate": None,
        "basis": "p_q",
        "doubts": [],
        "rule": "thirty-minutes@1",
        "level": "heavy",
        "events": [
            {
                "event": "held",
                "at": "2021-07-24T02:00:00Z",
                "minutes": 30.0,
                "of_minutes": 30.0,
                "is_episode": True,
            }
        ],
        "reason": "held 30 of 30 min: an episode",
    }
    assert run.lines[-1]["events"][0]["at"] == "2021-07-24T02:55:00Z"


def test_explain_of_a_transformer_that_nobody_knows_is_wrong_use(judge: Callable[..., Run]) -> None:
    run = judge(DIRTY, "--explain", "ZK77")
    assert (run.code, run.out) == (2, "")
    assert "the ledger knows no transformer 'ZK77'" in run.error


def test_explain_of_a_transformer_without_readings_is_a_no(judge: Callable[..., Run], tmp_path: Path) -> None:
    case = CASES / "verdicts" / "early-warning-gap"
    (tmp_path / "ledger").mkdir()
    for sheet in (case / "ledger").iterdir():
        (tmp_path / "ledger" / sheet.name).write_bytes(sheet.read_bytes())
    with (tmp_path / "ledger" / "transformers.csv").open("a", encoding="utf-8") as file:
        file.write("T9,模拟台区,S1,100,1\n")
    (tmp_path / "readings.csv").write_bytes((case / "readings.csv").read_bytes())
    run = judge(tmp_path, "--explain", "T9")
    assert run.code == 1
    assert "it holds no reading of T9" in run.error
