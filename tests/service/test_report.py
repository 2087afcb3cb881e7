"""Reports: what overran by grid and its responsible person, what was asked and promised, and the burden on shops."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.model.handling import NOT_HANDLED
from alerts.model.incidents import IncidentState
from alerts.outreach.planner import Visit, VisitResult
from grid.text import Language
from grid.timestamps import DAY_US, HOUR_US, MINUTE_US
from service.cli import main
from service.container import Container
from service.notify.acknowledge import Way
from service.reports.figures import ReportedIncident, figures_of, report_of
from service.settings.settings import load_settings
from tests.support.record_store import an_incident
from tests.support.town import NOW_US, Town, build_town, town_ledger

FROM_US, TO_US = NOW_US - DAY_US, NOW_US + MINUTE_US


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """Return a town with an incident, its list, three answers, and somebody who has it."""
    built = build_town(tmp_path_factory.mktemp("town"))
    container = Container(load_settings(built.config))
    container.acknowledger.take(built.incident.incident_id, "P4", Way.DESK)
    container.close()
    return built


def test_a_report_counts_what_was_asked_and_promised_by_grid(town: Town) -> None:
    container = Container(load_settings(town.config))
    report = report_of(container.records, FROM_US, TO_US)
    container.close()
    (grid,) = report.grids
    results = [visit.result for visit in town.visits]
    assert (grid.grid_id, grid.responsible, grid.incidents, grid.taken) == ("G01", "模拟网格长", 1, 1)
    assert grid.doors == len(town.outreach.doors)
    assert grid.asked == len(town.visits) == report.visits
    assert grid.agreed == report.successes == sum(result.brings_relief for result in results)
    assert grid.refused == results.count(VisitResult.REFUSED)
    assert grid.not_reached == grid.doors - grid.asked + grid.absent
    offers = {door.merchant_id: door.offer_kw for door in town.outreach.doors}
    promised = sum(offers[visit.merchant_id] for visit in town.visits if visit.result.brings_relief)
    assert grid.agreed_kw == pytest.approx(promised)
    assert report.visits_per_success == pytest.approx(report.visits / report.successes)
    assert grid.peak_load_rate == pytest.approx(town.incident.peak_load_rate)


def test_silence_is_no_time_above_the_line() -> None:
    opened = NOW_US - 6 * DAY_US
    unknown = replace(
        an_incident("a", opened, IncidentState.UNKNOWN),
        transformer_id="YX06",
        opened_at_us=opened,
        last_reading_at_us=opened + 2 * HOUR_US,
        closed_at_us=NOW_US,
    )
    reported = [ReportedIncident(unknown, (), (), NOT_HANDLED)]
    (grid,) = figures_of(reported, town_ledger(), opened - HOUR_US, NOW_US).grids
    assert grid.minutes_above == 120.0


def test_the_shops_that_were_asked_most_come_first() -> None:
    incidents = [replace(an_incident(name, NOW_US - DAY_US), transformer_id="YX06") for name in ("a", "b", "c")]
    reported = [
        ReportedIncident(
            incident,
            (),
            tuple(
                Visit(incident.incident_id, merchant, VisitResult.REFUSED, NOW_US, "P1")
                for merchant in ("M01", "M02", "M03")[: 3 - i]
            ),
            NOT_HANDLED,
        )
        for i, incident in enumerate(incidents)
    ]
    report = figures_of(reported, town_ledger(), NOW_US - 2 * DAY_US, NOW_US)
    assert [(burden.merchant_id, burden.asks) for burden in report.burdens] == [("M01", 3), ("M02", 2), ("M03", 1)]
    assert report.visits_per_success is None


def test_the_command_prints_lines_tables_a_page_and_a_workbook(
    town: Town, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    html, xlsx = tmp_path / "report.html", tmp_path / "report.xlsx"
    asked = ["report", "--config", str(town.config)]
    assert main.main([*asked, "--json", "--html", str(html), "--xlsx", str(xlsx)]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["kind"] for line in lines} == {"grid", "season", "merchant"}
    page = html.read_text(encoding="utf-8")
    assert page.startswith('<!doctype html><html lang="zh">')
    assert "模拟网格长" in page
    assert not any(shop.name in page for shop in town.ledger.merchants)
    assert not any(shop.phone in page for shop in town.ledger.merchants)
    sheets = zipfile.ZipFile(io.BytesIO(xlsx.read_bytes())).namelist()
    assert sum(name.startswith("xl/worksheets/sheet") for name in sheets) == 3
    assert main.main([*asked, "--language", Language.EN.value, "--days", "7"]) == 0
    assert "Merchants asked most" in capsys.readouterr().out


def test_a_name_in_a_report_is_text_and_nothing_else(town: Town, tmp_path: Path) -> None:
    container = Container(load_settings(town.config))
    hostile = tuple(replace(g, name="<img src=x onerror=alert(1)>") for g in town.ledger.grids)
    container.records.replace_ledger(replace(town.ledger, grids=hostile), by="test", now_us=NOW_US)
    container.close()
    html = tmp_path / "report.html"
    assert main.main(["report", "--config", str(town.config), "--html", str(html)]) == 0
    assert "<img" not in html.read_text(encoding="utf-8")
