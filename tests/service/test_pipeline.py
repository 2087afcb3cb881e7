"""The pipeline on real stores: what a set of readings says does not depend on how and when it came."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alerts.model.incidents import Incident, IncidentEventKind, IncidentState
from alerts.notification.throttling import ThrottlingSettings
from alerts.outreach.planner import OutreachSettings, Visit, VisitResult
from alerts.silence.detection import SilenceSettings
from collector.decoding.plausibility import Limits
from collector.message import Message
from collector.wire.format import encode_reading, reading_topic
from grid.assets import (
    Appliance,
    ApplianceKind,
    CustomerLink,
    Ledger,
    Merchant,
    Person,
    Rating,
    Role,
    ServiceGrid,
    Station,
    Transformer,
)
from grid.timestamps import HOUR_US, MINUTE_US, SECOND_US, format_utc
from service.collecting.pipeline import Pipeline, PipelineOptions
from service.metrics.metrics import Metrics
from service.rulebook import choose_rule_sets, read_rule_sets
from stores.journal.journal import Journal
from stores.records import database
from stores.records.records import Records

NOON = 1_627_099_200_000_000
TRANSFORMERS = ("T1", "T2", "T3")


def a_town() -> Ledger:
    """Three transformers of 400 kVA; below T1 a street of sixty shops, one of them protected."""
    shops = tuple(
        Merchant(f"M{i:02}", f"模拟商户 {i}", "T1", category="shop", walk_order=i, protected=i == 3)
        for i in range(1, 61)
    )
    return Ledger(
        stations=(Station("S1", "模拟供电所", "Asia/Shanghai"),),
        grids=(ServiceGrid("G1", "模拟网格", "S1"),),
        transformers=tuple(Transformer(t, t, "S1", 400.0, "G1") for t in TRANSFORMERS),
        people=(Person("P1", "模拟队员 1", Role.MEMBER, "G1"), Person("P2", "模拟队员 2", Role.MEMBER, "G1")),
        merchants=shops,
        appliances=tuple(Appliance(s.merchant_id, ApplianceKind.AIR_CONDITIONER, 3, 3.0, 2, 22.0) for s in shops),
    )


class Station1:
    """One installation in a folder: it can be restarted, and asked what it recorded."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records = Records(f"sqlite:///{folder / 'records.sqlite'}")
        self.records.migrate()
        self.records.replace_ledger(a_town(), "test", NOON)
        self.acknowledged: list[Message] = []
        self.rules: tuple[str, ...] = ("early-warning", "two-hours", "eight-points")
        self._open(NOON)

    def _open(self, now_us: int) -> None:
        self.now_us = now_us
        self.journal = Journal.open_writer(self.folder / "journal.sqlite")
        options = PipelineOptions(
            rule_sets=choose_rule_sets(self.rules, read_rule_sets()),
            gap_minutes=20.0,
            limits=Limits(measured_age_hours_max=None, measured_ahead_minutes_max=5.0),
            outreach=OutreachSettings(),
            silence=SilenceSettings(slot_minutes=5.0, silent_slots=3),
            channels=("file",),
            throttling=ThrottlingSettings(),
        )
        self.pipeline = Pipeline(self.journal, self.records, options, Metrics(), self.acknowledged.extend, now_us)

    def restart(self, now_us: int = NOON, *, cleanly: bool = False) -> None:
        """Stop without a word, as a crash does, or cleanly, and begin again."""
        if cleanly:
            self.pipeline.close()
        self.pipeline._checkpoints.close()
        self.journal.close()
        self._open(now_us)

    def tick(self, readings: list[tuple[Any, ...]], now_us: int | None = None) -> None:
        """Send (transformer, minute after noon, load rate[, seq]) as one block, received as the newest is measured."""
        received_us = now_us if now_us is not None else NOON + max(reading[1] for reading in readings) * MINUTE_US
        self.now_us = received_us
        self.pipeline.tick([message(received_us, *reading) for reading in readings], received_us)

    def a_second_later(self) -> None:
        """Let a second pass, after which the records say of open incidents what their newest readings say."""
        self.now_us += SECOND_US
        self.pipeline.look(self.now_us)

    def told(self, minute: int) -> list[str]:
        """Let half a minute pass after a minute past noon, and return the kinds of remark that were told by then."""
        self.pipeline.look(NOON + minute * MINUTE_US + 31_000_000)
        return [event.kind for event in self.records.told_since(0)]

    def close(self) -> None:
        """Close the stores."""
        self.pipeline._checkpoints.close()
        self.journal.close()
        self.records.close()

    def incident(self) -> Incident:
        """Return the only incident."""
        (found,) = self.records.incidents()
        return found


