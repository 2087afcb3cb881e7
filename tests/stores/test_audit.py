"""The audit record: complete, without personal data, and tampering shows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy

from alerts.outreach.planner import Visit, VisitResult
from grid.assets import Ledger, Merchant, Person, Role, Station, Transformer
from stores.records.changes import Changes
from stores.records.records import Records
from tests.support.record_store import KINDS, NOON_US, an_incident, new_database, rows, with_tables

TOWN = Ledger(
    stations=(Station("S1", "模拟供电所", "Asia/Shanghai"),),
    transformers=(Transformer("YX06", "银杏六号", "S1", 400.0),),
    people=(Person("P1", "模拟甲", Role.MEMBER, phone="13800000001"),),
    merchants=(Merchant("M1", "模拟饭店", "YX06", "1 Simulated Street", "模拟丙", "13800000002"),),
)


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with new_database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def records(url: str) -> Iterator[Records]:
    """Records with three audit entries: a ledger taken, a visit, a reveal."""
    with Records(with_tables(url)) as records:
        records.replace_ledger(TOWN, "P9", NOON_US)
        records.commit(Changes(incidents=(an_incident(),)))
        records.record_visit(Visit("YX06-a", "M1", VisitResult.AGREED, NOON_US + 1, "P1"), "P2")
        records.record_reveal("M1", "P3", "回访约定时间", NOON_US + 2)
        yield records


def test_ledger_changes_visits_and_reveals_are_recorded_with_who_and_when(records: Records) -> None:
    reveal, visit, ledger = records.audit(9)
    assert (reveal.action, reveal.subject, reveal.by, reveal.at_us) == ("merchant_revealed", "M1", "P3", NOON_US + 2)
    assert reveal.detail == '{"reason":"回访约定时间"}'
    assert (visit.action, visit.subject, visit.by) == ("visit_recorded", "YX06-a", "P2")
    assert visit.detail == '{"merchant_id":"M1","recorded_by":"P1","result":"agreed"}'
    assert (ledger.action, ledger.subject, ledger.by) == ("ledger_replaced", "ledger version 1", "P9")
    assert '"merchants":{"added":1,"changed":0,"retired":0}' in ledger.detail
    assert [entry.no for entry in records.audit(2)] == [3, 2]


def test_the_record_holds_no_personal_data(records: Records) -> None:
    told = "".join(str(vars(entry)) for entry in records.audit(9))
    for secret in ("13800000001", "13800000002", "模拟丙", "模拟饭店", "Simulated Street"):
        assert secret not in told


def test_an_untouched_record_is_whole(records: Records) -> None:
    assert records.verify_audit() is None


@pytest.mark.parametrize("statement", ["UPDATE audit SET \"by\" = 'P0'", "DELETE FROM audit WHERE no = 1"])
def test_the_database_refuses_to_change_or_delete_an_entry(records: Records, url: str, statement: str) -> None:
    with pytest.raises(sqlalchemy.exc.DBAPIError, match="append-only"):
        rows(url, statement)
    assert records.verify_audit() is None


def test_the_database_refuses_to_replace_an_entry_even_from_a_foreign_connection(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    with Records(f"sqlite:///{path}") as records:
        records.migrate()
        records.record_reveal("M1", "P3", "reason", NOON_US)
        foreign = sqlite3.connect(path)  # recursive_triggers is off here
        with pytest.raises(sqlite3.DatabaseError, match="append-only"):
            foreign.execute(
                "REPLACE INTO audit SELECT no, at_us, 'P0', action, subject, detail, previous_hash, hash FROM audit"
            )
        foreign.close()
        assert records.verify_audit() is None


def go_round_the_triggers(url: str) -> None:
    if url.startswith("sqlite"):
        for name in ("audit_no_update", "audit_no_delete"):
            rows(url, f"DROP TRIGGER {name}")
    else:
        rows(url, "ALTER TABLE audit DISABLE TRIGGER ALL")


@pytest.mark.parametrize(
    ("tampering", "broken_no"),
    [
        ("UPDATE audit SET \"by\" = 'P0' WHERE no = 2", 2),
        ("UPDATE audit SET at_us = at_us + 1 WHERE no = 1", 1),
        ("UPDATE audit SET detail = '{}' WHERE no = 3", 3),
        ("DELETE FROM audit WHERE no = 1", 2),
        ("DELETE FROM audit WHERE no = 2", 3),
        ("UPDATE audit SET hash = 'x' WHERE no = 2", 2),
        ("UPDATE audit SET no = 4 WHERE no = 3", 4),
    ],
)
def test_whoever_goes_round_the_triggers_is_seen(records: Records, url: str, tampering: str, broken_no: int) -> None:
    go_round_the_triggers(url)
    rows(url, tampering)
    broken = records.verify_audit()
    assert broken is not None
    assert broken.no == broken_no


def test_an_entry_that_was_changed_and_sealed_anew_is_seen_by_the_next_one(records: Records, url: str) -> None:
    visit = next(entry for entry in records.audit(9) if entry.no == 2)
    forged = replace(visit, by="P0")
    go_round_the_triggers(url)
    rows(url, f"UPDATE audit SET \"by\" = 'P0', hash = '{forged.expected_hash}' WHERE no = 2")  # noqa: S608
    broken = records.verify_audit()
    assert broken is not None
    assert broken.no == 3
