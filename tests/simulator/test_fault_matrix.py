"""Every row of the published table holds: what the product says of a day with faults is what docs/faults.md says."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest

from collector.mqtt.broker_address import BrokerAddress
from simulator.faults.faults import Kind, parse_fault
from tests.support.fault_matrix import Outcome, outcome_of, outcome_through_a_broker
from tests.support.mosquitto import Mosquitto

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "faults.md"
NOTHING = "–"
ANY = "any"
NEEDS_A_BROKER = {Kind.RETAINED, Kind.RECONNECT}

COLUMNS = tuple(field.name for field in fields(Outcome))


def published_rows() -> list[tuple[tuple[str, ...], Outcome]]:
    """Return faults and outcome of each row of the table."""
    lines = DOCUMENT.read_text(encoding="utf-8").partition("<!-- matrix -->")[2].strip().splitlines()
    header, _, *rows = [line for line in lines if line.startswith("|")]
    assert tuple(cells_of(header)[1:]) == COLUMNS
    return [(tuple(re.findall(r"`([^`]+)`", cells_of(row)[0])), outcome_in(cells_of(row)[1:])) for row in rows]


def cells_of(row: str) -> list[str]:
    """Return the cells of a table's row."""
    return [cell.strip() for cell in row.strip("|").split("|")]


def outcome_in(cells: list[str]) -> Outcome:
    """Return the outcome that the cells of a row tell."""
    return Outcome(*("" if cell == NOTHING else cell.replace("`", "").replace(",", "") for cell in cells))


def in_cells(outcome: Outcome) -> Outcome:
    """Return an outcome as cells tell it: without commas, which tables put into numbers too."""
    return Outcome(*(getattr(outcome, column).replace(",", "") for column in COLUMNS))


ROWS = published_rows()


@pytest.mark.parametrize(("faults", "expected"), ROWS, ids=[" ".join(faults) or "none" for faults, _ in ROWS])
def test_the_product_says_what_the_table_says(
    faults: tuple[str, ...], expected: Outcome, tmp_path: Path, new_mosquitto: Callable[..., Mosquitto]
) -> None:
    if NEEDS_A_BROKER.isdisjoint(parse_fault(text).kind for text in faults):
        assert in_cells(outcome_of(tmp_path, *faults)) == expected
        return
    broker = new_mosquitto()
    address = BrokerAddress(broker.host, broker.port, protocol="3.1.1")
    said = in_cells(outcome_through_a_broker(tmp_path, address, *faults))
    assert (said if expected.repeated != ANY else replace(said, repeated=ANY)) == expected


def test_every_kind_of_fault_has_a_row_and_is_explained() -> None:
    told = {parse_fault(text).kind for faults, _ in ROWS for text in faults}
    assert told == set(Kind)
    explained = re.findall(r"^\| `([a-z-]+)` \| (?:device|line) \|", DOCUMENT.read_text(encoding="utf-8"), re.M)
    assert explained == [kind.value for kind in Kind]
