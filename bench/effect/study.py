"""The study of effects: windows on loads whose truth is known, and what was said of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alerts.effect.effect import EffectVerdict, Weather, effect_of
from alerts.effect.slots import PowerSeries
from bench.effect.loads import UTC_OFFSET_US, AreaLoad
from grid.timestamps import MINUTE_US

LENGTHS_MINUTES = (30, 60, 120, 180, 300)
SHARES = (0.0, 0.0, 0.05, 0.10, 0.20)
"""What outreach takes off; in two of five windows nothing."""
FIRST_DAY = 30
_DAY_FROM, _DAY_TO = 540, 1320
_LINE_QUANTILE = 0.75


@dataclass(frozen=True)
class Case:
    """One area in a study: its load, and the classes that it belongs to."""

    seed: int
    load: AreaLoad
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Said:
    """What was said of one window, beside its truth."""

    seed: int
    classes: tuple[str, ...]
    covered: bool
    shown: bool
    share: float
    error: float
    """Baseline over what would have been, less one."""
    half: float
    """Half of the interval, a share of what would have been."""
    measurable: bool


def study(case: Case, windows_each: int = 1) -> Iterator[Said]:
    """Yield what is said of windows of one area: at a peak or an hour, workday or weekend, 1- and 15-minute data."""
    random = np.random.default_rng([case.seed, len(case.load.power_kw), 7])
    days = len(case.load.power_kw) // 1440
    quarters = case.load.power_kw[: days * 1440].reshape(days, 1440)[:, _DAY_FROM:_DAY_TO].reshape(days, -1, 15)
    peaks = quarters.mean(axis=2).max(axis=1)
    line = float(np.quantile(peaks, _LINE_QUANTILE))
    for weekend in (False, True):
        of_kind = [d for d in range(FIRST_DAY, days) if (d % 7 >= 5) == weekend]
        high = [d for d in of_kind if peaks[d] >= line] or [of_kind[int(np.argmax(peaks[of_kind]))]]
        for at_peak in (True, False):
            for every in (1, 15):
                for _ in range(windows_each):
                    day = int(random.choice(high if at_peak else of_kind))
                    first = _peak(case, day, line, every, random) if at_peak else int(random.integers(9, 18)) * 60
                    length = int(random.choice(LENGTHS_MINUTES))
                    share, with_weather = float(random.choice(SHARES)), bool(random.integers(0, 2))
                    more = (
                        "weekend" if weekend else "workday",
                        "begins at a peak" if at_peak else "begins at an hour",
                        f"{every}-minute data",
                        "weather known" if with_weather else "weather not known",
                    )
                    yield _said(case, day * 1440 + first, length, every, share, with_weather, more)


def _peak(case: Case, day: int, line: float, every: int, random: np.random.Generator) -> int:
    """Return the minute at which an incident would begin: the day's first reading at or above a line, or the next."""
    load = case.load.power_kw[day * 1440 + _DAY_FROM : day * 1440 + _DAY_TO : every]
    first = int(np.argmax(load >= min(line, float(load.max()))))
    return _DAY_FROM + (first + int(random.integers(0, 2))) * every


def _said(
    case: Case, first: int, minutes: int, every: int, share: float, with_weather: bool, more: Sequence[str]
) -> Said:
    load = case.load
    power = load.power_kw[: first + minutes].copy()
    power[first:] *= 1.0 - share
    rows = slice(0, None, every)
    series = PowerSeries.of(load.at_us[: len(power)][rows], power[rows], np.ones(len(power[rows]), bool))
    weather = Weather(load.at_us[::60], load.temperature_c[::60]) if with_weather else None
    from_us = int(load.at_us[first])
    found = effect_of(series, from_us, from_us + minutes * MINUTE_US, utc_offset_us=UTC_OFFSET_US, weather=weather)
    window = load.power_kw[first : first + minutes]
    measured = window[(-first) % every :: every]
    truth, would_be = share * float(measured.mean()), float(measured.mean())
    return Said(
        case.seed,
        (*case.classes, *more),
        found.saving_low_kw <= truth <= found.saving_high_kw,
        found.verdict is EffectVerdict.SHOWN,
        share,
        found.baseline_kw / would_be - 1.0,
        (found.high_kw - found.low_kw) / 2.0 / would_be,
        found.verdict is not EffectVerdict.NOT_MEASURABLE,
    )


def table(said: Sequence[Said]) -> str:
    """Return what was said by class, as a table of Markdown; ± is the standard error over seeds."""
    names = ["all", *dict.fromkeys(name for one in said for name in one.classes)]
    lines = [
        "| class | windows | truth covered % | nothing done, yet shown % | 20 % taken off and shown % | bias % "
        "| MAPE % | half interval % |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in names:
        own = [one for one in said if one.measurable and (name == "all" or name in one.classes)]
        idle = [one for one in own if one.share == 0.0]
        strong = [one for one in own if one.share == max(SHARES)]
        lines.append(
            f"| {name} | {len(own)} | {_share(own, lambda o: o.covered)} | {_share(idle, lambda o: o.shown)} "
            f"| {_share(strong, lambda o: o.shown)} | {_share(own, lambda o: o.error, signed=True)} "
            f"| {_share(own, lambda o: abs(o.error))} | {_share(own, lambda o: o.half)} |"
        )
    return "\n".join(lines)


def _share(said: Sequence[Said], value: Callable[[Said], float], *, signed: bool = False) -> str:
    """Return the mean [%] and its standard error over seeds."""
    if not said:
        return "–"
    values = np.array([float(value(one)) for one in said]) * 100.0
    seeds: NDArray[np.int64] = np.array([one.seed for one in said])
    each = np.array([values[seeds == seed].mean() for seed in np.unique(seeds)])
    error = float(each.std(ddof=1) / np.sqrt(len(each))) if len(each) > 1 else 0.0
    return f"{values.mean():{'+' if signed else ''}.1f} ± {error:.1f}"
