"""Recorded readings from a file: what people save, of any length, screened as the wire is."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.decoding.decode import Decoded
from collector.decoding.plausibility import Limits
from collector.decoding.rejects import Reason, Reject
from collector.files.csv_numbers import parse_numbers
from collector.files.csv_text import encoding_of
from collector.files.readings_csv import COLUMNS, read_readings_csv
from grid.assets import Transformer
from grid.errors import LedgerError, UsageError
from grid.fleet import Fleet
from grid.readings import ReadingBatch

DAYS = Path(__file__).parents[1] / "cases" / "days"
MEASURED_US = 1_627_095_600_000_000  # 24 July 2021, 11:00 in Beijing
TIME = "2021-07-24T11:00:00+08:00"
HEADER = ",".join(COLUMNS)
ANY_DAY = Limits.of_recordings()

WriteFile = Callable[..., Path]

FLEET = Fleet.of(
    [
        Transformer("YX06", "north", "ST01", 400.0),
        Transformer("台区七", "south", "ST01", 400.0),
        Transformer("ZK03", "mill", "ST01", 630.0, ct_ratio=80.0),
    ]
)


@pytest.fixture
def write(tmp_path: Path) -> WriteFile:
    """Return a function that writes a readings file and returns its path."""

    def write_file(*lines: str, encoding: str = "utf-8", end: str = "\n") -> Path:
        path = tmp_path / "readings.csv"
        path.write_bytes("".join(line + end for line in lines).encode(encoding))
        return path

    return write_file


def read(path: Path, limits: Limits = ANY_DAY, chunk_rows: int = 50_000, now_us: int | None = None) -> Decoded:
    """Read a whole file."""
    chunks = list(read_readings_csv(path, FLEET, limits=limits, chunk_rows=chunk_rows, now_us=now_us))
    return Decoded(
        ReadingBatch.concatenate([chunk.readings for chunk in chunks]),
        tuple(reject for chunk in chunks for reject in chunk.rejects),
    )


def told(rejects: Iterable[Reject]) -> list[tuple[int, Reason, str]]:
    """Return line, reason and column of each reject."""
    return [(reject.line, reject.reason, reject.field) for reject in rejects]


def power(number: str, name: str = "YX06") -> str:
    """Return a row with an active power."""
    return f"{name},{TIME},,,,,,,{number},"


# --- what arrives ------------------------------------------------------------------------------------------------


def test_a_row_with_every_column_arrives(write: WriteFile) -> None:
    row = f"YX06,{TIME},228.4,227.9,229.1,561.2,548.7,570.3,361.0,112.4"
    readings = read(write(HEADER, row)).readings
    assert readings.transformer.tolist() == [0]
    assert readings.measured_at_us.tolist() == readings.received_at_us.tolist() == [MEASURED_US]
    assert readings.voltage_v.tolist() == [[228.4, 227.9, 229.1]]
    assert readings.current_amp.tolist() == [[561.2, 548.7, 570.3]]
    assert (readings.active_power_kw.tolist(), readings.reactive_power_kvar.tolist()) == ([361.0], [112.4])


def test_a_blank_cell_is_a_missing_number(write: WriteFile) -> None:
    readings = read(write(HEADER, f"YX06,{TIME},228.4,,229.1,,,,361.0,")).readings
    np.testing.assert_array_equal(readings.voltage_v, [[228.4, np.nan, 229.1]])
    assert np.isnan(readings.current_amp).all()
    assert np.isnan(readings.reactive_power_kvar).all()


def test_columns_may_be_left_out_and_stand_in_any_order(write: WriteFile) -> None:
    readings = read(write("active_power_kw,measured_at,transformer_id", f"361.0,{TIME},YX06")).readings
    assert readings.active_power_kw.tolist() == [361.0]
    assert np.isnan(readings.voltage_v).all()


@pytest.mark.parametrize(
    ("name", "encoding"), [("学院", "gb18030"), ("学院", "utf-8"), ("Ξ", "utf-8"), ("A1", "utf-8")]
)
def test_a_name_in_gb18030_that_is_utf8_as_well_is_read_as_it_was_meant(
    tmp_path: Path, name: str, encoding: str
) -> None:
    file = tmp_path / "readings.csv"
    file.write_bytes(f"{HEADER}\n{power('1', name)}\n".encode(encoding))
    assert file.read_bytes().decode(encoding_of(file)).splitlines()[1].startswith(f"{name},")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_encodings_and_line_ends_that_people_save(write: WriteFile, encoding: str, end: str) -> None:
    rows = (power("100.0", "台区七"), power("50", "未登记"))
    decoded = read(write(HEADER, *rows, encoding=encoding, end=end))
    assert decoded.readings.transformer.tolist() == [1]
    [reject] = decoded.rejects
    assert "'未登记'" in reject.detail


def test_a_character_may_lie_across_the_blocks_that_find_the_encoding(write: WriteFile) -> None:
    for shift in range(4):
        filler = "x" * 99_999
        last = "x" * (1024 * 1024 - shift - 10 * 100_000 - len(HEADER) - 2)
        decoded = read(write(HEADER, *[filler] * 10, last, power("1", "台区七")))
        assert decoded.readings.transformer.tolist() == [1]
        assert len(decoded.rejects) == 11


def test_quoted_cells_and_blank_lines_are_csv_too(write: WriteFile) -> None:
    row = f'"YX06","{TIME}",,,,,,,"361.0",'
    decoded = read(write(HEADER, "", row, ",,,,,,,,,", "", power("362.0")))
    assert decoded.readings.active_power_kw.tolist() == [361.0, 362.0]
    assert decoded.rejects == ()


def test_the_recorded_days_are_read_as_they_were_written() -> None:
    days = {
        "clean": [
            Transformer(name, "", "JY", kva) for name, kva in (("JY01", 400.0), ("JY02", 315.0), ("JY03", 200.0))
        ],
        "dirty": [Transformer(f"ZK0{n}", "", "ZK", 250.0, ct_ratio=80.0 if n == 3 else 1.0) for n in (1, 2, 3)],
    }
    counts = {}
    for day, transformers in days.items():
        [decoded] = read_readings_csv(DAYS / day / "readings.csv", Fleet.of(transformers), limits=ANY_DAY)
        counts[day] = (len(decoded.readings), sorted(reject.reason for reject in decoded.rejects))
    rows = {day: len((DAYS / day / "readings.csv").read_text().splitlines()) - 1 for day in days}
    assert counts["clean"] == (rows["clean"], [])
    readings, reasons = counts["dirty"]
    assert readings + len(reasons) == rows["dirty"]
    assert set(reasons) == {
        Reason.BAD_NUMBER,
        Reason.LOAD_RATE_IMPOSSIBLE,
        Reason.NO_LOAD_BASIS,
        Reason.TIME_WITHOUT_OFFSET,
        Reason.UNKNOWN_TRANSFORMER,
    }


# --- rejects -----------------------------------------------------------------------------------------------------


def test_each_bad_row_is_refused_with_its_line_and_column(write: WriteFile) -> None:
    rows = {
        power("361.0"): None,
        power("1_0"): (Reason.BAD_NUMBER, "active_power_kw"),
        power("３６１"): (Reason.BAD_NUMBER, "active_power_kw"),
        power('"361,0"'): (Reason.BAD_NUMBER, "active_power_kw"),
        power("nan"): (Reason.BAD_NUMBER, "active_power_kw"),
        power("inf"): (Reason.BAD_NUMBER, "active_power_kw"),
        power("1e999"): (Reason.BAD_NUMBER, "active_power_kw"),
        power("361.0,0"): (Reason.RAGGED_ROW, ""),
        f"YX06,{TIME}": (Reason.RAGGED_ROW, ""),
        power("361.0", ""): (Reason.MISSING_FIELD, "transformer_id"),
        power("361.0", "YX99"): (Reason.UNKNOWN_TRANSFORMER, "transformer_id"),
        "YX06,,,,,,,,361.0,": (Reason.MISSING_FIELD, "measured_at"),
        "YX06,2021-07-24 11:00,,,,,,,361.0,": (Reason.TIME_WITHOUT_OFFSET, "measured_at"),
        "YX06,24.07.2021 11:00,,,,,,,361.0,": (Reason.TIME_MALFORMED, "measured_at"),
        f"YX06,{TIME},,,,,,,,112.4": (Reason.NO_LOAD_BASIS, "active_power_kw"),
        power("361000"): (Reason.LOAD_RATE_IMPOSSIBLE, "active_power_kw"),
        f"YX06,{TIME},228.4,65535,229.1,1,1,1,,": (Reason.SENTINEL, "voltage_b_v"),
        f"YX06,{TIME},228.4,227.9,229.1,1,1,1e6,,": (Reason.OUT_OF_RANGE, "current_c_amp"),
        f"YX06,{TIME},0,227.9,229.1,9,9,9,,": (Reason.CURRENT_WITHOUT_VOLTAGE, "voltage_a_v"),
        "\0": (Reason.RAGGED_ROW, ""),
    }
    path = write(HEADER, *rows)
    decoded = read(path)
    wanted = [(line, *fault) for line, fault in enumerate(rows.values(), 2) if fault]
    assert told(decoded.rejects) == wanted
    assert len(decoded.readings) == 1
    reject = decoded.rejects[0]
    assert (reject.topic, reject.payload.decode()) == ("readings.csv:3", power("1_0"))


def test_lines_are_counted_over_chunks_blank_lines_and_cells_of_several_lines(write: WriteFile) -> None:
    path = write(HEADER, power("1"), power("bad"), "", '"YX\n06",x', power("2"), power("bad"), end="\r\n")
    for chunk_rows in (1, 2, 3, 50_000):
        decoded = read(path, chunk_rows=chunk_rows)
        assert [reject.line for reject in decoded.rejects] == [3, 6, 8], chunk_rows
        assert decoded.readings.active_power_kw.tolist() == [1.0, 2.0]


def test_history_may_be_of_any_day_unless_limits_and_a_receive_time_say_otherwise(write: WriteFile) -> None:
    path = write(HEADER, power("361.0"))
    assert len(read(path).readings) == 1
    late_us = MEASURED_US + 73 * 3_600_000_000
    [reject] = read(path, limits=Limits(), now_us=late_us).rejects
    assert (reject.reason, reject.received_at_us) == (Reason.TIME_TOO_OLD, late_us)


def test_the_ct_ratio_is_part_of_the_screening(write: WriteFile) -> None:
    assert told(read(write(HEADER, power("5.0", "ZK03"), power("100.0", "ZK03"))).rejects) == [
        (3, Reason.LOAD_RATE_IMPOSSIBLE, "active_power_kw")
    ]


@given(st.lists(st.text(alphabet="0123456789.+-eE _,\n[]naiful１", max_size=6), max_size=5))
def test_a_column_of_numbers_is_read_as_each_of_them_would_be(texts: list[str]) -> None:
    numbers, bad = parse_numbers(texts)
    for row, text in enumerate(texts):
        [alone], alone_bad = parse_numbers([text])
        assert (row in bad) == bool(alone_bad)
        np.testing.assert_equal(numbers[row], alone)
        if not np.isnan(alone):
            assert float(text) == alone


# --- files that are none -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first_line", "complaint"),
    [
        (HEADER.replace(",", ";"), "separated by semicolons; save the file with commas"),
        (HEADER.replace(",", "\t"), "separated by tabs"),
        (HEADER.replace(",", "，"), "separated by full-width commas"),
        (HEADER + ",weather", "the column 'weather' is unknown; use transformer_id, measured_at"),
        (HEADER.replace("voltage_a_v", "voltage_a"), "the column 'voltage_a' is unknown; did you mean voltage_a_v?"),
        (HEADER + ",measured_at", "the column measured_at is there twice"),
        ("transformer_id,active_power_kw", "the column measured_at is missing"),
        ("measured_at,active_power_kw", "the column transformer_id is missing"),
        ("", "the file has no header"),
    ],
)
def test_a_header_that_is_not_ours_is_one_clear_line(write: WriteFile, first_line: str, complaint: str) -> None:
    path = write(first_line, power("1"))
    with pytest.raises(LedgerError) as error:
        read(path)
    assert str(error.value).startswith(f"{path}:1: ")
    assert complaint in str(error.value)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "the file has no header"),
        (b"PK\x03\x04rest of a workbook", "an Excel workbook"),
        (gzip.compress(b"x", mtime=0), "a gzip archive"),
        (HEADER.encode("utf-16"), "UTF-16"),
        (HEADER.encode() + b"\n\xff\xff\xff", "neither UTF-8 nor GB18030"),
        (f'{HEADER}\n"{"x" * 200_000}'.encode(), "no CSV"),
    ],
)
def test_a_file_that_is_no_csv_is_one_clear_line(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "readings.csv"
    path.write_bytes(content)
    with pytest.raises(LedgerError, match=complaint):
        read(path)


def test_a_file_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(UsageError, match=r"cannot be read: .*; give the path of a CSV file") as error:
            read_readings_csv(path, FLEET, limits=ANY_DAY)
        assert str(path) in str(error.value)


def test_a_header_alone_holds_no_readings(write: WriteFile) -> None:
    assert len(read(write(HEADER)).readings) == 0


# --- size --------------------------------------------------------------------------------------------------------


def test_a_long_file_is_read_in_chunks_and_says_how_far_it_is(write: WriteFile) -> None:
    path = write(HEADER, *(power(f"{number % 300}.5") for number in range(10_000)))
    heard: list[tuple[int, float]] = []
    chunks = read_readings_csv(
        path, FLEET, limits=ANY_DAY, progress=lambda rows, part: heard.append((rows, part)), chunk_rows=1_000
    )
    assert [len(chunk.readings) for chunk in chunks] == [1_000] * 10
    assert [rows for rows, _ in heard] == list(range(1_000, 10_001, 1_000))
    assert all(a < b <= 1.0 for (_, a), (_, b) in pairwise(heard))
    assert heard[-1][1] == 1.0


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "readings.csv"
    line = power("361.0") + "\n"
    peaks = []
    for rows in (10_000, 60_000):
        path.write_text(f"{HEADER}\n{line * rows}")
        tracemalloc.start()
        count = sum(len(chunk.readings) for chunk in read_readings_csv(path, FLEET, limits=ANY_DAY, chunk_rows=2_000))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert count == rows
    assert peaks[1] < 1.2 * peaks[0]