def message(received_us: int, transformer_id: str, minute: int, rate: float, seq: int | None = None) -> Message:
    """One reading of a 400 kVA transformer as its device sends it."""
    measured_at = format_utc(NOON + minute * MINUTE_US)
    payload = encode_reading(measured_at, active_power_kw=rate * 400.0, reactive_power_kvar=0.0, seq=seq)
    return Message(
        reading_topic("S1", transformer_id), payload, received_us, mid=minute + 1, qos=1, epoch=1, retained=False
    )


@pytest.fixture
def station(tmp_path: Path) -> Any:
    """A fresh installation."""
    made = Station1(tmp_path)
    yield made
    made.close()


def test_a_heavy_hour_opens_an_incident_makes_a_list_tells_people_and_closes(station: Any) -> None:
    for minute, rate in enumerate([0.85, 0.88, 0.91, 0.93]):
        station.tick([("T1", minute, rate)])
    incident = station.incident()
    assert (incident.state, incident.level, incident.opened_load_rate) == (IncidentState.OPEN, "severe_heavy", 0.91)
    outreach = station.records.outreach(incident.incident_id)
    assert outreach is not None and outreach.needed_kw > 0
    assert "M03" not in {door.merchant_id for door in outreach.doors}
    assert set(station.told(3)) == {"incident_opened", "incident_list"}
    assert len(station.records.messages(10)) == 1
    for minute in range(4, 20):
        station.tick([("T1", minute, 0.7)])
    incident = station.incident()
    assert incident.state is IncidentState.CLOSED
    assert NOON + 3 * MINUTE_US < incident.closed_at_us < NOON + 4 * MINUTE_US
    kinds = [event.kind for event in station.records.events(incident.incident_id)]
    assert kinds.count(IncidentEventKind.OPENED) == kinds.count(IncidentEventKind.CLOSED) == 1


def test_every_message_is_acknowledged_and_only_after_its_reading_is_stored(station: Any) -> None:
    station.tick([("T1", 0, 0.5), ("T9", 0, 0.5)])
    assert [m.topic for m in station.acknowledged] == [reading_topic("S1", "T1"), reading_topic("S1", "T9")]
    assert len(station.journal.latest()) == 1
    assert [r.reason for r in station.journal.rejects(10)] == ["unknown_transformer"]


def test_a_refusal_brings_more_doors_and_silence_makes_the_incident_blind(station: Any) -> None:
    station.tick([("T1", 0, 0.95)])
    incident_id = station.incident().incident_id
    first = station.records.outreach(incident_id)
    for i, door in enumerate(first.doors):
        station.records.record_visit(Visit(incident_id, door.merchant_id, VisitResult.REFUSED, NOON + i, "P1"), "P1")
    station.pipeline.look(NOON + MINUTE_US)
    second = station.records.outreach(incident_id)
    assert second.revision == 2
    assert not {d.merchant_id for d in first.doors} & {d.merchant_id for d in second.doors}
    station.pipeline.look(NOON + 16 * MINUTE_US)
    assert station.incident().blind and station.incident().state is IncidentState.OPEN
    station.tick([("T1", 17, 0.95)])
    assert not station.incident().blind


def test_history_is_recorded_but_nobody_is_called(station: Any) -> None:
    now_us = NOON + 30 * HOUR_US
    for minute, rate in enumerate([0.85, 0.95, 1.01]):
        station.tick([("T1", minute, rate)], now_us)
    assert station.incident().level == "overload"
    assert station.records.outreach(station.incident().incident_id) is not None
    station.pipeline.look(now_us + MINUTE_US)
    assert station.records.messages(10) == ()


