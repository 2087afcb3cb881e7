"""`redvest judge` on files as people save them: times without offset, trailing commas, bad values, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from collector.decoding.decode import decode_block
from collector.decoding.plausibility import Limits
from collector.message import Message
from service.cli import main
from service.collecting.missing_values import LISTED_EVERY_US, MissingValueList
from tests.collector.test_readings_csv import FLEET

HEADER = "transformer_id,measured_at,active_power_kw,reactive_power_kvar,oil_temperature_c"


@pytest.fixture(autouse=True)
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "ledger"
    folder.mkdir()
    (folder / "stations.csv").write_text("station_id,name,timezone\nST01,S,Asia/Shanghai\n")
    (folder / "transformers.csv").write_text("transformer_id,name,station_id,rated_power_kva\nYX06,north,ST01,400\n")
    return folder


def write(*lines: str) -> str:
    Path("readings.csv").write_text("\n".join(lines) + "\n")
    return "readings.csv"


def test_times_without_an_offset_are_refused_with_the_ledgers_zone_and_taken_by_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = write(HEADER, *(f"YX06,2021-07-24 11:{minute:02d},370,60," for minute in range(10)))
    words = ["judge", file, "--ledger", "ledger", "--rules", "early-warning", "--language", "en"]
    assert main.main(words) == 1
    error = capsys.readouterr().err
    assert "+08:00" in error
    assert "--timezone Asia/Shanghai" in error
    assert "10 rows: time_without_offset" in error
    assert "does the ledger fit" not in error
    assert main.main([*words, "--json", "--timezone", "Asia/Shanghai"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["started_at"] for line in found if line["level"] == "severe_heavy"} == {"2021-07-24T03:00:00Z"}
    assert main.main([*words, "--timezone", "UTC+8"]) == 2
    assert "Asia/Shanghai" in capsys.readouterr().err


def test_refused_rows_and_missing_values_are_counted_by_reason_with_an_example(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [f"YX06,2021-07-24T11:{minute:02d}:00+08:00,300,60,65535" for minute in range(5)]
    rows += ["YX06,2021-07-24T12:00:00+08:00,65535,60,", "YX06,noon,300,60,", "YX99,2021-07-24T12:00:00+08:00,1,1,"]
    file = write(HEADER, *rows)
    assert main.main(["judge", file, "--ledger", "ledger", "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    assert {(line["reason"], line["count"], line["taken"]) for line in told} == {
        ("sentinel", 5, True),
        ("sentinel", 1, False),
        ("time_malformed", 1, False),
        ("unknown_transformer", 1, False),
    }
    [missing] = [line for line in told if line["taken"]]
    assert (missing["example"]["line"], missing["example"]["field"]) == (2, "oil_temperature_c")


@pytest.mark.parametrize("header", [f"{HEADER},,", f"{HEADER},"])
def test_trailing_commas_are_passed_over_as_long_as_nothing_stands_under_them(
    header: str, capsys: pytest.CaptureFixture[str]
) -> None:
    row = "YX06,2021-07-24T11:00:00+08:00,370,60,"
    more = header.count(",") - HEADER.count(",")
    file = write(header, row + "," * more, ",,,,,", row.replace("11:00", "11:01"))
    assert main.main(["judge", file, "--ledger", "ledger", "--json"]) == 0
    assert "ragged" not in capsys.readouterr().err
    file = write(header, row + "," * (more - 1) + ",7")
    assert main.main(["judge", file, "--ledger", "ledger"]) == 1
    assert "ragged_row" in capsys.readouterr().err


def test_end_of_day_closes_no_stay_over_midnight(capsys: pytest.CaptureFixture[str]) -> None:
    times = ["2025-07-24T23:45:00+08:00", "2025-07-24T24:00:00+08:00", "2025-07-25T00:15:00+08:00"]
    file = write(HEADER, *(f"YX06,{time},370,60," for time in times))
    assert main.main(["judge", file, "--ledger", "ledger", "--rules", "early-warning", "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["readings"] for line in found if line["level"] == "severe_heavy"] == [3]


def test_a_broken_sensor_is_listed_once_an_hour_and_each_transformer_by_itself() -> None:
    def of(name: str, at_us: int) -> Message:
        payload = (
            f'{{"transformer_id":"{name}","measured_at":"2021-07-24T11:00:00+08:00","active_power_kw":100.0,'
            '"reactive_power_kvar":5.0,"oil_temperature_c":65535}'
        )
        return Message("redvest/v1/ST01/readings", f'{{"readings":[{payload}]}}'.encode(), at_us, 1, 1, 1, False)

    start = 1_627_095_630_000_000
    listed = MissingValueList()

    def told(name: str, after_us: int) -> int:
        decoded = decode_block([of(name, start + after_us)], FLEET, Limits(None, None))
        assert len(decoded.readings) == 1
        return len(listed.to_list(decoded.missing_examples))

    assert [told("YX06", 0), told("YX06", LISTED_EVERY_US - 1), told("台区七", 5), told("YX06", LISTED_EVERY_US)] == [
        1,
        0,
        1,
        1,
    ]
