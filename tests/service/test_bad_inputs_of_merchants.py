"""Bad inputs of the merchants' sheet, through `redvest ledger check`; and what evil names become on their way out."""

from __future__ import annotations

import csv
import io
import json
import logging
import os
import sys
import tomllib
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from grid.text import Language, Text
from service.cli import main
from service.cli.collect import OneLineFormatter
from service.notify.channels.notice import Notice, notice_json
from stores.ledger_files import read_ledger, write_ledger
from tests.support.bad_inputs import CORPUS

CASES = tomllib.loads((CORPUS / "merchants.toml").read_text(encoding="utf-8"))["case"]
HEADER = (
    "merchant_id,name,transformer_id,address,contact_name,phone,category,phase,walk_order,protected,protected_reason"
)
SOUND = "M01,模拟小吃店,YX06,模拟街 1 号,,,,,,,"
GROUND = {
    "stations.csv": "station_id,name,timezone\nST01,模拟供电所,Asia/Shanghai\n",
    "transformers.csv": "transformer_id,name,station_id,rated_power_kva\nYX06,模拟台区,ST01,400\n",
}
EVIL_NAMES = (
    "<script>alert(1)</script>",
    "**大字** [点我](http://example.org)",
    "一号 @all 店",
    '"; DROP TABLE merchant; --',
    "a;b,c|d",
    "' or 1=1",
    "+1",
    "-1+2",
)


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test where there is no settings file and no variable of ours."""
    for name in [name for name in os.environ if name.startswith("REDVEST_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def sheet_of(case: dict[str, Any]) -> bytes:
    """Return the bytes of merchants.csv."""
    encoding: str = case.get("encoding", "utf-8")
    head = f"{case.get('header', HEADER)}\n{SOUND}\n".encode(encoding)
    if "hex" in case:
        return head + bytes.fromhex(case["hex"]) + b"\n"
    rows = "".join(f"{row}\n" for row in case["rows"]).encode("utf-8" if encoding == "utf-16" else encoding)
    return head + rows * int(case.get("copies", 1))


def ledger_with(merchants: bytes) -> Path:
    """Write a ledger around a sheet of merchants."""
    folder = Path("ledger")
    folder.mkdir()
    for name, text in GROUND.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "merchants.csv").write_bytes(merchants)
    return folder


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_each_bad_row_is_told_by_line_and_column_and_none_is_mended(
    case: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ledger_with(sheet_of(case))
    code = main.main(["ledger", "check", str(folder), "--json"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    faults = [line for line in lines if "problem" in line]
    assert [[fault["line"], fault["column"]] for fault in faults] == case["faults"], faults
    assert {fault["file"] for fault in faults} <= {"merchants.csv"}
    assert all(fault["problem"] and fault["remedy"] for fault in faults)
    assert code == (1 if case["faults"] else 0)


def evil_ledger() -> Path:
    """Write a ledger whose shops have evil names that a sheet may hold."""
    rows = io.StringIO()
    writer = csv.writer(rows, lineterminator="\n")
    writer.writerows([f"M{number:02d}", name, "YX06", *[""] * 8] for number, name in enumerate(EVIL_NAMES, 2))
    return ledger_with(f"{HEADER}\n{SOUND}\n{rows.getvalue()}".encode())


def test_evil_names_come_back_as_they_were_and_no_cell_calculates(capsys: pytest.CaptureFixture[str]) -> None:
    folder = evil_ledger()
    ledger, faults = read_ledger(folder)
    assert ledger is not None, faults
    assert [merchant.name for merchant in ledger.merchants[1:]] == list(EVIL_NAMES)
    for target in (Path("out"), Path("out.xlsx")):
        write_ledger(ledger, target)
        assert read_ledger(target) == (ledger, ())
    book = openpyxl.load_workbook("out.xlsx")
    assert all(
        cell.data_type != "f" and cell.hyperlink is None for row in book["merchants"].iter_rows() for cell in row
    )
    text = Path("out/merchants.csv").read_text(encoding="utf-8-sig")
    cells = [cell for row in csv.reader(text.splitlines()) for cell in row]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]
    assert main.main(["ledger", "import", str(folder)]) == 0
    capsys.readouterr()


def test_a_name_forges_no_line_of_the_log() -> None:
    record = logging.LogRecord(
        "redvest", logging.WARNING, "", 0, "transformer %s", ("a\r\n2021 INFO all is well\x1b[2J",), None
    )
    line = OneLineFormatter("%(levelname)s %(message)s").format(record)
    assert line == "WARNING transformer a  2021 INFO all is well[2J"


def test_a_name_forges_no_line_behind_a_traceback() -> None:
    try:
        raise ValueError("a\n2021 INFO all is well\x1b[2J")
    except ValueError:
        record = logging.LogRecord("redvest", logging.ERROR, "", 0, "failed", None, sys.exc_info())
    told = OneLineFormatter("%(levelname)s %(message)s").format(record)
    assert told.splitlines()[0] == "ERROR failed"
    assert all(line.startswith("| ") for line in told.splitlines()[1:])
    assert "\x1b" not in told


@pytest.mark.parametrize("name", [*EVIL_NAMES, "a\r\nb", "\x1b[31m"])
def test_a_name_in_a_message_to_the_chat_is_text_and_mentions_nobody(name: str) -> None:
    notice = Notice(1, "opened", "ST01", None, Text(f"{name} 重载", f"{name} is heavy"), "http://x", 0)
    sent = json.loads(json.dumps(notice_json(notice, Language.ZH), ensure_ascii=False))
    assert sent["text"].isprintable()
    assert not {"at", "isAtAll", "mentioned_list", "markdown"} & set(sent)