def test_a_late_reading_merges_two_incidents_and_says_so(station: Any) -> None:
    rates = {0: 0.92, **{m: 0.8 for m in range(1, 15)}, 15: 0.93, 16: 0.94}
    del rates[6]
    for minute, rate in rates.items():
        station.tick([("T1", minute, rate)])
    assert len(station.records.incidents()) == 2
    station.tick([("T1", 6, 0.87)], NOON + 17 * MINUTE_US)
    states = {i.first_reading_at_us: i.state for i in station.records.incidents()}
    assert states == {NOON: IncidentState.OPEN, NOON + 15 * MINUTE_US: IncidentState.RETRACTED}
    first = next(i for i in station.records.incidents() if i.state is IncidentState.OPEN)
    (revised,) = [e for e in station.records.events(first.incident_id) if e.kind is IncidentEventKind.REVISED]
    assert "12:17 补到 1 条读数" in revised.detail_zh and "by 1 late reading received" in revised.detail_en


def a_dirty_day(seed: int) -> list[tuple[str, int, float]]:
    """Three transformers wandering around the lines, with holes."""
    random = np.random.default_rng(seed)
    readings = []
    for transformer_id in TRANSFORMERS:
        rate, minute = 0.85, 0
        while minute < 600:
            minute += int(random.choice([1, 1, 2, 5, 15, 25], p=[0.5, 0.2, 0.1, 0.1, 0.07, 0.03]))
            rate = float(np.clip(rate + random.normal(0, 0.03), 0.5, 1.2))
            readings.append((transformer_id, minute, round(rate, 4)))
    return readings


def what_stands(station: Station1) -> tuple[set[Any], set[Any]]:
    """Episodes and incidents as recorded, without what depends on when they were looked at."""
    station.a_second_later()
    incidents = {replace(i, blind=False) for i in station.records.incidents() if i.state is not IncidentState.RETRACTED}
    episodes = {replace(e, **_still_open(e)) for e in station.records.episodes()}
    return episodes, incidents


def _still_open(episode: Any) -> Any:
    # Of an open episode the records hold its beginning; peak and count are written when it ends.
    return {} if episode.ended_by else {"peak_load_rate": 0.0, "peak_at_us": 0, "readings": 0}


@pytest.mark.parametrize("seed", range(6))
def test_order_duplicates_blocks_and_crashes_change_no_verdict(tmp_path: Path, seed: int) -> None:
    readings = a_dirty_day(seed)
    end_us = NOON + 700 * MINUTE_US
    (tmp_path / "orderly").mkdir()
    (tmp_path / "dirty").mkdir()
    orderly, dirty = Station1(tmp_path / "orderly"), Station1(tmp_path / "dirty")
    orderly.tick(sorted(readings, key=lambda r: r[1]), end_us)
    random = np.random.default_rng(seed + 100)
    mixed = [readings[i] for i in random.permutation(len(readings))]
    mixed += [readings[i] for i in random.integers(0, len(readings), 50)]
    corrections = [(t, minute, round(rate + 0.05, 4), 2) for t, minute, rate in readings[::97]]
    orderly.tick(corrections, end_us)
    for correction in corrections:
        mixed.insert(int(random.integers(0, len(mixed))), correction)
    at = 0
    while at < len(mixed):
        size = int(random.integers(1, 120))
        dirty.tick(mixed[at : at + size], end_us)
        at += size
        if random.random() < 0.3:
            dirty.restart(end_us, cleanly=random.random() < 0.5)
    assert what_stands(dirty) == what_stands(orderly)
    assert len(what_stands(orderly)[0]) > 10
    orderly.close()
    dirty.close()


