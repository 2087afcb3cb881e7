"""Exactly on the line: decimal inputs that make 0.90 are 0.90, whatever the rating, and nothing else is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest

from grid.assets import Transformer
from grid.electrical import LoadRates
from grid.exact_lines import decimal_of
from grid.fleet import Fleet
from grid.readings import ReadingBatch

RATINGS_KVA = (30, 50, 63, 80, 100, 125, 160, 200, 250, 315, 400, 500, 630, 800, 1000, 1250, 1600, 2000, 2500)
CT_RATIOS = ("1", "6", "15", "20", "30", "40", "60", "80", "120", "160", "240", "0.3", "1.5", "12.5")
LINES = ("0.75", "0.8", "0.85", "0.9", "0.95", "1", "1.2", "1.3", "1.5", "1.6", "1.8", "0.925")
TRIPLES = ((3, 4, 5), (5, 12, 13), (8, 15, 17), (7, 24, 25), (20, 21, 29))
DECIMALS_MAX = 6


def decimals_of(number: Fraction) -> int | None:
    """Return how many decimals a number has; None where it has no end or more than a meter sends."""
    return next((d for d in range(DECIMALS_MAX + 1) if (number * 10**d).denominator == 1), None)


def rates(ratings: list[tuple[float, float]], **columns: Sequence[object]) -> LoadRates:
    """Return the load rates of readings, each of a transformer of its own with a rating and a CT ratio."""
    fleet = Fleet.of([Transformer(f"T{i}", "", "ST01", kva, ct_ratio=ct) for i, (kva, ct) in enumerate(ratings)])
    numbers = np.arange(len(ratings), dtype=np.int32)
    return LoadRates(ReadingBatch.of(numbers, np.zeros(len(ratings), np.int64), **columns), fleet)  # type: ignore[arg-type]


def combinations() -> list[tuple[Fraction, Fraction, Fraction]]:
    """Return (rating, CT ratio, line), all of them."""
    return [(Fraction(kva), Fraction(ct), Fraction(line)) for kva in RATINGS_KVA for ct in CT_RATIOS for line in LINES]


def test_the_smallest_example_is_on_the_line() -> None:
    assert 1.89 * 30 / 63 < 0.9
    found = rates([(63.0, 30.0)], active_power_kw=[1.89], reactive_power_kvar=[0.0])
    assert found.load_rate.tolist() == [0.9]


@pytest.mark.parametrize(
    "columns", [("active_power_kw",), ("active_power_kw", "reactive_power_kvar"), ("apparent_power_kva",)]
)
def test_one_power_that_makes_a_line_exactly_is_on_it(columns: tuple[str, ...]) -> None:
    fitting = [(kva, ct, line) for kva, ct, line in combinations() if decimals_of(kva * line / ct) is not None]
    assert len(fitting) > 1_000
    powers = [float(kva * line / ct) for kva, ct, line in fitting]
    given = {name: [0.0] * len(powers) if name == "reactive_power_kvar" else powers for name in columns}
    found = rates([(float(kva), float(ct)) for kva, ct, _ in fitting], **given)
    assert found.load_rate.tolist() == [float(line) for *_, line in fitting]


def test_two_powers_that_make_a_line_exactly_are_on_it() -> None:
    fitting = [
        (kva, ct, line, Fraction(a, c) * kva * line / ct, Fraction(b, c) * kva * line / ct)
        for kva, ct, line in combinations()
        for a, b, c in TRIPLES
        if decimals_of(Fraction(a, c) * kva * line / ct) is not None
        and decimals_of(Fraction(b, c) * kva * line / ct) is not None
    ]
    assert len(fitting) > 1_000
    found = rates(
        [(float(kva), float(ct)) for kva, ct, *_ in fitting],
        active_power_kw=[-float(p) for *_, p, _ in fitting],
        reactive_power_kvar=[float(q) for *_, q in fitting],
    )
    assert found.load_rate.tolist() == [float(line) for _, _, line, *_ in fitting]


def test_voltages_and_currents_that_make_a_line_exactly_are_on_it_in_total_and_in_each_phase() -> None:
    voltages = (Fraction("200"), Fraction("220.5"), Fraction("225"), Fraction("231.25"), Fraction("240"))
    fitting = [
        (kva, ct, line, volts, kva * line * 1000 / 3 / ct / volts)
        for kva, ct, line in combinations()
        for volts in voltages
        if decimals_of(kva * line * 1000 / 3 / ct / volts) is not None
    ]
    assert len(fitting) > 500
    found = rates(
        [(float(kva), float(ct)) for kva, ct, *_ in fitting],
        voltage_v=[[float(volts)] * 3 for *_, volts, _ in fitting],
        current_amp=[[-float(amps), float(amps), float(amps)] for *_, amps in fitting],
    )
    lines = [float(line) for _, _, line, *_ in fitting]
    assert found.load_rate.tolist() == lines
    assert found.phase_load_rate.tolist() == [[line] * 3 for line in lines]
    assert found.worst_phase_load_rate.tolist() == lines


def square_of(p: float, q: float, kva: float, ct: float) -> Fraction:
    p_, q_, kva_, ct_ = map(decimal_of, (p, q, kva, ct))
    return (p_ * p_ + q_ * q_) * (ct_ / kva_) ** 2


def nearest_below(line: float, kva: int, decimals: int, rng: np.random.Generator) -> tuple[float, float]:
    """Return P and Q of so many decimals whose S is the nearest to a line of many tried, and not on it."""
    scale = 10**decimals
    radius_square = (decimal_of(line) * kva * scale) ** 2
    best = (Fraction(10**30), 0, 0)
    for p in rng.integers(1, int(line * kva * scale), 200).tolist():
        rest = radius_square - p * p
        q = math.isqrt(int(rest))
        if q * q == rest:
            q -= 1
        best = min(best, (rest - q * q, p, q))
    return best[1] / scale, best[2] / scale


@pytest.mark.parametrize("decimals", [1, 2, 3, 4, 6, 8])
def test_two_powers_that_come_as_near_as_decimals_can_do_not_pass(decimals: int) -> None:
    rng = np.random.default_rng(20210724)
    for kva in RATINGS_KVA:
        p, q = nearest_below(0.9, kva, decimals, rng)
        found = rates([(float(kva), 1.0)], active_power_kw=[p], reactive_power_kvar=[q]).load_rate[0]
        assert square_of(p, q, float(kva), 1.0) < Fraction(81, 100)
        assert found < 0.9, (kva, p, q)


def test_no_number_near_a_line_passes_that_is_not_on_it() -> None:
    rng = np.random.default_rng(7)
    for kva, ct, line in combinations():
        exact = kva * line / ct
        for decimals in (2, 4, 6, 8):
            at = int(exact * 10**decimals)
            for step in rng.integers(-3, 4, 3).tolist():
                power = Fraction(max(at + step, 0), 10**decimals)
                true = power * ct / kva >= line
                said = rates([(float(kva), float(ct))], active_power_kw=[float(power)]).load_rate[0] >= float(line)
                assert said == true, (kva, ct, line, power)


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_a_number_with_all_its_digits_beside_the_line_is_beside_it(side: float) -> None:
    for kva in RATINGS_KVA:
        for line in LINES:
            on_it = float(Fraction(line) * kva)
            beside = float(np.nextafter(on_it, side * np.inf))
            for name in ("active_power_kw", "apparent_power_kva"):
                said = rates([(float(kva), 1.0)], **{name: [beside]}).load_rate[0]
                assert (said >= float(line)) == (side > 0), (kva, line, name)
