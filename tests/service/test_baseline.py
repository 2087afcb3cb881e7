"""`redvest baseline`: effects of windows of a file, with exactly the fields of the contract."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alerts.effect.slots import PowerSeries
from alerts.effect.windows import Window, without_others
from bench.effect.loads import area_load
from grid.timestamps import HOUR_US, format_utc
from service.cli import main

FIELDS = [
    *("transformer_id", "from", "to", "measured_kw", "baseline_kw", "low_kw", "high_kw", "saving_kw"),
    *("saving_low_kw", "saving_high_kw", "verdict", "method", "placebo_windows", "placebo_bias", "placebo_mape"),
    *("placebo_coverage", "smallest_shown_kw"),
]
ELEVEN = 60 * 1440 + 11 * 60
AREA = area_load(3, hot=True, large=True)


def at(minute: int) -> str:
    return format_utc(int(AREA.at_us[minute]))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("baseline")
    (folder / "ledger").mkdir()
    (folder / "ledger" / "stations.csv").write_text("station_id,name,timezone\nS1,S,Asia/Shanghai\n", encoding="utf-8")
    rows = "transformer_id,name,station_id,rated_power_kva,ct_ratio\nT1,T,S1,400,10\nT2,T,S1,400,1\n"
    (folder / "ledger" / "transformers.csv").write_text(rows, encoding="utf-8")
    lines = ["transformer_id,measured_at,active_power_kw,reactive_power_kvar"]
    power = AREA.power_kw.copy()
    power[ELEVEN : ELEVEN + 180] *= 0.8
    other = area_load(4, hot=True, large=True).power_kw
    for minute in range(0, ELEVEN + 600, 15):
        lines.append(f"T1,{at(minute)},{power[minute] / 10:.4f},{power[minute] * 0.03:.4f}")
        lines.append(f"T2,{at(minute)},{other[minute]:.3f},{other[minute] * 0.3:.3f}")
    order = np.random.default_rng(1).permutation(len(lines) - 1) + 1
    shuffled = [lines[0], *(lines[i] for i in order)]
    (folder / "readings.csv").write_text("\n".join(shuffled) + "\n", encoding="utf-8")
    air = [f"{at(m)},{AREA.temperature_c[m]:.1f}" for m in range(0, len(AREA.at_us), 60)]
    (folder / "air.csv").write_text("time,temperature_c\n" + "\n".join(air) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def baseline(files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that runs the command on windows given as rows."""
    monkeypatch.chdir(tmp_path)

    def run(windows: list[str], *words: str) -> tuple[int, str, str]:
        file = tmp_path / "windows.csv"
        file.write_text("\n".join(["transformer_id,from,to", *windows]) + "\n", encoding="utf-8")
        capsys.readouterr()
        command = ["baseline", str(files / "readings.csv"), "--ledger", str(files / "ledger"), "--windows", str(file)]
        code = main.main([*command, *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


Baseline = Callable[..., tuple[int, str, str]]


def test_one_line_a_window_in_their_order_with_the_fields_of_the_contract(baseline: Baseline, files: Path) -> None:
    windows = [f"T2,{at(ELEVEN)},{at(ELEVEN + 180)}", f"T1,{at(ELEVEN)},{at(ELEVEN + 180)}", f"T1,{at(60)},{at(120)}"]
    code, out, error = baseline(windows, "--json", "--weather", str(files / "air.csv"))
    assert code == 0, error
    lines = [json.loads(line) for line in out.splitlines()]
    assert [list(line) for line in lines] == [FIELDS] * 3
    assert [(line["transformer_id"], line["verdict"]) for line in lines] == [
        ("T2", "not_shown"),
        ("T1", "shown"),
        ("T1", "not_measurable"),
    ]
    truth = 0.2 * AREA.power_kw[ELEVEN : ELEVEN + 180 : 15].mean()
    assert lines[1]["saving_low_kw"] < truth < lines[1]["saving_high_kw"]
    assert lines[1]["measured_kw"] == pytest.approx(4 * truth, abs=0.01)
    assert lines[1]["from"] == at(ELEVEN)
    assert lines[2]["baseline_kw"] is None


def test_without_json_it_is_a_table_in_the_chosen_language(baseline: Baseline) -> None:
    code, out, _ = baseline([f"T1,{at(ELEVEN)},{at(ELEVEN + 180)}"], "--language", "zh")
    assert code == 0
    assert "已证实" in out


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("T9,2021-07-23T03:00:00Z,2021-07-23T06:00:00Z", "line 2: the ledger knows no transformer 'T9'"),
        ("T1,2021-07-23T03:00:00,2021-07-23T06:00:00Z", "line 2: column from"),
        ("T1,2021-07-23T06:00:00Z,2021-07-23T03:00:00Z", "line 2: column to is not after from"),
    ],
)
def test_a_faulty_window_is_named_with_its_line(baseline: Baseline, row: str, said: str) -> None:
    code, _, error = baseline([row], "--language", "en")
    assert code == 1
    assert said in error


def test_other_windows_are_taken_out_of_the_past_where_enough_is_left() -> None:
    at_us = np.arange(40 * 96) * HOUR_US // 4
    series = PowerSeries(at_us, np.ones(len(at_us)), HOUR_US // 4)
    day_us = 24 * HOUR_US

    def window(day: int) -> Window:
        return Window("T1", day * day_us + 11 * HOUR_US, day * day_us + 12 * HOUR_US)

    few = without_others(series, window(35), [window(d) for d in (30, 31, 35)])
    assert len(series.measured_at_us) - len(few.measured_at_us) == 2 * 12
    assert without_others(series, window(35), [window(d) for d in range(36)]) is series
    wave = Window("T1", 35 * day_us + 11 * HOUR_US + HOUR_US // 2, 35 * day_us + 13 * HOUR_US)
    kept = without_others(series, wave, [window(35), wave]).measured_at_us
    assert (kept >= wave.from_us).sum() == (at_us >= wave.from_us).sum(), "what it measures stays"
