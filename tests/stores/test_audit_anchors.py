"""The end of the audit record is vouched for from outside: rows cut off and tails sealed anew show."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from service.audit_check import check_audit
from service.container import Container
from service.settings.settings import load_settings
from stores.records.audit import AuditEntry
from stores.records.audit_anchors import ANCHORS_FILE, Head
from tests.support.town import Town, build_town


@pytest.fixture
def town(tmp_path: Path) -> Town:
    """Return a town with some rows in its audit record, their heads noted."""
    built = build_town(tmp_path)
    container = Container(load_settings(built.config))
    for n in range(5):
        container.records.record_reveal("M01", "P1", f"reason {n}", 1_627_099_200_000_000 + n)
    container.close()
    return built


def found(town: Town, noted: Head | None = None) -> list[int]:
    """Return the rows at which something is wrong."""
    container = Container(load_settings(town.config))
    try:
        return [each.no for each in check_audit(container.records, container.audit_anchors, noted).findings]
    finally:
        container.close()


def entries(town: Town) -> list[AuditEntry]:
    """Return the audit record, oldest first."""
    container = Container(load_settings(town.config))
    try:
        return list(reversed(container.records.audit(1000)))
    finally:
        container.close()


def write(town: Town, *statements: str) -> None:
    """Write to the database as somebody who can write its file."""
    connection = sqlite3.connect(town.folder / "data" / "records.sqlite")
    with connection:
        for name in ("audit_no_update", "audit_no_delete"):
            connection.execute(f"DROP TRIGGER IF EXISTS {name}")
        for statement in statements:
            connection.execute(statement)
    connection.close()


def seal_anew(town: Town, kept: list[AuditEntry]) -> None:
    """Put a forged record in the place of the real one, each row sealed to the one before it."""
    connection = sqlite3.connect(town.folder / "data" / "records.sqlite")
    with connection:
        connection.execute("DROP TRIGGER IF EXISTS audit_no_update")
        connection.execute("DROP TRIGGER IF EXISTS audit_no_delete")
        connection.execute("DELETE FROM audit")
        previous = "0" * 64
        for no, entry in enumerate(kept, 1):
            unsealed = replace(entry, no=no, previous_hash=previous, hash="")
            previous = unsealed.expected_hash
            row = (
                no,
                entry.at_us,
                entry.by,
                entry.action,
                entry.subject,
                entry.detail,
                unsealed.previous_hash,
                previous,
            )
            connection.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    connection.close()


def test_an_untouched_record_is_whole_and_vouched_for_to_its_last_row(town: Town) -> None:
    assert found(town) == []
    container = Container(load_settings(town.config))
    state = check_audit(container.records, container.audit_anchors)
    assert state.head is not None
    assert state.anchored_no == state.head.no == len(container.records.audit(1000))
    container.close()


@pytest.mark.parametrize("cut", [1, 3])
def test_rows_cut_off_at_the_end_are_missed(town: Town, cut: int) -> None:
    last = entries(town)[-1].no
    write(town, f"DELETE FROM audit WHERE no > {last - cut}")  # noqa: S608
    assert found(town)


@pytest.mark.parametrize(
    "forge",
    [
        lambda kept: [*kept[:-1], replace(kept[-1], detail='{"reason":"another"}')],
        lambda kept: [*kept[:-2], kept[-1]],
        lambda kept: [*kept[:-1], replace(kept[-1], detail='{"reason":"more"}'), kept[-1]],
        lambda kept: [replace(each, by="P0") for each in kept],
    ],
    ids=["changed", "removed", "inserted", "all of it"],
)
def test_a_tail_sealed_anew_is_seen(town: Town, forge: Callable[[list[AuditEntry]], list[AuditEntry]]) -> None:
    seal_anew(town, forge(entries(town)))
    container = Container(load_settings(town.config))
    assert container.records.verify_audit() is None, "the chain alone does not see it"
    container.close()
    assert found(town)


def test_a_missing_or_forged_file_of_anchors_is_a_finding(town: Town) -> None:
    file = town.folder / "data" / ANCHORS_FILE
    lines = file.read_text(encoding="utf-8").splitlines()
    forged = {**json.loads(lines[-1]), "hash": "0" * 64}
    file.write_text("\n".join([*lines[:-1], json.dumps(forged)]) + "\n", encoding="utf-8")
    assert found(town)
    file.unlink()
    assert found(town)


def test_a_head_that_was_noted_elsewhere_vouches_when_all_files_here_were_replaced(town: Town) -> None:
    last = entries(town)[-1]
    noted = Head(last.no, last.hash)
    assert found(town, noted) == []
    write(town, f"DELETE FROM audit WHERE no = {last.no}")  # noqa: S608
    file = town.folder / "data" / ANCHORS_FILE
    file.write_text("".join(file.read_text(encoding="utf-8").splitlines(keepends=True)[:-1]), encoding="utf-8")
    assert found(town) == []
    assert found(town, noted)
