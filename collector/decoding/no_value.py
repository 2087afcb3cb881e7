"""Numbers that say "no value": all ones, the ends of signed numbers and rows of nines, however a device scales them.

A register that holds nothing is sent as 65535, or as 6553.5 where the register counts tenths. Such a number is
missing in every field. What a meter measures seldom meets one of them: they have five digits or more, so of readings
with as many digits one in some 65,000 does, and one value of one reading is missing then.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

_WORDS_16 = (65535, 32767, 32768, -32768)
_WORDS_24_AND_32 = (16777215, 8388607, 8388608, -8388608, 4294967295, 2147483647, 2147483648, -2147483648)
"""All ones, and the ends of two's complement (practice; SunSpec's "not implemented" values are among them)."""
_NINES = tuple(sign * (10**digits - 1) for digits in range(5, 10) for sign in (1, -1))
_SIGN_BIT_NINES = tuple(8 * 10**digits - 1 for digits in (5, 6, 7))
"""Binary-coded decimals of all ones whose highest bit is the sign (DL/T 645-2007, powers and currents)."""
_FOUR_NINES = (9999.0, -9999.0)
"""Four nines without a fraction. With one (99.99, 999.9) they are what meters measure every day."""

_TABLE_BITS = 14
_MIX = np.uint32(2654435769)


def _marks() -> NDArray[np.float64]:
    scaled = (
        *(word / 10**power for word, power in product(_WORDS_16, range(4))),
        *(word / 10**power for word, power in product(_WORDS_24_AND_32, range(6))),
        *(nines / 10**power for nines, power in product(_NINES, range(5))),
        *(nines / 10**power for nines, power in product(_SIGN_BIT_NINES, (3, 4))),
    )
    return np.unique([*scaled, *_FOUR_NINES])


NO_VALUE_MARKS = _marks()
"""(m,) sorted; the same in volts, amperes, kilowatts and degrees."""


def _bits(values: NDArray[np.float64]) -> NDArray[np.uint32]:
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return np.ascontiguousarray(values, np.float32).view(np.uint32)


def _place(bits: NDArray[np.uint32]) -> NDArray[np.uint32]:
    return (bits * _MIX) >> np.uint32(32 - _TABLE_BITS)


def _as_sent() -> NDArray[np.float64]:
    """Return the marks, and as single precision has them where it can tell them: 655.35 is 655.349975… then."""
    single = NO_VALUE_MARKS.astype(np.float32)
    told = np.array([float(str(value)) for value in single]) == NO_VALUE_MARKS  # 9999.9999 is 10000 there
    return np.unique([*NO_VALUE_MARKS.tolist(), *single[told].astype(np.float64).tolist()])


_AS_SENT = _as_sent()
_MAY_BE_MARK = np.zeros(2**_TABLE_BITS, np.bool_)
_MAY_BE_MARK[_place(_bits(NO_VALUE_MARKS))] = True


def says_no_value(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return where values of any shape are such a mark, sent in double or in single precision; NaN is none."""
    found: NDArray[np.bool_] = _MAY_BE_MARK[_place(_bits(values))]
    if found.any():  # one look-up for all, and the exact answer only where it says so
        found[found] = np.isin(values[found], _AS_SENT)
    return found
