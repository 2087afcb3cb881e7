"""Readings of a simulated day as a file that `judge` and `replay` take: the columns of readings.csv."""

from __future__ import annotations

import csv
import math
from pathlib import Path

from collector.files.readings_csv import COLUMNS
from grid.errors import UsageError
from grid.fleet import Fleet
from grid.os_reasons import os_reason
from grid.readings import ReadingBatch
from grid.text import Text
from grid.timestamps import format_utc


def write_readings(readings: ReadingBatch, fleet: Fleet, file: Path) -> int:
    """Write readings in their order and return how many; a missing number is left blank. Raises UsageError."""
    try:
        with file.open("w", encoding="utf-8", newline="") as out:
            rows = csv.writer(out, lineterminator="\n")
            rows.writerow(COLUMNS)
            for number, at_us, volts, amps, active_kw, reactive_kvar in zip(
                readings.transformer.tolist(),
                readings.measured_at_us.tolist(),
                readings.voltage_v.tolist(),
                readings.current_amp.tolist(),
                readings.active_power_kw.tolist(),
                readings.reactive_power_kvar.tolist(),
                strict=True,
            ):
                values = (*volts, *amps, active_kw, reactive_kvar)
                cells = ("" if math.isnan(value) else f"{value:.10g}" for value in values)
                rows.writerow((fleet.transformer_ids[number], format_utc(at_us), *cells))
    except OSError as error:
        raise UsageError(
            Text(f"无法写入（{os_reason(error).zh}）", f"cannot be written ({error.strerror})"),
            where=str(file),
            remedy=Text("请换一个位置", "name another place"),
        ) from error
    return len(readings)
