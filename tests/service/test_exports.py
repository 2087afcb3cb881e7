"""The list on paper and in a workbook: everything the walker needs, nobody's phone whole, nothing that calculates."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import openpyxl
import pytest

from alerts.model.incidents import Incident, IncidentState
from alerts.notification import messages
from alerts.outreach.planner import OutreachSettings, Visit, VisitResult, advise, make_list
from grid.assets import Appliance, ApplianceKind, Merchant, Person, Phase, Role, Transformer
from grid.electrical import Basis
from grid.errors import RedvestError, UsageError
from grid.text import Language, Text
from grid.timestamps import parse_timestamp_us
from service.exports import pdf
from service.exports.exports import outreach_html, outreach_pdf, outreach_sheet, outreach_xlsx, outreach_xlsx_bytes
from service.queries.answers import Curve, DoorRow, Freshness, IncidentPage, IncidentRow, TransformerNow
from tests.support.tools import tool

ZONE = "Asia/Shanghai"
YX06 = Transformer("YX06", "模拟老街商业台区", "ST01", 400.0, "G01")
NOW = parse_timestamp_us("2021-07-24T11:05:00+08:00")
INCIDENT = Incident(
    "YX06-20210724T0242Z-80d10d",
    "YX06",
    "early-warning@1",
    "severe_heavy",
    IncidentState.OPEN,
    parse_timestamp_us("2021-07-24T10:42:00+08:00"),
    parse_timestamp_us("2021-07-24T10:41:32+08:00"),
    0.9021,
    0.9533,
    parse_timestamp_us("2021-07-24T11:00:00+08:00"),
    0.9533,
    NOW,
)
TEAM = (Person("P03", "模拟队员 1", Role.MEMBER, "G01"), Person("P04", "模拟队员 2", Role.MEMBER, "G01"))
KINDS = ("餐饮", "超市便利", "水果生鲜", "理发", "服装")


def shops(count: int) -> tuple[tuple[Merchant, ...], tuple[Appliance, ...]]:
    merchants = tuple(
        Merchant(
            f"YX06-M{i:02d}",
            f"模拟商户 {i:02d} · {KINDS[i % 5]}",
            "YX06",
            f"模拟老街 {i} 号",
            f"模拟联系人 {i:02d}",
            f"138{i:08d}",
            KINDS[i % 5],
            (Phase.A, Phase.B, Phase.C, Phase.ABC)[i % 4],
            i,
        )
        for i in range(1, count + 1)
    )
    units = [
        unit
        for i in range(1, count + 1)
        for unit in (
            Appliance(f"YX06-M{i:02d}", ApplianceKind.AIR_CONDITIONER, 3, 2.0 + i * 0.2, 2, 22),
            Appliance(f"YX06-M{i:02d}", ApplianceKind.LIGHTING, 20, 0.04, 10),
        )
    ]
    return merchants, tuple(units)


def a_page(count: int = 30, *, answers: bool = False, evil: str = "", has_list: bool = True) -> IncidentPage:
    """Make what the read side would answer, from the product's own list."""
    merchants, units = shops(count)
    if evil:
        merchants = tuple(replace(m, name=evil, address=evil, contact_name=evil) for m in merchants)
    past = tuple(
        Visit("old", m.merchant_id, VisitResult.AGREED, NOW - 90 * 3_600_000_000, "P03") for m in merchants[::3]
    )
    made = make_list(INCIDENT, YX06, 0.9533, 0.1, 0.955, merchants, units, TEAM, past, NOW, OutreachSettings())
    by_id = {m.merchant_id: m for m in merchants}
    name_of = {person.person_id: person.name for person in TEAM}
    doors = tuple(
        DoorRow(
            incident_id=INCIDENT.incident_id,
            revision=1,
            door=door,
            ask=messages.ask_text(door.ask),
            merchant_name=by_id[door.merchant_id].name,
            address=by_id[door.merchant_id].address,
            category=by_id[door.merchant_id].category,
            phase=by_id[door.merchant_id].phase,
            contact_masked=by_id[door.merchant_id].contact_name[:1] + "**",
            phone_masked="138****" + by_id[door.merchant_id].phone[-4:],
            assigned_to_name=name_of[door.assigned_to],
            result=VisitResult.AGREED if answers and i == 0 else None,
            result_at_us=NOW if answers and i == 0 else None,
            result_by_name="模拟队员 1" if answers and i == 0 else "",
        )
        for i, door in enumerate(made.doors)
    )
    if answers:
        doors += (
            replace(doors[-1], revision=0, merchant_name="早先一户", result=VisitResult.REFUSED, result_at_us=NOW),
        )
    nan = float("nan")
    current = TransformerNow(
        YX06, Freshness.FRESH, "severe_heavy", None, 0.9533, Basis.ACTIVE_AND_REACTIVE, 381.3,
        (nan, nan, nan), nan, None, nan, 0.1, 36.0, (nan, nan, nan), (0, 0, 0), NOW, NOW, INCIDENT.incident_id,
    )  # fmt: skip
    column = np.array([0.9533])
    curve = Curve(
        "YX06", np.array([NOW]), column, np.full((1, 3), nan), column, column, np.zeros(1, np.int8), column, column,
        np.full((1, 3), nan), column,
    )  # fmt: skip
    rules = "early-warning@1：7月24日 10:41:32 负载率越过严重重载线 90%（首个读数 90.21%），峰值 95.33%（11:00）。"
    return IncidentPage(
        now_us=NOW,
        row=IncidentRow(INCIDENT, YX06, "YX06 7月24日 10:41", ZONE, None),
        reason=Text(rules, "early-warning@1: crossed the severe heavy load line of 90 %."),
        events=(),
        outreach=made if has_list else None,
        doors=doors,
        advice=advise(
            made, (), 0.9533, OutreachSettings(), incident=INCIDENT, transformer=YX06, power_factor=0.955, spare_doors=9
        ),
        current=current,
        curve=curve,
        marks=(),
    )


