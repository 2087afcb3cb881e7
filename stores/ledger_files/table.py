"""A sheet as text: a header and lines of cells, whatever file it came from, and the bounds on both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from grid.text import Text

ROWS_MAX = 1_048_575
"""What one XLSX sheet can hold below its header; a CSV is held to the same."""
FILE_BYTES_MAX = 256 * 1024 * 1024
COLUMNS_MAX = 64


@dataclass(frozen=True)
class Table:
    """A sheet before any check of its cells. `lines` raises SheetBrokenError where it cannot be read on."""

    file: str
    header_line: int
    header: tuple[str, ...]
    lines: Iterator[tuple[int, list[str]]]
    """(line number as an editor counts, cells); blank lines are left out."""


def too_many_rows(rows: int) -> tuple[Text, Text]:
    """Return problem and remedy of a sheet that is too long."""
    return (
        Text(f"约有 {rows:,} 行，超过上限 {ROWS_MAX:,} 行", f"has about {rows:,} rows, more than {ROWS_MAX:,}"),
        Text("按供电所拆成几份台账分别导入", "split the ledger by station and import the parts"),
    )


def too_large(size_bytes: int) -> tuple[Text, Text]:
    """Return problem and remedy of a file that is too large."""
    size, limit = size_bytes // 2**20, FILE_BYTES_MAX // 2**20
    return (
        Text(f"文件有 {size} MB，超过上限 {limit} MB", f"has {size} MB, more than {limit} MB"),
        Text("按供电所拆成几份台账分别导入", "split the ledger by station and import the parts"),
    )
