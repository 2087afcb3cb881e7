"""What an incident's visits brought: its effect, its waves' and its doors', from the stored readings."""

from __future__ import annotations

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
from grid.timestamps import DAY_US
from service.queries.ledger_view import Ground
from service.queries.sources import Sources
from stores.journal.journal import Journal

DONORS_MAX = 4
"""Maximum number of other transformers of the feeder whose past is read (practice)."""
_PAST_US = (HISTORY_DAYS + 1) * DAY_US


@dataclass(frozen=True)
class ScopeEffect:
    """The effect of one window of an incident."""

    window: ScopeWindow
    effect: Effect


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
        found.append(ScopeEffect(replace(window, to_us=to_us), effect))
    return tuple(found)


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
