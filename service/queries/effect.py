"""What an incident's visits brought: its effect, its waves' and its doors', from the stored readings."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from alerts.effect.effect import Effect, EffectVerdict, Weather, effect_of, not_measurable
from alerts.effect.power import MeasuredPower
from alerts.effect.scopes import INCIDENT_US, ScopeWindow, scope_windows
from alerts.effect.slots import HISTORY_DAYS
from alerts.effect.windows import Window, utc_offset_us, without_others
from alerts.model.incidents import Incident, IncidentState
from alerts.quality.grading import QualityGrader
from alerts.quality.rated_readings import RatedReadings
from grid.electrical import LoadRates
from grid.fleet import Fleet
from grid.readings import ReadingBatch
from grid.timestamps import DAY_US, MINUTE_US
from service.queries.answers import BaselineBand
from service.queries.ledger_view import Ground
from service.queries.sources import Sources
from stores.journal.journal import Journal

DONORS_MAX = 4
"""Maximum number of other transformers of the feeder whose past is read (practice)."""
_NEWEST = 500
_PAST_US = (HISTORY_DAYS + 1) * DAY_US


KEPT_MAX = 64
"""Effects of so many incidents are remembered for the pages that show them."""
KEPT_US = 5 * MINUTE_US
"""Newer readings than this make an effect be measured anew: a slot of the measurement is a quarter of an hour."""


@dataclass(frozen=True)
class ScopeEffect:
    """The effect of one window of an incident."""

    window: ScopeWindow
    effect: Effect
    load_rate_per_kw: float = math.nan
    """By what the load rate of this transformer rises for each kW, at its usual power factor [1/kW]."""

    @property
    def band(self) -> BaselineBand | None:
        """Return the baseline as load rates with its interval; None where nothing can be said."""
        effect, k = self.effect, self.load_rate_per_kw
        if not effect.slots_kw or effect.verdict is EffectVerdict.NOT_MEASURABLE or math.isnan(k):
            return None
        slots = np.array(effect.slots_kw)
        middle_us = self.window.from_us + np.arange(len(slots)) * effect.step_us + effect.step_us // 2
        at_us = np.concatenate([[self.window.from_us], np.minimum(middle_us, self.window.to_us), [self.window.to_us]])
        slots = np.concatenate([slots[:1], slots, slots[-1:]])
        below, above = effect.baseline_kw - effect.low_kw, effect.high_kw - effect.baseline_kw
        return BaselineBand(at_us, (slots - below) * k, slots * k, (slots + above) * k)


class EffectKeeper:
    """Remembers the effects of incidents on show: to read two months of readings for every refresh costs too much."""

    def __init__(self, sources: Sources) -> None:
        """Keep where to look."""
        self._sources = sources
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[tuple[int, int, int], tuple[ScopeEffect, ...]]] = {}

    def of(self, ground: Ground, incident: Incident) -> tuple[ScopeEffect, ...]:
        """Return the effects of an incident, measured anew when there is something new to measure."""
        visits = len(self._sources.records.visits(incident.incident_id))
        mark = (visits, incident.last_reading_at_us // KEPT_US, ground.ledger_version)
        with self._lock:
            kept = self._kept.get(incident.incident_id)
        if kept is None or kept[0] != mark:
            kept = (mark, effects_of(self._sources, ground, incident))
            with self._lock:
                if len(self._kept) >= KEPT_MAX:
                    self._kept.pop(next(iter(self._kept)))
                self._kept[incident.incident_id] = kept
        return kept[1]


def effects_of(sources: Sources, ground: Ground, incident: Incident) -> tuple[ScopeEffect, ...]:
    """Return the effect of an incident, of each of its waves and of each door that brought relief."""
    records, journal = sources.records, sources.journal()
    number = ground.numbers.get(incident.transformer_id)
    windows = scope_windows(
        incident, records.outreach_revisions(incident.incident_id), records.current_visits(incident.incident_id)
    )
    if journal is None or number is None or incident.transformer_id not in ground.transformers:
        return tuple(ScopeEffect(window, not_measurable("too_few_readings_in_the_window")) for window in windows)
    first_us = min(window.from_us for window in windows)
    last_us = max(window.to_us for window in windows)
    readings = journal.series(number, first_us - _PAST_US, min(last_us, sources.clock.now_us()))
    power = measured_power(readings, ground.fleet)
    others = _other_windows(sources, incident, first_us)
    donors = _donors(journal, ground, incident, first_us)
    weather = _weather(readings)
    offset_us = utc_offset_us(first_us, ground.fleet.zones[number])
    newest_us = int(readings.measured_at_us[-1]) if len(readings) else first_us
    found = []
    for window in windows:
        to_us = min(window.to_us, newest_us + 1)
        if to_us <= window.from_us:
            found.append(ScopeEffect(window, not_measurable("not_over")))
            continue
        own = Window(incident.transformer_id, window.from_us, to_us)
        effect = effect_of(
            without_others(power.until(window.from_us, to_us), own, others),
            window.from_us,
            to_us,
            utc_offset_us=offset_us,
            weather=weather,
            donors=[donor.until(window.from_us, window.from_us) for donor in donors],
        )
        if not window.is_apart and effect.verdict is not EffectVerdict.NOT_MEASURABLE:
            effect = not_measurable("doors_not_apart", effect.measured_kw)
        found.append(ScopeEffect(replace(window, to_us=to_us), effect, _load_rate_per_kw(readings, ground.fleet)))
    return tuple(found)


def _load_rate_per_kw(readings: ReadingBatch, fleet: Fleet) -> float:
    """Return the median of load rate over active power of the newest readings [1/kW]; NaN without any."""
    newest = readings.take(np.arange(max(len(readings) - _NEWEST, 0), len(readings)))
    rates = LoadRates(newest, fleet)
    ct_ratio = fleet.ratings_at(newest.transformer, newest.measured_at_us)[1]
    with np.errstate(invalid="ignore", divide="ignore"):
        each = rates.load_rate / np.abs(newest.active_power_kw * ct_ratio)
    known = each[np.isfinite(each)]
    if len(known):
        return float(np.median(known))
    return 1.0 / float(rates.rated_power_kva[-1]) if len(newest) else math.nan


def measured_power(readings: ReadingBatch, fleet: Fleet) -> MeasuredPower:
    """Return the power of one transformer's readings, in time order, with what is doubted left out."""
    ct_ratio = fleet.ratings_at(readings.transformer, readings.measured_at_us)[1]
    rated = RatedReadings.of(readings, LoadRates(readings, fleet), ct_ratio)
    # One transformer is graded as a fleet of one: a grader as large as the fleet would cost more than the work.
    block = replace(rated, transformer=np.zeros(len(rated), np.int32))
    return MeasuredPower.of(rated, QualityGrader(1).advance(block))


