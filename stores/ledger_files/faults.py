"""What is wrong with a ledger file: where, what, and how to mend it, in both languages."""

from __future__ import annotations

from dataclasses import dataclass

from grid.text import Text

FAULTS_PER_SHEET_MAX = 5_000
"""A sheet with more faults than this is checked no further; it says at which line it stopped."""


@dataclass(frozen=True)
class Fault:
    """One fault. `line` counts as an editor does, from 1; 0 is the file as a whole. `column` may be empty.

    No cell of a phone, name or address is repeated in it.
    """

    file: str
    line: int
    column: str
    problem: Text
    remedy: Text


class CellError(ValueError):
    """A cell does not hold what its column wants."""

    def __init__(self, problem: Text, remedy: Text) -> None:
        super().__init__(problem.en)
        self.problem = problem
        self.remedy = remedy


class SheetBrokenError(Exception):
    """From a line on, a sheet cannot be read any further."""

    def __init__(self, line: int, problem: Text, remedy: Text) -> None:
        super().__init__(problem.en)
        self.line = line
        self.problem = problem
        self.remedy = remedy
