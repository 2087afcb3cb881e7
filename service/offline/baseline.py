"""Effects of any windows of a file of readings, with neither broker nor store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from alerts.effect.effect import Effect, Weather, effect_of
from alerts.effect.power import MeasuredPower
from alerts.effect.slots import PowerSeries
from alerts.effect.windows import Window, utc_offset_us, without_others
from alerts.quality.grading import QualityGrader
from alerts.quality.rated_readings import RatedReadings
from grid.electrical import LoadRates
from grid.fleet import Fleet
from grid.timestamps import DAY_US
from service.offline.judge import Recording

DONORS_LOOKED_AT_MAX = 8


@dataclass(frozen=True)
class MeasuredWindow:
    """One window with its effect."""

    window: Window
    effect: Effect


def measured_power(recording: Recording, progress: Callable[[int], None]) -> dict[int, MeasuredPower]:
    """Return the power of every transformer of a recording, by its number, with what is doubted left out."""
    fleet, grader = recording.fleet, QualityGrader(len(recording.fleet))
    parts: dict[int, list[MeasuredPower]] = {}
    for readings in recording.blocks(progress):
        rates = LoadRates(readings, fleet)
        ct_ratio = fleet.ratings_at(readings.transformer, readings.measured_at_us)[1]
        rated = RatedReadings.of(readings, rates, ct_ratio)
        flags = grader.advance(rated)
        for number in np.unique(rated.transformer).tolist():
            rows = rated.transformer == number
            parts.setdefault(number, []).append(MeasuredPower.of(rated.take(rows), flags[rows]))
    return {number: _joined(of) for number, of in parts.items()}


def measured_windows(
    power: Mapping[int, MeasuredPower], fleet: Fleet, windows: Sequence[Window], weather: Weather | None
) -> Iterator[MeasuredWindow]:
    """Yield the effect of each window, in their order, by readings before its end."""
    by_transformer: dict[str, list[Window]] = {}
    for window in windows:
        by_transformer.setdefault(window.transformer_id, []).append(window)
    for window in windows:
        number = fleet.number[window.transformer_id]
        series = without_others(_series(power.get(number), window), window, by_transformer[window.transformer_id])
        effect = effect_of(
            series,
            window.from_us,
            window.to_us,
            utc_offset_us=utc_offset_us(window.from_us, fleet.zones[number]),
            weather=weather,
            donors=_donors(power, fleet, window, by_transformer),
        )
        yield MeasuredWindow(window, effect)


def _series(power: MeasuredPower | None, window: Window) -> PowerSeries:
    if power is None:
        return PowerSeries(np.empty(0, np.int64), np.empty(0), DAY_US)
    return power.until(window.from_us, window.to_us)


def _donors(
    power: Mapping[int, MeasuredPower], fleet: Fleet, window: Window, windows: Mapping[str, Sequence[Window]]
) -> list[PowerSeries]:
    """Return transformers of the same station in which nobody was asked that day, up to the window's beginning."""
    own = fleet.number[window.transformer_id]
    found = []
    for number in power:
        if number == own or fleet.station_ids[number] != fleet.station_ids[own]:
            continue
        asked = windows.get(fleet.transformer_ids[number], ())
        if any(w.from_us < window.to_us and w.to_us > window.from_us - DAY_US // 2 for w in asked):
            continue
        found.append(power[number].until(window.from_us, window.from_us))
        if len(found) == DONORS_LOOKED_AT_MAX:
            break
    return found


def _joined(parts: Sequence[MeasuredPower]) -> MeasuredPower:
    if len(parts) == 1:
        return parts[0]
    names = MeasuredPower.__dataclass_fields__
    return MeasuredPower(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
