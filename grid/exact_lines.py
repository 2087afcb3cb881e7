"""Load rates exactly on a line: 1.89 kW · 30 / 63 kVA is 0.90, though binary arithmetic says 0.8999999999999999.

What devices send and ledgers hold are decimal numbers, and so are the lines of rule sets (0.80, 0.90, 1.00, 1.30 …).
A load rate within `TOLERANCE` of a number with four decimals is that number, provided it truly is:

- From P alone, from S and from Σ U·I, K is a fraction whose denominator divides Sn · 10^D, with D the decimals of
  the factors together and 3 more for watts. A K that is not on a line of four decimals differs from it by
  1 / (Sn · 10^D) or more (D ≥ 4): with U in mV, I in mA and a whole ratio, D = 9, by 4·10⁻¹³ at 2,500 kVA.
  Computing moves K by at most 8 units of 2⁻⁵³, so the tolerance of 10 units (1.1·10⁻¹⁵ at K = 1) meets all that
  lies on a line, and nothing else.
- From P and Q, K is a root, and roots lie closer; and a number may have more decimals than meters send. There the
  tolerance only finds the candidates: few enough to compare K² with the line's square as fractions, without rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 10 * 2.0**-53
"""Relative to the load rate: more than the rounding of the eight numbers and operations that make one."""
LINES_PER_UNIT = 10_000
"""Lines have up to four decimals."""
DECIMALS_MAX = 3
"""Decimals of numbers that need no comparison as fractions."""

Rates = NDArray[np.float64]
Rows = NDArray[np.intp]


def on_the_line(
    rates: Rates, proven: Callable[[Rows], NDArray[np.bool_]], exact_squares: Callable[[Rows], Sequence[Fraction]]
) -> Rates:
    """Return load rates (n,), those that lie on a line exactly there. NaN stays NaN.

    Of rows (k,) near a line, `proven` says which (k,) the tolerance alone decides; of the others `exact_squares`
    gives the true K².
    """
    with np.errstate(invalid="ignore", over="ignore"):
        lines = np.rint(rates * LINES_PER_UNIT) / LINES_PER_UNIT
        near = np.abs(rates - lines) <= TOLERANCE * np.abs(rates)
    rows = np.flatnonzero(near)
    if not len(rows):
        return rates
    asked = rows[~proven(rows)]
    near[asked] = False
    rounded: Rates = np.where(near, lines, rates)
    for row, line, square in zip(asked.tolist(), lines[asked].tolist(), exact_squares(asked), strict=True):
        true_line = decimal_of(line) ** 2
        if square == true_line:
            rounded[row] = line
        elif square < true_line:
            rounded[row] = min(rounded[row], np.nextafter(line, -np.inf))
        else:
            rounded[row] = max(rounded[row], line)
    return rounded


def is_short(numbers: Rates) -> NDArray[np.bool_]:
    """Return which rows (n,) of numbers (n, k) have few decimals throughout; NaN counts as few."""
    short = np.rint(numbers * 10.0**DECIMALS_MAX) / 10.0**DECIMALS_MAX
    return np.asarray(((short == numbers) | np.isnan(numbers)).all(axis=1))


def decimal_of(number: float) -> Fraction:
    """Return the decimal number that a float was written as: the shortest that gives it back."""
    return Fraction(repr(number))