# The sheet


def test_doors_are_handed_out_by_walker_in_walking_order_and_answered_ones_of_before_stand_apart() -> None:
    sheet = outreach_sheet(a_page(answers=True))
    assert [name for name, _ in sheet.walkers] == ["模拟队员 1", "模拟队员 2"]
    assert [door.order for _, doors in sheet.walkers for door in doors] == list(range(1, len(sheet.doors) + 1))
    assert [door.merchant for door in sheet.answered_before] == ["早先一户"]
    assert sheet.doors[0].result is VisitResult.AGREED
    assert sheet.doors[0].result_time == "11:05"


def test_an_incident_without_a_list_says_so() -> None:
    with pytest.raises(UsageError, match="no outreach list"):
        outreach_sheet(a_page(has_list=False))


# HTML


@pytest.mark.parametrize("language", list(Language))
def test_the_page_holds_what_the_walker_needs_and_fetches_nothing(language: Language) -> None:
    page = a_page(answers=True)
    html = outreach_html(page, language)
    for door in outreach_sheet(page).doors:
        assert door.merchant in html
        assert door.ask.to(language) in html
        assert door.reason.to(language) in html
    assert html.count('<span class="box') == 4 * len(outreach_sheet(page).doors)
    assert html.count('"box ticked"') == 1
    assert "138****" in html
    assert "13800000001" not in html
    assert "<script" not in html
    assert "http" not in html.replace('http-equiv="Content-Security-Policy"', "")
    assert f'lang="{"zh-CN" if language is Language.ZH else "en"}"' in html


def test_what_a_ledger_says_stays_text_in_the_page() -> None:
    evil = '</style><script>alert(1)</script><img src=x onerror="1">'
    html = outreach_html(a_page(3, evil=evil))
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;script&gt;" in html


# Workbook


