"""`baseline`: the effect of any windows of a file of readings."""

from __future__ import annotations

import math
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from grid.errors import UsageError
from grid.text import Text
from service.cli.columns import Columns, readable
from service.cli.options import AsJson, Config, Speak, opened
from service.cli.screen import Column, progress, utc
from service.ledger_sheets import ledger_of

if TYPE_CHECKING:
    from alerts.effect.effect import Effect

COLUMNS = (
    Column(Text("实测 kW", "measured kW"), right=True),
    Column(Text("基线 kW", "baseline kW"), right=True),
    Column(Text("90% 区间", "90 % interval"), right=True),
    Column(Text("节省 kW", "saving kW"), right=True),
    Column(Text("结论", "verdict")),
    Column(Text("方法", "method")),
)


def baseline(
    readings: Annotated[Path, typer.Argument(metavar="READINGS.csv", help="Recorded readings, in any order.")],
    ledger: Annotated[Path, typer.Option("--ledger", metavar="DIR", help="Folder with ledger sheets, or one XLSX.")],
    windows: Annotated[
        Path, typer.Option("--windows", metavar="WINDOWS.csv", help="Columns transformer_id, from, to.")
    ],
    weather: Annotated[
        Path | None, typer.Option("--weather", metavar="FILE", help="Outdoor air: columns time, temperature_c.")
    ] = None,
    columns: Columns = None,
    config: Config = None,
    language: Speak = None,
    as_json: AsJson = False,
) -> None:
    """基线与效果 · What windows would have been like, and whether a drop in them can be shown."""
    from service.offline.baseline import measured_power, measured_windows
    from service.offline.judge import opened_recording
    from service.offline.windows_csv import read_air, read_windows

    with opened(config, language, as_json) as (_, screen), ExitStack() as stack:
        if not readings.is_file():
            raise UsageError(
                Text("没有这个文件", "there is no such file"),
                where=str(readings),
                remedy=Text("请指定读数的 CSV 文件", "name a CSV file of readings"),
            )
        known = ledger_of(ledger)
        wanted = read_windows(windows, lambda transformer_id: known.transformer(transformer_id) is not None)
        air = read_air(weather) if weather else None
        file = stack.enter_context(readable(readings, columns, screen))
        with progress(Text("读取", "reading"), screen.language) as tell:
            recording = stack.enter_context(opened_recording(file, known, None, tell))
            power = measured_power(recording, tell)
        rows = []
        for measured in measured_windows(power, recording.fleet, wanted, air):
            window = measured.window
            at = {"from": utc(window.from_us), "to": utc(window.to_us)}
            if as_json:
                screen.line(transformer_id=window.transformer_id, **at, **effect_fields(measured.effect))
            else:
                rows.append([window.transformer_id, at["from"], at["to"], *effect_cells(measured.effect)])
        if not as_json:
            names = (Text("台区", "transformer"), Text("起", "from"), Text("止", "to"))
            screen.table(Text("效果", "Effects"), [*map(Column, names), *COLUMNS], rows)


def effect_fields(effect: Effect) -> dict[str, Any]:
    """Return an effect as JSON fields."""
    return {
        "measured_kw": effect.measured_kw,
        "baseline_kw": effect.baseline_kw,
        "low_kw": effect.low_kw,
        "high_kw": effect.high_kw,
        "saving_kw": effect.saving_kw,
        "saving_low_kw": effect.saving_low_kw,
        "saving_high_kw": effect.saving_high_kw,
        "verdict": effect.verdict.value,
        "method": effect.method,
        "placebo_windows": effect.placebo_windows,
        "placebo_bias": effect.placebo_bias,
        "placebo_mape": effect.placebo_mape,
        "placebo_coverage": effect.placebo_coverage,
        "smallest_shown_kw": effect.smallest_shown_kw,
    }


def effect_cells(effect: Effect) -> list[object]:
    """Return an effect as cells of a table under `COLUMNS`."""
    from alerts.effect.words import effect_verdict_name

    def kw(value: float) -> str | None:
        return None if math.isnan(value) else f"{value:.1f}"

    between = None if math.isnan(effect.low_kw) else f"{effect.low_kw:.1f} … {effect.high_kw:.1f}"
    return [
        kw(effect.measured_kw),
        kw(effect.baseline_kw),
        between,
        kw(effect.saving_kw),
        effect_verdict_name(effect.verdict),
        effect.method,
    ]
