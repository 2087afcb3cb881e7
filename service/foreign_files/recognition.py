"""What a foreign file seems to be: its header row, its layout, what its columns mean; and what was not understood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from collector.files.csv_text import encoding_of
from grid.text import Text
from service.foreign_files.cells import Cell, plain
from service.foreign_files.headers import DayPoints, Meaning, day_points, meaning_of
from service.foreign_files.mapping import ColumnMap, FileMap, WideMap
from service.foreign_files.tables import Row, is_workbook, rows_of, separator_of

HEADER_ROWS_MAX = 20
ROWS_SHOWN = 200


@dataclass
class Recognised:
    """What was understood, and what was not."""

    file_map: FileMap | None
    """None: too little was understood to read the file."""
    headers: dict[str, str] = field(default_factory=dict)
    """Header -> the column of readings.csv that it is taken for; empty: it is passed over."""
    questions: list[Text] = field(default_factory=list)
    """What a person has to look at."""
    sample: list[Row] = field(default_factory=list)
    transformer_id: str = ""
    """Whose they are where no column says it; empty: nobody knows."""


def recognise(path: Path, timezone: str = "", transformer_id: str = "") -> Recognised:
    """Look at the first rows of a file; `transformer_id` is whose they are where no column says it.

    Raises UsageError or LedgerError when it cannot be read.
    """
    workbook = is_workbook(path)
    encoding = "" if workbook else encoding_of(path).replace("utf-8-sig", "utf-8")
    separator = "," if workbook else separator_of(path, encoding)
    rows = list(islice(rows_of(path, encoding=encoding, separator=separator), HEADER_ROWS_MAX + ROWS_SHOWN))
    found = max(
        ((_score(list(map(plain, cells))), -number) for number, cells in rows[:HEADER_ROWS_MAX]), default=(0, 0)
    )
    if found[0] < 1:
        return Recognised(None, questions=[_no_header()])
    header_row = -found[1]
    place = next(i for i, (number, _) in enumerate(rows) if number == header_row)
    headers = [plain(cell) for cell in rows[place][1]]
    told = Recognised(
        None, transformer_id=transformer_id, sample=[row for row in rows[place + 1 :] if any(map(plain, row[1]))]
    )
    settled = {"header_row": header_row, "encoding": encoding, "separator": separator, "timezone": timezone}
    if not timezone:
        settled["timezone"] = "Asia/Shanghai"
        told.questions.append(
            Text(
                "时间没有时区时按 Asia/Shanghai（timezone）",
                "times without an offset count as Asia/Shanghai (timezone)",
            )
        )
    points = day_points([header for header in headers if header])
    if points is None:
        _long(headers, settled, told)
    else:
        _wide(headers, points, settled, told)
    return told


def _score(cells: Sequence[str]) -> int:
    """Return how much a row looks like a header."""
    named = [cell for cell in cells if cell]
    points = day_points(named) if len(named) > 24 else None
    return sum(meaning_of(cell) is not None for cell in named) + (len(points.headers) if points else 0)


def _long(headers: list[str], settled: dict[str, object], told: Recognised) -> None:
    columns: dict[str, ColumnMap] = {}
    halves: dict[str, str] = {}
    fed_back = ""
    phases: dict[str, dict[str, tuple[str, float]]] = {}
    for header in filter(None, headers):
        meaning = meaning_of(header)
        told.headers[header] = "" if meaning is None else meaning.column
        if meaning is None:
            continue
        if meaning.column in ("date", "time"):
            halves.setdefault(meaning.column, header)
        elif meaning.is_fed_back:
            fed_back = header
        elif meaning.phase:
            phases.setdefault(meaning.column, {})[meaning.phase] = (header, meaning.multiplier)
        elif meaning.column in columns:
            told.headers[header] = ""
            told.questions.append(_twice(meaning.column, str(columns[meaning.column].name), header))
        else:
            columns[meaning.column] = ColumnMap(name=header, multiplier=meaning.multiplier)
    _join_time(columns, halves, told)
    for column, of_phase in phases.items():
        if column in columns or len(of_phase) < 3:
            told.headers |= {header: "" for header, _ in of_phase.values()}
        else:
            headers_of = tuple(of_phase[phase][0] for phase in "abc")
            columns[column] = ColumnMap(name=headers_of, multiplier=of_phase["a"][1])
    if fed_back and "active_power_kw" in columns:
        columns["active_power_kw"] = columns["active_power_kw"].model_copy(update={"minus": fed_back})
    elif fed_back:
        told.questions.append(_fed_back_alone(fed_back))
    _finish(columns, "long", settled, told, None)


def _join_time(columns: dict[str, ColumnMap], halves: dict[str, str], told: Recognised) -> None:
    if "measured_at" in columns and "date" in halves and _is_clock(told, str(columns["measured_at"].name)):
        columns["measured_at"] = ColumnMap(name=(halves["date"], str(columns["measured_at"].name)))
    elif "measured_at" not in columns and "date" in halves:
        columns["measured_at"] = ColumnMap(name=tuple(halves[half] for half in ("date", "time") if half in halves))
    elif "measured_at" not in columns and "time" in halves:
        columns["measured_at"] = ColumnMap(name=halves["time"])


def _is_clock(told: Recognised, header: str) -> bool:
    """Return whether a column called "time" holds times of day only, so that the date stands in another one."""
    place = list(told.headers).index(header)
    cells = [plain(row[1][place]) for row in told.sample if place < len(row[1])]
    return bool(cells) and all(len(cell) <= 8 and "-" not in cell and "/" not in cell for cell in cells)


def _wide(headers: list[str], points: DayPoints, settled: dict[str, object], told: Recognised) -> None:
    columns: dict[str, ColumnMap] = {}
    date, quantity = "", []
    for header in filter(None, headers):
        if header in points.headers:
            continue
        meaning = meaning_of(header)
        told.headers[header] = meaning.column if meaning else ""
        if meaning is not None and meaning.column in ("date", "measured_at"):
            date = date or header
        elif meaning is not None and meaning.column == "transformer_id":
            columns.setdefault("transformer_id", ColumnMap(name=header))
        else:
            quantity.append(header)
    told.headers[f"{points.headers[0]} … {points.headers[-1]}"] = f"{len(points.headers)} points"
    if not points.is_certain:
        first, later = points.first_point, _clock(points.step_minutes)
        told.questions.append(
            Text(
                f"编号的点从 {first} 开始（first_point）：若第 1 点是 {later}，请修改",
                f"numbered points begin at {first} (first_point): mend it if point 1 is {later}",
            )
        )
    quantities, used = _quantities(headers, quantity, told)
    value = "" if quantities else _only_quantity(headers, told)
    for header in used:
        told.headers[header] = "quantity"
    if not date or not (quantities or value):
        what = Text("没有日期列", "there is no column for the date") if not date else _no_quantity()
        told.questions.append(what)
        return
    wide = WideMap(
        date=date, points=points.headers, first_point=points.first_point, step_minutes=points.step_minutes,
        quantity=tuple(used), quantities=quantities, value=value,
    )  # fmt: skip
    _finish(columns, "wide", settled, told, wide)


def _clock(minutes: float) -> str:
    return f"{int(minutes) // 60:02d}:{int(minutes) % 60:02d}"


def _quantities(headers: list[str], candidates: list[str], told: Recognised) -> tuple[dict[str, ColumnMap], list[str]]:
    """Return what the rows are of, by the text of one or two columns, and which columns those are."""
    best: tuple[dict[str, ColumnMap], list[str]] = ({}, [])
    pairs = [[one] for one in candidates] + [[a, b] for a in candidates for b in candidates if a != b]
    for used in pairs:
        places = [headers.index(name) for name in used]
        texts = dict.fromkeys(" ".join(plain(_cell(row, place)) for place in places) for _, row in told.sample)
        found: dict[str, ColumnMap] = {}
        for text in texts:
            meaning = meaning_of(text) or meaning_of(text.replace(" ", ""))
            if (
                meaning is not None
                and not meaning.phase
                and meaning.column not in ("transformer_id", "date", "time", "measured_at")
            ):
                found[text] = ColumnMap(value=meaning.column, multiplier=meaning.multiplier)
        if len({each.value for each in found.values()}) > len({each.value for each in best[0].values()}):
            best = found, used
    return best


def _cell(row: Sequence[Cell], place: int) -> Cell:
    return row[place] if place < len(row) else None


def _only_quantity(headers: list[str], told: Recognised) -> str:
    """Return the quantity of a file that has one only, where a header tells it with its unit."""
    meanings: list[Meaning] = [meaning for header in headers if header and (meaning := meaning_of(header))]
    known = {meaning.column for meaning in meanings} - {"transformer_id", "date", "time", "measured_at"}
    if len(known) == 1:
        return known.pop()
    told.questions.append(_no_quantity())
    return "active_power_kw"


def _finish(
    columns: dict[str, ColumnMap], layout: str, settled: dict[str, object], told: Recognised, wide: WideMap | None
) -> None:
    missing = [name for name in ("transformer_id", *(("measured_at",) if wide is None else ())) if name not in columns]
    if missing == ["transformer_id"]:
        columns = {"transformer_id": ColumnMap(value=told.transformer_id or "FILL-IN"), **columns}
    if missing == ["transformer_id"] and not told.transformer_id:
        told.questions.append(
            Text(
                "没有台区编号列：请用 --transformer 指定，或写在 columns.transformer_id 的 value 中",
                "no column has the transformer's id: give it by --transformer, or as value of columns.transformer_id",
            )
        )
    elif missing and missing != ["transformer_id"]:
        told.questions.append(Text("没有时间列", "there is no column for the time"))
        return
    ids = [plain(_cell(row, place)) for _, row in told.sample for place in _places(columns["transformer_id"], told)]
    replace = {"/": "-"} if any("/" in each for each in ids) else {}
    told.file_map = FileMap.model_validate(
        {"layout": layout, "id_replace": replace, "columns": columns, "wide": wide, **settled}
    )


def _places(column: ColumnMap, told: Recognised) -> list[int]:
    return [place for place, header in enumerate(told.headers) if header in column.headers]


def _no_header() -> Text:
    return Text(
        f"前 {HEADER_ROWS_MAX} 行里没有认得的表头", f"no header is known among the first {HEADER_ROWS_MAX} rows"
    )


def _no_quantity() -> Text:
    return Text(
        "没有说明各点是什么量：按有功功率（kW），请核对 wide.value",
        "nothing says what the points are of: active power [kW] is taken, look at wide.value",
    )


def _twice(column: str, one: str, other: str) -> Text:
    return Text(
        f"“{one}”和“{other}”都像 {column}，用前者", f"{one!r} and {other!r} both look like {column}: the first is used"
    )


def _fed_back_alone(header: str) -> Text:
    return Text(
        f"只有反向功率“{header}”，没有正向功率", f"only what is fed back is there ({header!r}), not what is drawn"
    )
