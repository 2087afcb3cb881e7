"""A curve as a CSV file: one row for each reading, with how its load rate came about."""

from __future__ import annotations

import csv
import io
import math

from grid.electrical import Basis
from grid.timestamps import format_utc
from service.queries.answers import Curve

COLUMNS = (
    "transformer_id",
    "measured_at",
    "load_rate",
    "load_rate_a",
    "load_rate_b",
    "load_rate_c",
    "apparent_power_kva",
    "basis",
    "voltage_a_v",
    "voltage_b_v",
    "voltage_c_v",
    "imbalance",
    "ambient_temperature_c",
    "oil_temperature_c",
)


def curve_csv(curve: Curve) -> bytes:
    """Return a curve as CSV in UTF-8 with a byte order mark, as spreadsheets want it; a missing value is blank."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\r\n")
    rows.writerow(COLUMNS)
    for i in range(len(curve)):
        numbers = (
            curve.load_rate[i],
            *curve.phase_load_rate[i],
            curve.apparent_power_kva[i],
            *curve.voltage_v[i],
            curve.imbalance[i],
            curve.ambient_temperature_c[i],
            curve.oil_temperature_c[i],
        )
        cells = ["" if math.isnan(value) else f"{float(value):.6g}" for value in numbers]
        basis = Basis(int(curve.basis[i])).label
        rows.writerow([curve.transformer_id, format_utc(int(curve.measured_at_us[i])), *cells[:5], basis, *cells[5:]])
    return "\ufeff".encode() + text.getvalue().encode()
