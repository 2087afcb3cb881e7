"""Load rates of stored readings as verdicts take them: by voltages and currents while the powers are far too low."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from alerts.quality.apart import LOW, apart_kind
from alerts.quality.believed import by_phases_instead
from alerts.quality.flags import QualitySettings
from alerts.quality.grading import QualityGrader
from alerts.quality.rated_readings import RatedReadings
from grid.electrical import LoadRates
from grid.fleet import Fleet
from grid.readings import ReadingBatch
from stores.journal.journal import Journal

LOOKED_AT_MAX = 200
"""Maximum number of transformers whose past is read for it; of more the powers are shown as they are (practice)."""


def judged_rates(journal: Journal, readings: ReadingBatch, fleet: Fleet) -> LoadRates:
    """Return the load rates of readings in any order, row by row, as verdicts took them.

    The past of a transformer is read only where its powers are far below its voltages and currents.
    """
    rates = LoadRates(readings, fleet)
    in_order = np.arange(len(readings))
    rated = RatedReadings.of(readings, rates, np.ones(len(readings)), in_order)
    suspicious = np.unique(readings.transformer[apart_kind(rated, QualitySettings()) == LOW])
    for number in suspicious[:LOOKED_AT_MAX].tolist():
        own = np.flatnonzero(readings.transformer == number)
        at_us = readings.measured_at_us[own]
        engine = QualityGrader(1)
        series = journal.series(number, int(at_us.min()) - engine.reach_us, int(at_us.max()))
        ct_ratio = fleet.ratings_at(series.transformer, series.measured_at_us)[1]
        block = RatedReadings.of(series, LoadRates(series, fleet), ct_ratio)
        flags = engine.advance(replace(block, transformer=np.zeros(len(block), np.int32)))
        instead_us = block.measured_at_us[by_phases_instead(flags)]
        rows = np.zeros(len(readings), bool)
        rows[own[np.isin(at_us, instead_us)]] = True
        rates.take_phases(rows)
    return rates
