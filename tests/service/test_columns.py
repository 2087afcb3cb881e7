"""Files of other systems: recognised, read, judged; what was not understood is listed, and nothing is guessed."""

from __future__ import annotations

import json
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from grid.errors import UsageError
from service.cli import main
from service.foreign_files.cells import CellNotUnderstoodError, id_of, number_of, time_of
from service.foreign_files.headers import day_points, meaning_of
from service.foreign_files.mapping import as_toml, read_file_map
from service.foreign_files.recognition import recognise

CASES = Path(__file__).parents[1] / "cases" / "own-data"
FILES = sorted(path.name for path in CASES.iterdir() if path.suffix in (".csv", ".xlsx"))
SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture(autouse=True)
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger of one station whose transformer has the ids of all files, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "ledger"
    folder.mkdir()
    (folder / "stations.csv").write_text("station_id,name,timezone\nST01,S,Asia/Shanghai\n")
    (folder / "transformers.csv").write_text(
        "transformer_id,name,station_id,rated_power_kva\nYX06,north,ST01,400\nYX-06,north,ST01,400\n"
    )
    return folder


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("name", FILES)
def test_a_file_made_after_a_real_one_is_recognised_read_and_judged(
    name: str, ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--transformer", "YX06"] if name.startswith("1_") else []
    damaged = name.startswith("5_")
    assert main.main(["columns", str(CASES / name), "--write", "own.toml", "--json", *words]) == (1 if damaged else 0)
    told = lines(capsys.readouterr().out)
    [summary] = [line for line in told if line["kind"] == "summary"]
    assert (summary["rows"], summary["not_understood"]) == (24 if name.startswith("6_") else 96, int(damaged))
    judged = main.main(["judge", str(CASES / name), "--ledger", str(ledger), "--columns", "own.toml", "--rules",
                        "early-warning", "--json"])  # fmt: skip
    out = capsys.readouterr()
    assert judged == 0, out.err
    severe = [line for line in lines(out.out) if line["level"] == "severe_heavy"]
    if name.startswith("6_"):  # readings an hour apart are stretches of their own
        assert [line["readings"] for line in severe] == [1, 1]
        return
    [one] = severe
    assert (one["peak_at"], one["readings"]) == ("2018-01-01T03:00:00Z", 8)
    assert one["peak_load_rate"] == pytest.approx(0.948, abs=0.01)


def test_what_was_recognised_is_what_its_file_says(tmp_path: Path) -> None:
    for name in FILES:
        found = recognise(CASES / name, transformer_id="YX06").file_map
        assert found is not None, name
        (tmp_path / "own.toml").write_text(as_toml(found), encoding="utf-8")
        assert read_file_map(tmp_path / "own.toml") == found, name


def test_a_damaged_id_is_refused_with_its_row_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    main.main(["columns", str(CASES / "5_workbook_excel_dates.xlsx"), "--language", "zh"])
    out = capsys.readouterr()
    assert "5_workbook_excel_dates.xlsx:99 设备编号" in out.err
    assert "文本" in out.err


@pytest.mark.parametrize(
    ("header", "column", "multiplier"),
    [
        ("总有功功率（kw）", "active_power_kw", 1.0),
        ("有功功率(W)", "active_power_kw", 0.001),
        ("瞬时有功", "active_power_kw", 1.0),
        ("P", "active_power_kw", 1.0),
        ("Total Active Power [MW]", "active_power_kw", 1000.0),
        ("无功功率 kvar", "reactive_power_kvar", 1.0),
        ("视在功率(kVA)", "apparent_power_kva", 1.0),
        ("Ａ相电压（Ｖ）", "voltage_a_v", 1.0),
        ("Ub", "voltage_b_v", 1.0),
        ("电压C", "voltage_c_v", 1.0),
        ("Voltage L2 (kV)", "voltage_b_v", 1000.0),
        ("Phase C Current [A]", "current_c_amp", 1.0),
        ("IA", "current_a_amp", 1.0),
        ("零序电流", "neutral_current_amp", 1.0),
        ("油温(℃)", "oil_temperature_c", 1.0),
        ("环境温度", "ambient_temperature_c", 1.0),
        ("台区编号", "transformer_id", 1.0),
        ("Meter ID", "transformer_id", 1.0),
        ("数据时间", "measured_at", 1.0),
        ("timestamp", "measured_at", 1.0),
        ("功率因数", None, 1.0),
        ("正向有功总电能(kWh)", None, 1.0),
        ("电压", None, 1.0),
        ("线电压Uab", None, 1.0),
        ("最大需量", None, 1.0),
        ("负载率", None, 1.0),
        ("备注", None, 1.0),
        ("用户名称", None, 1.0),
    ],
)
def test_headers_in_both_languages_with_their_units(header: str, column: str | None, multiplier: float) -> None:
    meaning = meaning_of(header)
    assert (None if meaning is None else meaning.column) == column
    assert meaning is None or meaning.multiplier == multiplier


@pytest.mark.parametrize(
    ("headers", "first", "step"),
    [
        ([f"{n // 4:02d}:{n % 4 * 15:02d}" for n in range(96)], "00:00", 15.0),
        ([f"{n // 4}:{n % 4 * 15:02d}" for n in range(1, 97)], "00:15", 15.0),
        ([f"{n}时" for n in range(24)], "00:00", 60.0),
        ([f"T{n // 4:02d}{n % 4 * 15:02d}" for n in range(96)], "00:00", 15.0),
        ([f"P{n}" for n in range(96)], "00:00", 15.0),
        ([f"点{n:02d}" for n in range(1, 25)], "00:00", 60.0),
    ],
)
def test_points_of_a_day_are_found_by_clock_and_by_number(headers: list[str], first: str, step: float) -> None:
    points = day_points(["台区", "日期", *headers])
    assert points is not None
    assert (list(points.headers), points.first_point, points.step_minutes) == (headers, first, step)


@pytest.mark.parametrize(
    ("cells", "wanted"),
    [
        (("2018-1-1 0:00",), "2018-01-01T00:00:00+08:00"),
        (("2018/1/1 9:05:30",), "2018-01-01T09:05:30+08:00"),
        (("２０１８年１月１日 8时15分",), "2018-01-01T08:15:00+08:00"),
        (("20180101 0015",), "2018-01-01T00:15:00+08:00"),
        (("20180101001500",), "2018-01-01T00:15:00+08:00"),
        (("2018-01-01T24:00",), "2018-01-02T00:00:00+08:00"),
        (("2018-01-01T00:00:00Z",), "2018-01-01T00:00:00Z"),
        (("2018-01-01 00:00:00+0800",), "2018-01-01T00:00:00+0800"),
        ((datetime(2018, 1, 1, 0, 15),), "2018-01-01T00:15:00+08:00"),
        ((43101.010416667,), "2018-01-01T00:15:00+08:00"),
        (("2018/1/1", "24:00"), "2018-01-02T00:00:00+08:00"),
        ((datetime(2018, 1, 1), time(0, 15)), "2018-01-01T00:15:00+08:00"),
        ((date(2018, 1, 1), 0.75), "2018-01-01T18:00:00+08:00"),
    ],
)
def test_times_as_people_and_programs_write_them(cells: tuple[Any, ...], wanted: str) -> None:
    assert time_of(cells, "", SHANGHAI) == wanted


@pytest.mark.parametrize(
    "text", ["1/2/2018 0:15", "2018-02-30 0:00", "2018-01-01 25:00", "2018-01-01 24:15", "noon", "12:00"]
)
def test_a_time_that_could_be_two_or_none_is_refused(text: str) -> None:
    with pytest.raises(CellNotUnderstoodError):
        time_of((text,), "", SHANGHAI)
    assert time_of(("01/02/2018 00:15",), "%d/%m/%Y %H:%M", SHANGHAI) == "2018-02-01T00:15:00+08:00"


@pytest.mark.parametrize(
    ("cell", "wanted"),
    [
        ("1,234.5", 1234.5),
        ("３６１．５", 361.5),
        ("--", None),
        ("", None),
        ("NULL", None),
        (361, 361.0),
        ("+5", 5.0),
        ("-.5", -0.5),
    ],
)
def test_numbers_as_people_write_them(cell: Any, wanted: float | None) -> None:
    assert number_of(cell) == wanted


@pytest.mark.parametrize("cell", ["361,5", "1,23,456", "228.4V", "abc", "1_0", True, datetime(2018, 1, 5)])
def test_what_is_no_number_is_refused(cell: Any) -> None:
    with pytest.raises(CellNotUnderstoodError):
        number_of(cell)


@pytest.mark.parametrize(
    "cell", ["1.23457E+11", 1.23457e17, "123456789012345000", "100023.0", datetime(2018, 3, 5), "2018/3/5"]
)
def test_ids_that_excel_damaged_are_refused(cell: Any) -> None:
    with pytest.raises(CellNotUnderstoodError):
        id_of(cell)


def test_ids_that_are_whole_are_taken() -> None:
    assert [id_of(cell) for cell in ("YX06", 100023, "0100023", "1234567890123456", 100023.0)] == [
        "YX06", "100023", "0100023", "1234567890123456", "100023",
    ]  # fmt: skip
    assert id_of("YX/06", (("/", "-"),)) == "YX-06"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[columns.measured_at]\nname = 't'\n", "transformer_id is missing"),
        ("[columns.transformer_id]\nname = 't'\n", "measured_at is missing"),
        ("timezone = 'UTC+8'\n[columns.transformer_id]\nname = 't'\n", "Asia/Shanghai"),
        ("[columns.power]\nname = 't'\n", "no column of readings.csv"),
        ("columns = 5", "columns"),
    ],
)
def test_a_faulty_columns_file_is_one_clear_line(text: str, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(text)
    with pytest.raises(UsageError) as fault:
        read_file_map(tmp_path / "own.toml")
    assert complaint in str(fault.value)


LEDGER_COLUMNS = """
[sheets.transformers]
file = "台区台账.csv"
header_row = 2
encoding = "gb18030"
id_replace = { "/" = "-" }

[sheets.transformers.columns]
transformer_id = "台区编号"
name = "台区名称"
station_id = { value = "ST01" }
rated_power_kva = { name = "容量(MVA)", multiplier = 1000 }
indoor = { name = "安装方式", values = { "室内" = "yes", "室外" = "no" } }

[sheets.merchants]
file = "商户.csv"
[sheets.merchants.columns]
merchant_id = "户号"
name = "户名"
transformer_id = "台区"
phone = "电话"
"""


@pytest.mark.parametrize(("phone", "code"), [("13800138000", 0), ("1.38E+10", 1)])
def test_ledger_sheets_of_another_system_are_taken_by_their_columns(
    phone: str, code: int, ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (ledger / "transformers.csv").unlink()
    (ledger / "台区台账.csv").write_bytes(
        "永兴供电所台区台账,,,\n台区编号,台区名称,容量(MVA),安装方式\nYX/06,学院北,0.4,室外\nYX/07,学院南,0.63,室内\n".encode(
            "gb18030"
        )
    )
    (ledger / "商户.csv").write_text(f"户号,户名,台区,电话\n1001,老王面馆,YX-06,{phone}\n", encoding="utf-8")
    Path("own.toml").write_text(LEDGER_COLUMNS, encoding="utf-8")
    assert main.main(["ledger", "import", str(ledger), "--columns", "own.toml", "--json"]) == code
    told = lines(capsys.readouterr().out)
    if code:
        assert [(line["file"], line["line"], line["column"]) for line in told] == [("商户.csv", 2, "电话")]
        assert phone not in told[0]["problem"]
        return
    assert {line["id"] for line in told if line["sheet"] == "transformers"} == {"YX-06", "YX-07"}
    assert main.main(["ledger", "export", "out"]) == 0
    kept = Path("out/transformers.csv").read_text(encoding="utf-8-sig")
    assert "YX-07,学院南,ST01,630" in kept
    assert main.main(["ledger", "check", str(ledger), "--columns", "own.toml"]) == 0


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[sheets.trafos]\ncolumns = {}\n", "no sheet"),
        ("[sheets.stations.columns]\nsize = 'x'\n", "no column"),
        ("x = 1", "sheets"),
    ],
)
def test_a_faulty_columns_file_of_sheets_is_one_clear_line(
    text: str, complaint: str, ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("own.toml").write_text(text)
    assert main.main(["ledger", "check", str(ledger), "--columns", "own.toml", "--language", "en"]) == 2
    assert complaint in capsys.readouterr().err