def test_a_spike_of_the_meter_opens_no_incident_but_asks_to_check_the_meter(station: Any) -> None:
    for minute, rate in enumerate([0.5, 0.51, 2.4, 0.52, 0.5]):
        station.tick([("T1", minute, rate)])
    assert station.records.incidents() == ()
    assert station.told(4) == ["check_the_meter"]
    assert "severe_heavy" in {e.level for e in station.records.episodes()}


def test_a_ratio_that_may_never_have_been_right_is_told_once_though_the_doubt_begins_twice(station: Any) -> None:
    rates = [0.0055 - 0.0018 * math.cos(2 * math.pi * i / 96) + 1e-5 * (i % 7) for i in range(96 * 5)]
    rates[200] = 0.02
    for quarter in range(0, len(rates), 12):
        block = [("T1", 15 * i, rates[i]) for i in range(quarter, quarter + 12)]
        station.tick(block)
        station.a_second_later()
    station.pipeline.look(NOON + 96 * 5 * 15 * MINUTE_US + MINUTE_US)
    told = [event for event in station.records.told_since(0) if event.kind == "check_the_meter"]
    assert [event.key for event in told] == ["T1/ALWAYS_OFF/1 400"]
    assert station.records.incidents() == ()


def test_a_frozen_meter_is_told_and_leaves_its_incident_open(station: Any) -> None:
    rates = [0.9 + 0.001 * i for i in range(5)] + [0.83, 0.9, *[0.7] * 30]
    for minute, rate in enumerate(rates):
        station.tick([("T1", minute, rate)])
    closed = station.incident()
    assert closed.state is IncidentState.CLOSED
    station.tick([("T1", 60, 0.95)])
    for minute in range(61, 90):
        station.tick([("T1", minute, 0.95)])
    reopened = max(station.records.incidents(), key=lambda i: i.opened_at_us)
    assert reopened.state is IncidentState.OPEN
    assert station.told(95).count("check_the_meter") == 2


def test_a_reading_is_judged_with_the_rating_of_its_own_time(station: Any) -> None:
    ratings = (Rating("T1", 0, 200.0), Rating("T1", NOON + 10 * MINUTE_US, 400.0))
    station.records.replace_ledger(replace(a_town(), ratings=ratings), "test", NOON)
    station.pipeline.look(NOON)
    station.tick([("T1", minute, 0.48) for minute in range(9, 25)])
    (episode,) = [e for e in station.records.episodes() if e.level == "severe_heavy"]
    assert (episode.first_reading_at_us, episode.readings) == (NOON + 9 * MINUTE_US, 1)


@pytest.mark.parametrize("while_running", [True, False])
def test_a_corrected_rating_judges_all_its_readings_again(station: Any, while_running: bool) -> None:
    station.tick([("T1", minute, 0.95) for minute in range(30)])
    assert station.incident().state is IncidentState.OPEN
    corrected = tuple(replace(t, rated_power_kva=800.0) for t in a_town().transformers)
    station.records.replace_ledger(replace(a_town(), transformers=corrected), "test", NOON)
    if while_running:
        station.pipeline.look(NOON + 30 * MINUTE_US)
    else:
        station.restart(NOON + 30 * MINUTE_US, cleanly=True)
    assert station.incident().state is IncidentState.RETRACTED
    assert station.records.episodes() == ()


def test_when_nothing_comes_any_more_the_whole_stream_is_told_once_and_single_incidents_are_not(station: Any) -> None:
    station.tick([(t, 0, 0.95) for t in TRANSFORMERS])
    station.told(0)
    for minute in range(1, 40):
        station.pipeline.look(NOON + minute * MINUTE_US)
    assert [i.blind for i in station.records.incidents()] == [True] * 3
    kinds = station.told(40)
    assert (kinds.count("monitoring_blind"), kinds.count("incident_blind")) == (1, 0)
    station.restart(NOON + 41 * MINUTE_US)
    station.tick([(t, 42, 0.95) for t in TRANSFORMERS])
    station.told(42)
    assert station.told(43).count("monitoring_blind") == 2
    assert not any(i.blind for i in station.records.incidents())


