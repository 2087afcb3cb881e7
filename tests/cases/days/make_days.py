"""Make the two recorded days that tests replay: `python tests/cases/days/make_days.py`. Same seed, same bytes.

Both are simulated; no person, merchant or transformer in them exists.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SEED = 20210720
HERE = Path(__file__).parent
BEIJING = timezone(timedelta(hours=8))
DAY_START = datetime(2021, 7, 20, tzinfo=BEIJING)
COLUMNS = (
    "transformer_id", "measured_at",
    "voltage_a_v", "voltage_b_v", "voltage_c_v", "current_a_amp", "current_b_amp", "current_c_amp",
    "active_power_kw", "reactive_power_kvar",
)  # fmt: skip

Row = dict[str, str]
STREET_DAY = ((0, 0.42), (5, 0.36), (8, 0.55), (9.5, 0.76), (10.4, 0.905), (11.3, 1.035), (12, 1.02), (13, 0.87),
              (14.2, 0.82), (15, 0.845), (16.2, 0.965), (17.5, 0.83), (18.5, 0.79), (20, 0.68), (24, 0.44))  # fmt: skip
"""A street of shops: heavy, severe heavy and overload before noon, severe heavy again in the afternoon."""
HOUSES_DAY = ((0, 0.5), (5, 0.38), (9, 0.48), (12, 0.66), (15, 0.58), (18, 0.74), (19.5, 0.835), (20.3, 0.815),
              (21.5, 0.72), (24, 0.52))  # fmt: skip
"""Dwellings: heavy in the evening and never worse."""
WORKSHOP_DAY = ((0, 0.15), (7, 0.2), (8.5, 0.62), (11.5, 0.7), (12.2, 0.4), (13.5, 0.68), (17, 0.6), (18, 0.25),
                (24, 0.15))  # fmt: skip
"""A workshop: never heavy in total."""


def write_days(folder: Path) -> None:
    """Write both days below `folder`."""
    rng = np.random.default_rng(SEED)
    write_rows(folder / "clean" / "readings.csv", clean_day(rng))
    write_rows(folder / "dirty" / "readings.csv", dirty_day(rng))


def clean_day(rng: np.random.Generator) -> list[Row]:
    """Three transformers, one reading a minute, in time order, nothing missing."""
    times = [DAY_START + timedelta(minutes=i) for i in range(1440)]
    street = by_all(rng, "JY01", times, STREET_DAY, 400.0)
    houses = by_powers(rng, "JY02", times, HOUSES_DAY, 315.0)
    workshop = by_phases(rng, "JY03", times, WORKSHOP_DAY, 200.0, phase_share=(1.32, 0.95, 0.73))
    return [row for rows in zip(street, houses, workshop, strict=True) for row in rows]


def dirty_day(rng: np.random.Generator) -> list[Row]:
    """Three transformers every 15 min, and what the field does to such files; README.md lists the faults."""
    times = [DAY_START + timedelta(minutes=15 * i) for i in range(96)]
    street = by_all(rng, "ZK01", times, STREET_DAY, 400.0)
    houses = by_powers(rng, "ZK02", times, HOUSES_DAY, 315.0)
    meter = by_all(rng, "ZK03", times, STREET_DAY, 250.0 / 80.0, decimals=3)
    for row in street[53:59]:
        for column in COLUMNS[2:8]:
            row[column] = ""
        row["reactive_power_kvar"] = ""
    for row in meter[20:26]:
        row["voltage_b_v"] = ""
    street_with_gaps = [row for i, row in enumerate(street) if i not in (45, 46, 47, 66)]
    houses_with_gap = [row for i, row in enumerate(houses) if not 10 <= i < 30]
    rows = mixed(rng, [*street_with_gaps, *houses_with_gap, *meter])

    again = [dict(rows[i]) for i in (5, 41, 77, 130, 149)]
    for row in again[:2]:
        row["measured_at"] = in_utc(row["measured_at"])
    other_values = [dict(rows[i]) for i in (12, 95, 170)]
    for row in other_values:
        row["active_power_kw"] = f"{float(row['active_power_kw']) * 1.25:.3f}"
    unknown = by_powers(rng, "ZK77", times[40:44], STREET_DAY, 400.0)
    nothing = {**dict.fromkeys(COLUMNS, ""), "transformer_id": "ZK02", "measured_at": times[15].isoformat()}
    comma = {**nothing, "measured_at": times[12].isoformat(), "active_power_kw": "128,5", "reactive_power_kvar": "40"}
    naive = {**comma, "measured_at": "2021-07-20T04:00:00", "active_power_kw": "128.5"}
    watts = {**comma, "measured_at": times[20].isoformat(), "active_power_kw": "128500"}
    return [*rows[:150], *again, nothing, comma, *rows[150:], *other_values, *unknown, naive, watts]


def by_all(
    rng: np.random.Generator,
    transformer_id: str,
    times: Sequence[datetime],
    day: Sequence[tuple[float, float]],
    rated_power_kva: float,
    decimals: int = 1,
) -> list[Row]:
    """A meter that sends voltages, currents and both powers."""
    phases = by_phases(rng, transformer_id, times, day, rated_power_kva, decimals=decimals)
    apparent = [sum(float(r[f"voltage_{p}_v"]) * float(r[f"current_{p}_amp"]) for p in "abc") / 1000.0 for r in phases]
    for row, kva, factor in zip(phases, apparent, rng.uniform(0.94, 0.97, len(times)), strict=True):
        row["active_power_kw"] = f"{kva * factor:.{decimals}f}"
        row["reactive_power_kvar"] = f"{kva * (1 - factor**2) ** 0.5:.{decimals}f}"
    return phases


def by_powers(
    rng: np.random.Generator,
    transformer_id: str,
    times: Sequence[datetime],
    day: Sequence[tuple[float, float]],
    rated_power_kva: float,
) -> list[Row]:
    """A meter that sends P and Q only."""
    apparent = load_rates(rng, times, day) * rated_power_kva
    factor = rng.uniform(0.93, 0.97, len(times))
    return [
        {
            **dict.fromkeys(COLUMNS, ""),
            "transformer_id": transformer_id,
            "measured_at": time.isoformat(),
            "active_power_kw": f"{kva * f:.1f}",
            "reactive_power_kvar": f"{kva * (1 - f * f) ** 0.5:.1f}",
        }
        for time, kva, f in zip(times, apparent, factor, strict=True)
    ]


def by_phases(
    rng: np.random.Generator,
    transformer_id: str,
    times: Sequence[datetime],
    day: Sequence[tuple[float, float]],
    rated_power_kva: float,
    phase_share: tuple[float, float, float] = (1.03, 0.98, 0.99),
    decimals: int = 1,
) -> list[Row]:
    """A meter that sends U and I of three phases."""
    rate = load_rates(rng, times, day)
    voltage = 234.0 - 12.0 * rate[:, None] + rng.uniform(-0.6, 0.6, (len(times), 3))
    current = rate[:, None] * rated_power_kva / 3.0 * 1000.0 * np.asarray(phase_share) / voltage
    return [
        {
            "transformer_id": transformer_id,
            "measured_at": time.isoformat(),
            **{f"voltage_{p}_v": f"{v:.1f}" for p, v in zip("abc", volts, strict=True)},
            **{f"current_{p}_amp": f"{a:.{decimals}f}" for p, a in zip("abc", amps, strict=True)},
            "active_power_kw": "",
            "reactive_power_kvar": "",
        }
        for time, volts, amps in zip(times, voltage, current, strict=True)
    ]


def load_rates(
    rng: np.random.Generator, times: Sequence[datetime], day: Sequence[tuple[float, float]]
) -> NDArray[np.float64]:
    """A day's curve through (hour, load rate) points, with the small noise of switching."""
    hours = np.array([(time - DAY_START) / timedelta(hours=1) for time in times])
    return np.asarray(np.interp(hours, *np.array(day).T) + rng.normal(0.0, 0.003, len(times)))


def mixed(rng: np.random.Generator, rows: list[Row]) -> list[Row]:
    """Put the rows of all meters into the order of arrival: up to an hour late, so some overtake others."""
    measured = np.array([datetime.fromisoformat(row["measured_at"]).timestamp() for row in rows])
    return [rows[i] for i in np.argsort(measured + rng.uniform(0.0, 3600.0, len(rows)), kind="stable")]


def in_utc(text: str) -> str:
    """The same moment, written with Z."""
    return datetime.fromisoformat(text).astimezone(UTC).isoformat().replace("+00:00", "Z")


def write_rows(path: Path, rows: list[Row]) -> None:
    """Write one sheet with the public columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as sheet:
        writer = csv.DictWriter(sheet, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    write_days(HERE)
