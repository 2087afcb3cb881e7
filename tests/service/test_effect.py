"""`redvest effect`: an incident, its waves and its doors, each with what can be said of it and no more."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alerts.effect.scopes import APART_US, DOOR_US, Scope, scope_windows
from alerts.model.outreach_model import OutreachList, Visit, VisitResult
from grid.readings import ReadingBatch
from grid.timestamps import DAY_US, MINUTE_US
from service.cli import main
from service.container import Container
from service.settings.settings import load_settings
from stores.journal.journal import Journal
from tests.support.town import FIRST_US, INCIDENT_TRANSFORMER, RATED_KVA, Town, build_town

FIELDS = [
    *("scope", "incident_id", "wave", "merchant_id", "transformer_id", "from", "to", "measured_kw", "baseline_kw"),
    *("low_kw", "high_kw", "saving_kw", "saving_low_kw", "saving_high_kw", "verdict", "method", "placebo_windows"),
    *("placebo_bias", "placebo_mape", "placebo_coverage", "smallest_shown_kw", "reason"),
]


@pytest.fixture
def town(tmp_path: Path) -> Town:
    """Return the small town with thirty ordinary days before its incident."""
    built = build_town(tmp_path)
    random = np.random.default_rng(2)
    with Journal.open_writer(tmp_path / "data" / "journal.sqlite") as journal:
        number = journal.numbers([INCIDENT_TRANSFORMER])[INCIDENT_TRANSFORMER]
        hours = np.arange(0, 24, 0.25)
        shape = np.interp(hours, [0, 6, 8, 10, 11, 16, 20, 24], [0.45, 0.42, 0.6, 0.78, 0.92, 0.93, 0.7, 0.5])
        for day in range(1, 31):
            begin_us = FIRST_US - 6 * 60 * MINUTE_US - day * DAY_US
            kw = shape * RATED_KVA * 0.95 * (1 + 0.02 * random.normal()) * np.exp(0.01 * random.normal(size=96))
            journal.append(
                ReadingBatch.of(
                    np.full(96, number),
                    begin_us + np.arange(96) * 15 * MINUTE_US,
                    active_power_kw=kw,
                    reactive_power_kvar=kw * 0.33,
                    ambient_temperature_c=np.full(96, 30.0),
                )
            )
    return built


def test_an_incident_its_waves_and_its_doors_are_measured(
    town: Town, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    capsys.readouterr()
    code = main.main(["effect", town.incident.incident_id, "--config", str(town.config), "--json"])
    out = capsys.readouterr().out
    assert code == 0
    lines = [json.loads(line) for line in out.splitlines()]
    assert [list(line) for line in lines] == [FIELDS] * len(lines)
    assert [line["scope"] for line in lines] == ["incident", "wave", "door", "door"]
    whole, wave, first, second = lines
    assert whole["verdict"] in ("shown", "not_shown")
    assert whole["baseline_kw"] == pytest.approx(0.95 * RATED_KVA * 0.95, rel=0.1)
    assert whole["saving_kw"] == pytest.approx(whole["baseline_kw"] - whole["measured_kw"])
    assert (wave["wave"], wave["merchant_id"]) == (1, None)
    relief = [visit.merchant_id for visit in town.visits if visit.result.brings_relief]
    assert [first["merchant_id"], second["merchant_id"]] == relief
    assert first["verdict"] == "not_measurable", "the two answers are fourteen minutes apart"
    assert "几户" in first["reason"]


def test_the_page_has_a_band_from_the_first_helpful_answer_on_and_says_what_can_be_said(town: Town) -> None:
    with closing(Container(load_settings(town.config))) as container:
        page = container.queries.incident(town.incident.incident_id)
    assert page.band is not None
    assert page.effect is not None
    first_us = min(visit.recorded_at_us for visit in town.visits if visit.result.brings_relief)
    assert page.band.at_us[0] == first_us
    assert (np.diff(page.band.at_us) >= 0).all()
    assert (page.band.low < page.band.baseline).all()
    assert (page.band.baseline < page.band.high).all()
    assert page.band.baseline.mean() == pytest.approx(0.95, abs=0.1)


def test_it_is_a_table_for_people(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    words = ["effect", town.incident.incident_id, "--config", str(town.config), "--language", "en"]
    assert main.main(words) == 0
    assert "wave" in capsys.readouterr().out
    assert main.main(["effect", "nobody", "--config", str(town.config), "--language", "en"]) == 2


def visit(town: Town, merchant_id: str, minute: int, result: VisitResult = VisitResult.DONE) -> Visit:
    at_us = town.incident.opened_at_us + minute * MINUTE_US
    return Visit(town.incident.incident_id, merchant_id, result, at_us, "P1")


def windows(town: Town, visits: list[Visit], revisions: list[OutreachList] | None = None) -> Any:
    return scope_windows(town.incident, revisions or [town.outreach], {v.merchant_id: v for v in visits})


def test_a_window_never_ends_with_the_load_and_the_opening_reading_lies_before_it(town: Town) -> None:
    (whole,) = windows(town, [])
    assert whole.from_us == town.incident.first_reading_at_us + 1
    (closed,) = scope_windows(replace(town.incident, closed_at_us=whole.from_us + MINUTE_US), [town.outreach], {})
    assert closed.to_us == whole.to_us
    refused = windows(town, [visit(town, "M01", 10, VisitResult.REFUSED)])
    assert [w.scope for w in refused] == [Scope.INCIDENT]


def test_doors_are_told_apart_only_where_nobody_else_answered_meanwhile(town: Town) -> None:
    ids = [door.merchant_id for door in town.outreach.doors[:3]]
    found = windows(town, [visit(town, ids[0], 10), visit(town, ids[1], 40), visit(town, ids[2], 44)])
    doors = [w for w in found if w.scope is Scope.DOOR]
    assert [(w.merchant_id, w.is_apart) for w in doors] == [(ids[0], True), (ids[1], False), (ids[2], False)]
    assert doors[0].to_us - doors[0].from_us == DOOR_US
    assert doors[1].to_us - doors[1].from_us < APART_US


def test_a_wave_lasts_until_the_next_begins_to_bring_something(town: Town) -> None:
    doors = town.outreach.doors
    second = replace(town.outreach, revision=2, doors=(doors[2],))
    first = replace(town.outreach, doors=doors[:2])
    seen = [visit(town, doors[0].merchant_id, 10), visit(town, doors[2].merchant_id, 40)]
    waves = [w for w in windows(town, seen, [first, second]) if w.scope is Scope.WAVE]
    assert [w.wave for w in waves] == [1, 2]
    assert waves[0].to_us == waves[1].from_us