def test_forty_incidents_at_once_are_one_sentence_and_all_of_them_are_told(tmp_path: Path) -> None:
    ids = [f"X{i:02}" for i in range(40)]
    ledger = replace(a_town(), transformers=tuple(Transformer(t, t, "S1", 400.0, "G1") for t in (*TRANSFORMERS, *ids)))
    station = Station1(tmp_path)
    station.records.replace_ledger(ledger, "test", NOON)
    station.pipeline.look(NOON)
    station.tick([(t, 1, 0.93) for t in ids])
    kinds = station.told(1)
    assert kinds.count("incident_opened") == 40
    assert len(station.records.messages(50)) == 1
    station.close()


def test_what_waits_to_be_said_survives_a_crash_and_is_said_once(station: Any) -> None:
    station.tick([("T1", 0, 0.95)])
    station.restart(NOON + 1_000_000)
    assert station.told(0).count("incident_opened") == 1
    station.restart(NOON + MINUTE_US)
    assert station.told(5).count("incident_opened") == 1


def test_the_list_asks_those_who_hang_on_the_transformer_at_that_time(station: Any) -> None:
    moved = tuple(CustomerLink(f"M{i:02}", 0, "T1") for i in range(1, 31))
    moved += tuple(CustomerLink(f"M{i:02}", NOON + HOUR_US, "T2") for i in range(1, 31))
    merchants = tuple(replace(m, transformer_id="T2") if m.merchant_id <= "M30" else m for m in a_town().merchants)
    station.records.replace_ledger(replace(a_town(), merchants=merchants, links=moved), "test", NOON)
    station.pipeline.look(NOON)
    station.tick([("T1", 0, 0.95), ("T2", 0, 0.95)])
    early = {i.transformer_id: station.records.outreach(i.incident_id) for i in station.records.incidents()}
    assert any(door.merchant_id <= "M30" for door in early["T1"].doors)
    assert early["T2"].doors == ()
    for minute in range(1, 12):
        station.tick([("T1", minute, 0.5)])
    station.tick([("T1", 90, 0.95)])
    later = max(station.records.incidents(), key=lambda i: i.opened_at_us)
    assert not any(door.merchant_id <= "M30" for door in station.records.outreach(later.incident_id).doors)


def test_other_rules_judge_everything_again(station: Any) -> None:
    station.tick([("T1", minute, 0.85) for minute in range(0, 60)])
    assert {e.rule for e in station.records.episodes()} == {"early-warning@1"}
    station.rules = ("early-warning", "thirty-minutes")
    station.restart(NOON + HOUR_US, cleanly=True)
    assert {e.rule for e in station.records.episodes()} == {"early-warning@1", "thirty-minutes@2"}
    station.rules = ("thirty-minutes",)
    station.restart(NOON + HOUR_US)
    assert {e.rule for e in station.records.episodes()} == {"thirty-minutes@2"}


def test_readings_that_were_stored_and_not_judged_are_judged_when_the_records_answer_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_BUSY_TIMEOUT_SECONDS", 0.1)
    station = Station1(tmp_path)
    station.tick([("T1", minute, 0.95) for minute in (0, 1, 4, 5)])
    with closing(sqlite3.connect(tmp_path / "records.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        station.tick([("T1", 2, 0.5), ("T2", 6, 0.97)], NOON + 6 * MINUTE_US)
        assert len(station.acknowledged) == 6
        report = station.pipeline._metrics.report()
        assert (report.stored, report.late) == (6, 1)
        other.execute("ROLLBACK")
    station.tick([("T1", 7, 0.96)])
    assert {(i.transformer_id, i.state) for i in station.records.incidents()} == {
        ("T1", IncidentState.OPEN),
        ("T2", IncidentState.OPEN),
    }
    judged = what_stands(station)
    station.close()
    (tmp_path / "orderly").mkdir()
    orderly = Station1(tmp_path / "orderly")
    told = [(0, 0.95), (1, 0.95), (2, 0.5), (4, 0.95), (5, 0.95), (7, 0.96)]
    orderly.tick([*(("T1", *one) for one in told), ("T2", 6, 0.97)])
    assert judged == what_stands(orderly)
    orderly.close()