@pytest.mark.parametrize("language", list(Language))
def test_the_workbook_has_a_row_for_each_door_with_numbers_as_numbers(tmp_path: Path, language: Language) -> None:
    page, file = a_page(answers=True), tmp_path / "list.xlsx"
    outreach_xlsx(page, file, language)
    rows = list(openpyxl.load_workbook(file).active.iter_rows(values_only=True))
    head = next(i for i, row in enumerate(rows) if row[1] in ("商户", "Merchant"))
    sheet = outreach_sheet(page)
    doors = rows[head + 1 :]
    assert [row[0] for row in doors[: len(sheet.doors)]] == [door.order for door in sheet.doors]
    assert [row[6] for row in doors[: len(sheet.doors)]] == [round(door.offer_kw, 1) for door in sheet.doors]
    assert doors[0][9] == messages.visit_result_name(VisitResult.AGREED).to(language)
    assert doors[0][4] == sheet.doors[0].phone
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "evil", ['=HYPERLINK("http://example.org","x")', "@SUM(1)", "+1", "-1+2", "=cmd|' /C calc'!A0"]
)
def test_no_cell_of_the_workbook_can_become_a_formula(tmp_path: Path, evil: str) -> None:
    outreach_xlsx(a_page(3, evil=evil), tmp_path / "list.xlsx")
    book = openpyxl.load_workbook(tmp_path / "list.xlsx")
    cells = [cell for row in book.active.iter_rows() for cell in row]
    assert all(cell.data_type != "f" and cell.hyperlink is None for cell in cells)
    found = [cell for cell in cells if cell.value == evil]
    assert len(found) >= 6
    assert all(cell.data_type == "s" and cell.quotePrefix for cell in found)


def test_the_workbook_can_be_made_without_a_file() -> None:
    assert outreach_xlsx_bytes(a_page(3)).startswith(b"PK")


# PDF


@pytest.fixture
def browser_on_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, chromium: str) -> None:
    """Put the browser of the suite on the path, whatever it is called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "chromium").symlink_to(chromium)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.usefixtures("browser_on_path")
def test_the_pdf_is_a4_has_every_door_in_chinese_and_breaks_no_door_in_two(tmp_path: Path) -> None:
    page, file = a_page(answers=True), tmp_path / "list.pdf"
    outreach_pdf(page, file)
    about = subprocess.run([tool("pdfinfo"), file], capture_output=True, text=True, check=True).stdout
    assert "A4" in about
    pages = subprocess.run([tool("pdftotext"), "-raw", file, "-"], capture_output=True, text=True, check=True).stdout
    by_page = ["".join(text.split()) for text in pages.split("\f") if text.strip()]
    assert len(by_page) > 1
    for door in outreach_sheet(page).doors:
        name, ask = "".join(door.merchant.split()), "".join(door.ask.zh.split())
        assert any(name in text and ask in text for text in by_page), door.merchant
    assert all(INCIDENT.incident_id in text for text in by_page), "each page says which incident it belongs to"
    assert f"{len(by_page)}/{len(by_page)}" in by_page[-1]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_without_a_browser_the_error_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RedvestError, match="apt-get install chromium"):
        outreach_pdf(a_page(3), tmp_path / "list.pdf")
    assert not (tmp_path / "list.pdf").exists()


def a_false_browser(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir()
    (folder / "chromium").write_text(f"#!{shutil.which('sh')}\n{script}\n", encoding="utf-8")
    (folder / "chromium").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_a_browser_that_fails_or_hangs_leaves_no_file_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "list.pdf").write_bytes(b"the old one")
    a_false_browser(tmp_path / "failing", "echo cannot open display >&2; exit 1", monkeypatch)
    with pytest.raises(RedvestError, match="cannot open display"):
        outreach_pdf(a_page(3), tmp_path / "list.pdf")
    a_false_browser(tmp_path / "hanging", "sleep 30 & wait", monkeypatch)
    monkeypatch.setattr(pdf, "TIMEOUT_SECONDS", 0.3)
    with pytest.raises(RedvestError, match=r"did not finish within 0\.3 s"):
        outreach_pdf(a_page(3), tmp_path / "list.pdf")
    assert (tmp_path / "list.pdf").read_bytes() == b"the old one"


def test_the_time_on_paper_is_that_of_the_station() -> None:
    page = a_page(3)
    elsewhere = replace(page, row=replace(page.row, zone="Europe/Berlin"))
    assert outreach_sheet(page).printed.zh == "7月24日 11:05"
    assert outreach_sheet(elsewhere).printed.zh == "7月24日 05:05"
