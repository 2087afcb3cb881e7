"""The read side: what pages and commands are told, from real stores."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from alerts.outreach.planner import AdviceKind, OutreachSettings, VisitResult
from alerts.rules.rule_set import IncidentPart, Level, Quantity, RuleSet
from alerts.silence.detection import SilenceSettings
from grid.assets import Transformer
from grid.electrical import Basis
from grid.errors import UsageError
from grid.readings import ReadingBatch
from grid.text import Text
from grid.timestamps import HOUR_US, MINUTE_US, parse_timestamp_us
from service.clock import Clock
from service.container import Container
from service.queries.answers import Curve, Freshness
from service.queries.answers_system import CollectorState
from service.queries.curve import thinned, with_gaps
from service.queries.now import level_now
from service.queries.privacy import mask_name, mask_phone
from service.queries.queries import Queries, QueryOptions
from service.response.recent import slopes_per_hour
from service.settings.settings import load_settings
from stores.journal.journal import Journal
from stores.records.records import Records
from tests.support.town import FIRST_US, INCIDENT_TRANSFORMER, NASTY_SHOP, NOW_US, SILENT_SINCE_US, Town, build_town


class Stopped:
    """A clock that stands still."""

    speed = 1.0

    def __init__(self, now_us: int) -> None:
        self.timestamp = now_us

    def now_us(self) -> int:
        """Return the same moment, always."""
        return self.timestamp


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """Return a town that no test changes."""
    return build_town(tmp_path_factory.mktemp("town"))


@pytest.fixture(scope="module")
def container(town: Town) -> Iterator[Container]:
    """Return the house of that town."""
    opened = Container(load_settings(town.config))
    yield opened
    opened.close()


def asked_at(container: Container, now_us: int, collector: CollectorState | None = None) -> Queries:
    """Return the read side at a moment that stands still."""
    clock: Clock = Stopped(now_us)
    options = QueryOptions(OutreachSettings(), SilenceSettings(5.0, 3))
    answer = (lambda: collector) if collector else None
    return Queries(container.journal_reader, container.records, container.rule_sets(), clock, options, answer)


def test_the_wall_has_the_heaviest_first_then_the_silent_then_the_others(container: Container) -> None:
    wall = asked_at(container, NOW_US).wall()
    ids = [now.transformer.transformer_id for now in wall.transformers]
    assert ids == ["YX06", "YX11", "YX07", "YX09", "YX10", "YX08"]


def test_the_wall_counts_each_transformer_once(container: Container) -> None:
    counts = asked_at(container, NOW_US).wall().counts
    assert (counts.watched, counts.overload, counts.severe_heavy, counts.heavy) == (6, 0, 1, 1)
    assert (counts.phase_only, counts.silent, counts.never_seen, counts.open_incidents) == (1, 1, 1, 1)
    assert counts.last_received_at_us == NOW_US - MINUTE_US + 800_000


def test_a_severe_heavy_transformer_below_ninety_stays_severe_until_its_episode_is_over(container: Container) -> None:
    heavy = next(t for t in asked_at(container, NOW_US).wall().transformers if t.transformer.transformer_id == "YX06")
    assert 0.85 < heavy.load_rate < 0.90
    assert heavy.level == "severe_heavy"


def test_a_silent_transformer_has_no_level_and_says_since_when(container: Container) -> None:
    silent = next(t for t in asked_at(container, NOW_US).wall().transformers if t.transformer.transformer_id == "YX09")
    assert silent.freshness is Freshness.SILENT
    assert silent.level is None
    assert silent.received_at_us is not None
    assert silent.received_at_us // MINUTE_US == SILENT_SINCE_US // MINUTE_US


def test_silence_begins_after_the_limit_and_not_at_it(container: Container) -> None:
    last = SILENT_SINCE_US + 800_000
    limit = last + 15 * MINUTE_US
    for now_us, expected in ((limit, Freshness.FRESH), (limit + 1, Freshness.SILENT)):
        found = asked_at(container, now_us).wall().transformers
        assert next(t for t in found if t.transformer.transformer_id == "YX09").freshness is expected


def test_readings_that_arrive_now_but_were_measured_long_ago_are_not_taken_for_now(tmp_path: Path) -> None:
    town = build_town(tmp_path)
    with Journal.open_writer(town.folder / "data" / "journal.sqlite") as journal:
        number = journal.numbers(["YX10"])["YX10"]
        old = NOW_US - 3 * HOUR_US
        journal.append(ReadingBatch.of([number], [old], received_at_us=[NOW_US], active_power_kw=[100.0]))
    container = Container(load_settings(town.config))
    found = asked_at(container, NOW_US).wall()
    late = next(t for t in found.transformers if t.transformer.transformer_id == "YX10")
    assert late.freshness is Freshness.OLD
    assert late.level is None
    assert found.counts.silent == 2
    container.close()


def test_a_rate_from_active_power_alone_is_marked_as_such(container: Container) -> None:
    found = asked_at(container, NOW_US).wall().transformers
    assert next(t for t in found if t.transformer.transformer_id == "YX08").basis is Basis.ACTIVE_ONLY


def test_a_transformer_with_one_heavy_phase_says_which(container: Container) -> None:
    found = next(t for t in asked_at(container, NOW_US).wall().transformers if t.transformer.transformer_id == "YX11")
    assert found.level is None
    assert found.phase_level == "phase_severe_heavy"
    assert found.worst_phase is not None
    assert found.worst_phase.value == "B"


def test_a_falling_transformer_has_a_falling_trend_and_a_silent_one_none(container: Container) -> None:
    trend = {t.transformer.transformer_id: t.trend_per_hour for t in asked_at(container, NOW_US).wall().transformers}
    assert trend["YX06"] < -0.15
    assert math.isnan(trend["YX09"])


def test_monitoring_is_blind_when_nothing_has_been_received_for_long(container: Container) -> None:
    well = asked_at(container, NOW_US).wall()
    blind = asked_at(container, NOW_US + 2 * HOUR_US).wall()
    assert well.alarms == ()
    assert "监测中断" in blind.alarms[0].zh
    assert all(t.freshness is not Freshness.FRESH for t in blind.transformers)
    assert blind.counts.severe_heavy == 0


@pytest.fixture
def lost_town(tmp_path: Path) -> Iterator[Container]:
    """Return the house of a town with a second feeder of nine, of which six fell silent 20 minutes ago."""
    town = build_town(tmp_path)
    ids = [f"YX2{n}" for n in range(9)]
    more = tuple(Transformer(i, f"城东 {i}", "YX", 315.0, "G02", "F2") for i in ids)
    opened = Container(load_settings(town.config))
    ledger = replace(town.ledger, transformers=town.ledger.transformers + more)
    opened.records.replace_ledger(ledger, by="test", now_us=FIRST_US)
    with Journal.open_writer(opened.settings.journal_file) as journal:
        numbers = journal.numbers(ids)
        for n, i in enumerate(ids):
            at_us = NOW_US - (20 if n < 6 else 1) * MINUTE_US
            journal.append(ReadingBatch.of([numbers[i]], [at_us], received_at_us=[at_us], active_power_kw=[100.0]))
    yield opened
    opened.close()


def test_a_lost_feeder_is_one_line_and_covers_its_silent_transformers(lost_town: Container) -> None:
    wall = asked_at(lost_town, NOW_US).wall()
    (alarm,) = wall.alarms
    assert "线路 F2：9 个台区中 6 个无数据" in alarm.zh
    assert [t.lost_feeder for t in wall.transformers[-6:]] == ["F2"] * 6
    single = next(t for t in wall.transformers if t.transformer.transformer_id == "YX09")
    assert single.lost_feeder == ""
    assert wall.counts.silent == 7
    system = asked_at(lost_town, NOW_US).system()
    assert [t.transformer.transformer_id for t in system.silent] == ["YX09"]
    assert (system.covered, [f.feeder_id for f in system.lost_feeders]) == (6, ["F2"])


def test_a_feeder_is_not_lost_while_fewer_than_five_are_silent(container: Container) -> None:
    assert asked_at(container, NOW_US).system().lost_feeders == ()


def test_blind_monitoring_is_one_line_and_covers_feeders_and_transformers(lost_town: Container) -> None:
    queries = asked_at(lost_town, NOW_US + 2 * HOUR_US)
    wall, system = queries.wall(), queries.system()
    (alarm,) = wall.alarms
    assert "监测中断" in alarm.zh
    assert not [t for t in wall.transformers if t.lost_feeder]
    assert (system.silent, system.lost_feeders, system.covered) == ((), (), 14)


def test_a_collector_that_does_not_answer_is_an_alarm(container: Container) -> None:
    away = asked_at(container, NOW_US, CollectorState(False, False, ())).wall()
    sick = asked_at(container, NOW_US, CollectorState(True, False, (("reasons", "disk full"),))).wall()
    well = asked_at(container, NOW_US, CollectorState(True, True, ())).wall()
    assert [len(wall.alarms) for wall in (away, sick, well)] == [1, 1, 0]
    assert away.alarms != sick.alarms


def test_without_a_journal_every_transformer_was_never_seen(tmp_path: Path, town: Town) -> None:
    with Records(f"sqlite:///{tmp_path / 'records.sqlite'}") as records:
        records.migrate()
        records.replace_ledger(town.ledger, by="test", now_us=FIRST_US)
        rules = Container(load_settings(town.config)).rule_sets()
        queries = Queries(lambda: None, records, rules, Stopped(NOW_US), QueryOptions(OutreachSettings()))
        wall = queries.wall()
        assert wall.counts.never_seen == 6
        assert len(wall.alarms) == 1
        assert len(queries.curve("YX06", FIRST_US, NOW_US)) == 0
        assert queries.rejects() == ()


def test_the_curve_has_every_reading_of_its_span_and_no_other(container: Container) -> None:
    from_us, to_us = parse_timestamp_us("2021-07-24T10:00:00+08:00"), parse_timestamp_us("2021-07-24T10:59:00+08:00")
    curve = asked_at(container, NOW_US).curve("YX06", from_us, to_us)
    assert len(curve) == 60
    assert curve.measured_at_us[0] == from_us
    assert curve.measured_at_us[-1] == to_us
    assert np.all(curve.worst_phase_load_rate > curve.load_rate)


def test_a_curve_of_steps_tells_each_step_by_its_heaviest_reading_at_its_own_time(container: Container) -> None:
    queries = asked_at(container, NOW_US)
    whole = queries.curve("YX06", FIRST_US, NOW_US)
    steps = queries.curve("YX06", FIRST_US, NOW_US, 15 * MINUTE_US)
    assert len(steps) == math.ceil((NOW_US - FIRST_US) / (15 * MINUTE_US))
    assert steps.load_rate.max() == whole.load_rate.max()
    rate_at = dict(zip(whole.measured_at_us.tolist(), whole.load_rate.tolist(), strict=True))
    assert all(rate_at[m] == r for m, r in zip(steps.measured_at_us.tolist(), steps.load_rate.tolist(), strict=True))


@pytest.mark.parametrize("seed", range(20))
def test_thinning_agrees_with_its_slow_twin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    curve = _random_curve(rng, int(rng.integers(0, 60)))
    quick = thinned(curve, 5 * MINUTE_US)
    slow: dict[int, tuple[int, float]] = {}
    for timestamp, rate in zip(curve.measured_at_us.tolist(), curve.load_rate.tolist(), strict=True):
        step = timestamp // (5 * MINUTE_US)
        if step not in slow or (not math.isnan(rate) and not slow[step][1] >= rate):
            slow[step] = (timestamp, rate)
    assert quick.measured_at_us.tolist() == [timestamp for timestamp, _ in slow.values()]
    np.testing.assert_array_equal(quick.load_rate, np.array([rate for _, rate in slow.values()]))


def test_a_hole_longer_than_the_limit_breaks_the_line_and_a_shorter_one_does_not(container: Container) -> None:
    curve = asked_at(container, NOW_US).curve("YX08", FIRST_US, NOW_US)
    drawn = with_gaps(curve, 20 * MINUTE_US)
    broken = np.flatnonzero(np.isnan(drawn.load_rate))
    assert len(broken) == 1
    assert drawn.measured_at_us[broken[0]] < parse_timestamp_us("2021-07-24T09:00:00+08:00")
    assert np.all(np.diff(drawn.measured_at_us) > 0)
    assert with_gaps(curve, 61 * MINUTE_US) is curve


def test_a_curve_of_an_unknown_transformer_names_those_there_are(container: Container) -> None:
    with pytest.raises(UsageError, match="YX06"):
        asked_at(container, NOW_US).curve("YX99", FIRST_US, NOW_US)


def test_the_incident_page_has_reason_list_doors_advice_and_curve(container: Container, town: Town) -> None:
    page = asked_at(container, NOW_US).incident(town.incident.incident_id)
    assert "early-warning@1" in page.reason.zh
    assert page.outreach is not None
    assert replace(page.outreach, reason=town.outreach.reason) == town.outreach
    assert [row.door for row in page.doors] == list(town.outreach.doors)
    assert page.advice is not None
    assert page.advice.kind in (AdviceKind.CONTINUE, AdviceKind.MORE_DOORS)
    assert page.curve.measured_at_us[0] >= town.incident.opened_at_us - HOUR_US
    assert {mark.kind for mark in page.marks} == {"incident", "agreed", "refused", "done"}


def test_progress_counts_doors_and_kilowatts(container: Container, town: Town) -> None:
    progress = asked_at(container, NOW_US).incident(town.incident.incident_id).row.progress
    assert progress is not None
    doors = town.outreach.doors
    assert (progress.doors, progress.answered, progress.agreed) == (len(doors), 3, 2)
    assert progress.agreed_kw == pytest.approx(doors[0].offer_kw + doors[2].offer_kw)
    assert progress.open_kw == pytest.approx(sum(d.expected_relief_kw for d in doors[3:]))
    assert progress.needed_kw == pytest.approx(town.outreach.needed_kw)


def test_no_answer_of_the_read_side_holds_a_phone_or_a_full_name_of_a_contact(container: Container, town: Town) -> None:
    queries = asked_at(container, NOW_US)
    answers = repr(
        (
            queries.wall(),
            queries.incident(town.incident.incident_id),
            queries.transformer("YX06", FIRST_US, NOW_US),
            queries.my_list("P1"),
            queries.people(),
            queries.system(),
            queries.rejects(),
        )
    )
    personal = [v for m in town.ledger.merchants for v in (m.phone, m.contact_name)]
    personal += [person.phone for person in town.ledger.people]
    assert all(value not in answers for value in personal)
    assert "139****0001" in answers
    assert NASTY_SHOP in answers.replace("\\'", "'")


def test_an_incident_is_found_by_a_part_that_only_it_has(container: Container, town: Town) -> None:
    queries = asked_at(container, NOW_US)
    assert queries.find_incident(town.incident.incident_id[-6:]) == town.incident
    for wrong in ("", "no-such"):
        with pytest.raises(UsageError):
            queries.find_incident(wrong)


def test_my_list_holds_my_doors_and_nobody_elses(container: Container, town: Town) -> None:
    queries = asked_at(container, NOW_US)
    mine = [row.door.merchant_id for part in queries.my_list("P1").incidents for row in part.doors]
    theirs = [row.door.merchant_id for part in queries.my_list("P2").incidents for row in part.doors]
    assert mine
    assert theirs
    assert not set(mine) & set(theirs)
    assert sorted(mine + theirs) == sorted(d.merchant_id for d in town.outreach.doors)
    assert queries.my_list("P5").incidents == ()
    with pytest.raises(UsageError):
        queries.my_list("nobody")


def test_the_newest_answer_of_a_door_counts(tmp_path: Path) -> None:
    town = build_town(tmp_path)
    container = Container(load_settings(town.config))
    first = town.outreach.doors[0].merchant_id
    container.visit_recorder.record_visit(town.incident.incident_id, first, VisitResult.REFUSED, "P2")
    row = container.queries.incident(town.incident.incident_id).doors[0]
    assert row.result is VisitResult.REFUSED
    assert row.result_by_name == "模拟乙"
    container.close()


def test_a_second_revision_keeps_the_answered_doors_of_the_first(tmp_path: Path) -> None:
    from stores.records.changes import Changes

    town = build_town(tmp_path)
    container = Container(load_settings(town.config))
    rest = tuple(replace(d, order=i) for i, d in enumerate(town.outreach.doors[3:], 1))
    second = replace(town.outreach, revision=2, needed_kw=5.0, doors=rest)
    container.records.commit(Changes(lists=(second,)))
    page = container.queries.incident(town.incident.incident_id)
    assert [row.revision for row in page.doors] == [2] * len(rest) + [1] * 3
    assert page.row.progress is not None
    assert page.row.progress.needed_kw == pytest.approx(5.0 + page.row.progress.agreed_kw)
    container.close()


def test_rejects_come_with_their_reason_in_words(container: Container) -> None:
    newest, older = asked_at(container, NOW_US).rejects()
    assert (newest.reason, older.reason) == ("time_without_offset", "unknown_transformer")
    assert "+08:00" in newest.words.zh
    assert newest.words.en != newest.reason


def test_the_system_page_counts_what_is_stored(container: Container) -> None:
    system = asked_at(container, NOW_US).system()
    assert system.readings == 320 + 320 + 260 + 221 + 320
    assert system.rejects == 2
    assert [t.transformer.transformer_id for t in system.silent] == ["YX09"]
    assert [t.transformer_id for t in system.never_seen] == ["YX10"]
    assert (system.messages_waiting, system.messages_dead) == (1, 0)


def test_the_transformer_page_states_rules_people_and_merchants(container: Container, town: Town) -> None:
    page = asked_at(container, NOW_US).transformer(INCIDENT_TRANSFORMER, FIRST_US, NOW_US)
    assert [row.incident for row in page.incidents] == [town.incident]
    assert (page.merchants, page.protected_merchants) == (9, 1)
    assert {person.person_id for person in page.team} == {"P1", "P2", "P3"}
    assert any(line.calls_people and "90" in line.words.zh for line in page.rules)


@pytest.mark.parametrize(
    ("load_rate", "still_open", "expected"),
    [
        (0.8999999, (), None),
        (0.9, (), "high"),
        (0.9000001, (), "high"),
        (0.86, ("high",), "high"),
        (1.2, ("high",), "high"),
        (math.nan, (), None),
        (math.nan, ("high",), "high"),
    ],
)
def test_a_level_is_entered_exactly_at_its_line(load_rate: float, still_open: tuple[str, ...], expected: str) -> None:
    slow = Level("slow", Quantity.LOAD_RATE, 1.0, 1.0, hold_minutes=120)
    high = Level("high", Quantity.LOAD_RATE, 0.9, 0.85, incident=IncidentPart.OPENS)
    phase = Level("phase", Quantity.WORST_PHASE_LOAD_RATE, 0.1, 0.1)
    rules = RuleSet("x", 1, Text("甲", "x"), "test", (slow, high, phase))
    assert level_now(rules, Quantity.LOAD_RATE, load_rate, frozenset(still_open)) == expected


@pytest.mark.parametrize("seed", range(10))
def test_slopes_agree_with_a_fitted_line(seed: int) -> None:
    rng = np.random.default_rng(seed)
    transformer = rng.integers(0, 4, 40).astype(np.int32)
    measured = np.sort(rng.integers(0, HOUR_US, 40)) + NOW_US
    rate = rng.normal(0.8, 0.1, 40)
    rate[rng.random(40) < 0.2] = np.nan
    found = slopes_per_hour(ReadingBatch.of(transformer, measured), rate)
    for number in range(4):
        own = (transformer == number) & ~np.isnan(rate)
        if own.sum() >= 2:
            hours = (measured[own] - NOW_US) / HOUR_US
            assert found[number] == pytest.approx(np.polyfit(hours, rate[own], 1)[0], rel=1e-6)


def test_one_timestamp_has_no_slope() -> None:
    batch = ReadingBatch.of([1, 1, 2], [NOW_US, NOW_US, NOW_US])
    assert slopes_per_hour(batch, np.array([0.8, 0.9, np.nan])) == {}


@pytest.mark.parametrize(
    ("phone", "masked"),
    [
        ("13812345678", "138****5678"),
        ("+86 138 1234 5678", "138****5678"),
        ("010-66668888", "010****8888"),
        ("66668888", "****88"),
        ("1380", "****"),
        ("", ""),
        ("无", ""),
        ("１３８１２３４５６７８", ""),
    ],
)
def test_a_masked_phone_cannot_be_called(phone: str, masked: str) -> None:
    assert mask_phone(phone) == masked


@pytest.mark.parametrize(("name", "masked"), [("王小明", "王**"), ("李", "李*"), ("", ""), ("欧阳小明明明", "欧***")])
def test_a_masked_name_keeps_its_first_letter(name: str, masked: str) -> None:
    assert mask_name(name) == masked


def _random_curve(rng: np.random.Generator, rows: int) -> Curve:
    timestamps = np.sort(rng.choice(np.arange(NOW_US, NOW_US + HOUR_US, MINUTE_US), rows, replace=False))
    rate = rng.choice([0.5, 0.6, 0.7, np.nan], rows)
    nothing = np.full(rows, np.nan)
    return Curve(
        "X", timestamps, rate, np.full((rows, 3), np.nan), nothing, nothing, np.zeros(rows, np.int8), nothing, nothing,
        np.full((rows, 3), np.nan), nothing,
    )  # fmt: skip
