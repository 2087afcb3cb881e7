"""Curves: what a transformer's readings say over time. No value is invented, none is averaged away."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from grid.assets import Transformer
from grid.electrical import LoadRates, imbalance
from grid.fleet import Fleet
from grid.readings import ReadingBatch
from service.queries.answers import Curve
from service.queries.ledger_view import Ground
from service.verdicts.judged_rates import judged_rates
from stores.journal.journal import Journal


def curve_of(transformer_id: str, batch: ReadingBatch, fleet: Fleet, journal: Journal | None = None) -> Curve:
    """Return the curve of one transformer's readings, which lie in time order, as verdicts took them."""
    rates = judged_rates(journal, batch, fleet) if journal else LoadRates(batch, fleet)
    return Curve(
        transformer_id=transformer_id,
        measured_at_us=batch.measured_at_us,
        load_rate=rates.load_rate,
        phase_load_rate=rates.phase_load_rate,
        worst_phase_load_rate=rates.worst_phase_load_rate,
        apparent_power_kva=rates.apparent_power_kva,
        basis=rates.basis,
        ambient_temperature_c=batch.ambient_temperature_c,
        oil_temperature_c=batch.oil_temperature_c,
        voltage_v=batch.voltage_v,
        imbalance=imbalance(batch.current_amp),
    )


def curve_between(
    journal: Journal | None,
    ground: Ground,
    transformer: Transformer,
    from_us: int,
    to_us: int,
    step_us: int | None = None,
) -> Curve:
    """Return a transformer's readings in [from_us, to_us], with `step_us` thinned; none of one that is retired."""
    number = ground.numbers.get(transformer.transformer_id)
    batch = ReadingBatch.empty()
    if journal is not None and number is not None and transformer.transformer_id in ground.transformers:
        batch = journal.series(number, from_us, to_us)
    curve = curve_of(transformer.transformer_id, batch, ground.fleet, journal)
    return thinned(curve, step_us) if step_us else curve


def take(curve: Curve, rows: NDArray[np.intp]) -> Curve:
    """Return the rows (k,) of a curve; -1 stands for a row of nothing but the moment before the next row."""
    missing = rows < 0
    source = np.where(missing, 0, rows)

    def column(values: NDArray[np.float64]) -> NDArray[np.float64]:
        picked = values[source].copy()
        picked[missing] = np.nan
        return picked

    timestamps = curve.measured_at_us[source].copy()
    timestamps[missing] = timestamps[np.flatnonzero(missing) + 1] - 1
    basis = curve.basis[source].copy()
    basis[missing] = 0
    return Curve(
        transformer_id=curve.transformer_id,
        measured_at_us=timestamps,
        load_rate=column(curve.load_rate),
        phase_load_rate=column(curve.phase_load_rate),
        worst_phase_load_rate=column(curve.worst_phase_load_rate),
        apparent_power_kva=column(curve.apparent_power_kva),
        basis=basis,
        ambient_temperature_c=column(curve.ambient_temperature_c),
        oil_temperature_c=column(curve.oil_temperature_c),
        voltage_v=column(curve.voltage_v),
        imbalance=column(curve.imbalance),
    )


def thinned(curve: Curve, step_us: int) -> Curve:
    """Return, for each step [µs] that has readings, its heaviest one (the first, if equal), at its own time.

    A step with no load rate at all is told by its first reading, so that its hole stays a hole.
    """
    if len(curve) == 0:
        return curve
    step = curve.measured_at_us // step_us
    weight = np.where(np.isnan(curve.load_rate), -np.inf, curve.load_rate)
    order = np.lexsort((np.arange(len(curve)), -weight, step))
    first_of_step = np.ones(len(order), bool)
    first_of_step[1:] = step[order][1:] != step[order][:-1]
    return take(curve, order[first_of_step])


def with_gaps(curve: Curve, gap_us: int) -> Curve:
    """Return the curve with a row of NaN in every hole longer than `gap_us`, so that a line drawn through it breaks."""
    holes = np.flatnonzero(np.diff(curve.measured_at_us) > gap_us) + 1
    if len(holes) == 0:
        return curve
    return take(curve, np.insert(np.arange(len(curve)), holes, -1))