def _other_windows(sources: Sources, incident: Incident, first_us: int) -> Sequence[Window]:
    """Return the times of the transformer's other incidents with visits, of the days before."""
    found = []
    for other in sources.records.incidents(since_us=first_us - _PAST_US):
        is_other = other.transformer_id == incident.transformer_id and other.incident_id != incident.incident_id
        if is_other and other.state is not IncidentState.RETRACTED and sources.records.visits(other.incident_id):
            to_us = max(other.closed_at_us or other.last_reading_at_us, other.opened_at_us + INCIDENT_US)
            found.append(Window(other.transformer_id, other.opened_at_us, to_us))
    return found


def _donors(journal: Journal, ground: Ground, incident: Incident, first_us: int) -> list[MeasuredPower]:
    """Return the power of other transformers of the feeder, up to the first window."""
    feeder_id = ground.transformers[incident.transformer_id].feeder_id
    found: list[MeasuredPower] = []
    for transformer in ground.ledger.transformers:
        number = ground.numbers.get(transformer.transformer_id)
        same = bool(feeder_id) and transformer.feeder_id == feeder_id
        if number is None or not same or transformer.transformer_id == incident.transformer_id:
            continue
        readings = journal.series(number, first_us - _PAST_US, first_us - 1)
        if len(readings):
            found.append(measured_power(readings, ground.fleet))
        if len(found) == DONORS_MAX:
            break
    return found


def _weather(readings: ReadingBatch) -> Weather | None:
    """Return the outdoor air as the device measured it; None where it did not."""
    known = ~np.isnan(readings.ambient_temperature_c)
    return Weather(readings.measured_at_us[known], readings.ambient_temperature_c[known]) if known.any() else None
