"""Ledger, verdicts, incidents, lists and visits: what several processes record a little of, in either database."""

from __future__ import annotations

import math
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import stores.records.migrations
from alerts.model.episodes import Ending, Episode
from alerts.model.incidents import IncidentEvent, IncidentEventKind, IncidentState
from alerts.outreach.planner import Ask, Door, OutreachList, Visit, VisitResult
from grid.assets import (
    Appliance,
    ApplianceKind,
    Device,
    Ledger,
    Merchant,
    Person,
    Phase,
    Role,
    ServiceGrid,
    Station,
    Transformer,
)
from grid.errors import SettingsError, StoreError
from grid.text import Text
from grid.timestamps import DAY_US, HOUR_US, MINUTE_US
from service.response.visit_history import HISTORY_DAYS, VisitHistory
from stores.records.changes import Changes, NewMessage
from stores.records.records import Records
from stores.records.schema import SCHEMA_VERSION, metadata
from tests.support.record_store import KINDS, NOON_US, an_incident, new_database, rows, with_tables
from tests.support.waiting import pause

REPOSITORY = Path(__file__).parents[2]

TOWN = Ledger(
    stations=(Station("S1", "模拟供电所", "Asia/Shanghai"),),
    grids=(ServiceGrid("G2", "二号网格", "S1", "Simulated Street"), ServiceGrid("G1", "一号网格", "S1")),
    transformers=(
        Transformer("YX06", "银杏六号", "S1", 400.0, "G1", "F1", 80.0, True, 39.9, 116.4, "public"),
        Transformer("YX05", "银杏五号", "S1", 315.0),
    ),
    devices=(Device("ADC_0001", "YX06", True),),
    people=(Person("P1", "模拟甲", Role.GRID_LEAD, "G1", "13800000001", "c1"), Person("P2", "模拟乙", Role.DUTY)),
    merchants=(
        Merchant(
            "M2", "模拟饭店", "YX06", "1 Simulated Street", "模拟丙", "13800000002", "restaurant", Phase.A, 2, True, "x"
        ),
        Merchant("M1", "模拟超市", "YX06"),
    ),
    appliances=(
        Appliance("M1", ApplianceKind.AIR_CONDITIONER, 3, 3.5, 2, 22.0),
        Appliance("M1", ApplianceKind.AIR_CONDITIONER, 1, 7.1),
        Appliance("M2", ApplianceKind.LIGHTING, 10, 0.04, 5),
    ),
)


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with new_database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def records(url: str) -> Iterator[Records]:
    with Records(with_tables(url)) as records:
        yield records


def an_episode(started_minute: int = 0, *, level: str = "severe_heavy", ended_minute: int | None = None) -> Episode:
    started_at_us = NOON_US + started_minute * MINUTE_US
    return Episode(
        transformer_id="YX06",
        rule="early-warning@1",
        level=level,
        first_reading_at_us=started_at_us + 1,
        started_at_us=started_at_us,
        ended_at_us=None if ended_minute is None else NOON_US + ended_minute * MINUTE_US,
        ended_by=None if ended_minute is None else Ending.LEAVE,
        first_load_rate=0.9000001,
        peak_load_rate=0.9533,
        peak_at_us=started_at_us + MINUTE_US,
        readings=3,
    )


def a_list(revision: int, doors: int) -> OutreachList:
    def door(order: int) -> Door:
        ask = Ask(2, 3, 22.0, 26.0, True, other_off_units=1) if order == 1 else Ask()
        return Door(order, f"M{order}", ask, 7.0, 0.6, "P1", Text("离得近", "it is near"))

    return OutreachList(
        "YX06-a", revision, NOON_US, 0.9533, 0.8, 61.2, 0.9, 0.87, tuple(door(i) for i in range(1, doors + 1))
    )


def a_visit(merchant_id: str, result: VisitResult, minute: int) -> Visit:
    return Visit("YX06-a", merchant_id, result, NOON_US + minute * MINUTE_US, "P1")


def an_event(minute: int, kind: IncidentEventKind = IncidentEventKind.OPENED) -> IncidentEvent:
    return IncidentEvent("YX06-a", NOON_US + minute * MINUTE_US, kind, "95.33 %", "95.33 %")


def everything(url: str, table: str) -> list[tuple[object, ...]]:
    return rows(url, f"SELECT * FROM {table} ORDER BY 1, 2, 3")  # noqa: S608


# Ledger


def test_a_ledger_comes_back_as_it_was_taken_in_its_order(records: Records) -> None:
    assert (records.ledger(), records.ledger_version()) == (Ledger(), 0)
    taken = records.replace_ledger(TOWN, "P9", NOON_US)
    assert (taken.version, taken.added, taken.changed, taken.retired) == (1, 13, 0, 0)
    assert (records.ledger(), records.ledger_version()) == (TOWN, 1)


def test_taking_the_same_ledger_again_changes_nothing(records: Records) -> None:
    records.replace_ledger(TOWN, "P9", NOON_US)
    again = records.replace_ledger(TOWN, "P9", NOON_US + 1)
    assert (again.version, again.added, again.changed, again.retired) == (1, 0, 0, 0)
    assert len(records.audit(9)) == 1


def test_what_is_gone_from_the_ledger_is_retired_and_can_return(records: Records, url: str) -> None:
    records.replace_ledger(TOWN, "P9", NOON_US)
    smaller = replace(TOWN, merchants=TOWN.merchants[1:], appliances=TOWN.appliances[:1])
    changed = replace(smaller, transformers=(replace(TOWN.transformers[0], rated_power_kva=630.0),))
    taken = records.replace_ledger(changed, "P9", NOON_US + 5)
    assert (taken.version, taken.added, taken.changed, taken.retired) == (2, 0, 1, 4)
    assert records.ledger() == changed
    assert rows(url, "SELECT merchant_id, retired_at_us FROM merchant ORDER BY 1") == [
        ("M1", None),
        ("M2", NOON_US + 5),
    ]
    assert records.replace_ledger(TOWN, "P9", NOON_US + 6).added == 4
    assert records.ledger() == TOWN


def test_a_new_order_of_the_sheets_is_kept_and_is_no_change(records: Records) -> None:
    records.replace_ledger(TOWN, "P9", NOON_US)
    turned = replace(TOWN, transformers=TOWN.transformers[::-1])
    assert records.replace_ledger(turned, "P9", NOON_US).changed == 0
    assert records.ledger() == turned


def test_a_ledger_with_a_dangling_reference_is_refused_whole(records: Records) -> None:
    records.replace_ledger(TOWN, "P9", NOON_US)
    stray = replace(TOWN, stations=(Station("S2", "另一所", "Asia/Shanghai"), *TOWN.stations))
    stray = replace(stray, merchants=(*TOWN.merchants, Merchant("M3", "模拟茶馆", "NOWHERE")))
    with pytest.raises(StoreError):
        records.replace_ledger(stray, "P9", NOON_US)
    assert (records.ledger(), records.ledger_version()) == (TOWN, 1)


# Verdicts and incidents


def test_recording_the_same_changes_twice_leaves_the_same_records(records: Records, url: str) -> None:
    changes = Changes(
        episodes=(an_episode(), an_episode(level="heavy")),
        incidents=(an_incident(),),
        events=(an_event(0), an_event(1, IncidentEventKind.RAISED)),
        lists=(a_list(1, 3),),
        messages=(NewMessage("k", "incident_opened", "S1", "YX06-a", Text("重载", "heavy"), NOON_US, ("a", "b")),),
    )
    tables = ("episode", "incident", "incident_event", "outreach_list", "door", "message", "delivery")
    records.commit(changes)
    once = [everything(url, table) for table in tables]
    records.commit(changes)
    assert [everything(url, table) for table in tables] == once
    assert [len(table) for table in once] == [2, 1, 2, 1, 3, 1, 2]


def test_an_episode_is_brought_up_to_date_by_its_key(records: Records) -> None:
    records.commit(Changes(episodes=(an_episode(),)))
    closed = replace(an_episode(ended_minute=40), peak_load_rate=0.99, readings=41)
    records.commit(Changes(episodes=(closed,)))
    assert records.episodes() == (closed,)


def test_a_retracted_episode_is_left_out_until_readings_bring_it_back(records: Records) -> None:
    records.commit(Changes(episodes=(an_episode(0), an_episode(9))))
    records.commit(Changes(retracted_episodes=(an_episode(0).key,)))
    assert records.episodes() == (an_episode(9),)
    records.commit(Changes(episodes=(an_episode(0),)))
    assert records.episodes() == (an_episode(0), an_episode(9))


def test_episodes_are_found_by_transformer_by_time_and_by_being_open(records: Records) -> None:
    first, second, open_one = an_episode(0, ended_minute=5), an_episode(10, ended_minute=50), an_episode(60)
    other = replace(an_episode(20, ended_minute=22), transformer_id="YX05")
    records.commit(Changes(episodes=(open_one, other, second, first)))
    assert records.episodes() == (first, second, other, open_one)
    assert records.episodes("YX06") == (first, second, open_one)
    assert records.episodes(since_us=NOON_US + 22 * MINUTE_US) == (second, other, open_one)
    assert records.episodes("YX06", since_us=NOON_US + 51 * MINUTE_US) == (open_one,)
    assert records.episodes(open_only=True) == (open_one,)


def test_incidents_come_newest_first_open_ones_or_those_not_over_before_a_timestamp(records: Records) -> None:
    closed = an_incident("a", NOON_US, IncidentState.CLOSED)
    retracted = an_incident("b", NOON_US + HOUR_US, IncidentState.RETRACTED)
    open_one = replace(an_incident("c", NOON_US - HOUR_US), blind=True)
    records.commit(Changes(incidents=(closed, retracted, open_one)))
    assert records.incidents() == (retracted, closed, open_one)
    assert records.incidents(open_only=True) == (open_one,)
    assert records.incidents(since_us=NOON_US + HOUR_US) == (retracted, closed, open_one)
    assert records.incidents(since_us=NOON_US + 3 * HOUR_US) == (open_one,)
    assert (records.incident("c"), records.incident("d")) == (open_one, None)


def test_a_load_rate_that_is_missing_stays_missing(records: Records) -> None:
    records.commit(Changes(incidents=(replace(an_incident(), last_load_rate=math.nan),)))
    stored = records.incident("YX06-a")
    assert stored is not None
    assert math.isnan(stored.last_load_rate)


def test_an_incidents_record_is_told_in_order_each_event_once(records: Records) -> None:
    opened, closed = an_event(0), an_event(60, IncidentEventKind.CLOSED)
    records.commit(Changes(incidents=(an_incident(),), events=(closed, opened)))
    records.commit(Changes(events=(opened,)))
    assert records.events("YX06-a") == (opened, closed)


def test_changes_are_recorded_whole_or_not_at_all(records: Records) -> None:
    stray = IncidentEvent("no such incident", NOON_US, IncidentEventKind.OPENED, "", "")
    with pytest.raises(StoreError):
        records.commit(Changes(episodes=(an_episode(),), incidents=(an_incident(),), events=(stray,)))
    assert (records.episodes(), records.incidents()) == ((), ())


# Outreach


def test_a_list_comes_back_with_its_doors_and_the_latest_revision_counts(records: Records) -> None:
    assert records.outreach("YX06-a") is None
    records.commit(Changes(incidents=(an_incident(),), lists=(a_list(1, 3),)))
    assert records.outreach("YX06-a") == a_list(1, 3)
    records.commit(Changes(lists=(a_list(2, 5),)))
    assert records.outreach("YX06-a") == a_list(2, 5)
    assert records.outreach_revisions("YX06-a") == (a_list(1, 3), a_list(2, 5))


def test_a_list_that_people_have_seen_is_not_changed_under_them(records: Records) -> None:
    records.commit(Changes(incidents=(an_incident(),), lists=(a_list(1, 3),)))
    records.commit(Changes(lists=(a_list(1, 5),)))
    assert records.outreach("YX06-a") == a_list(1, 3)


def test_a_history_of_visits_takes_over_what_anybody_adds_and_lets_go_of_what_is_too_old(
    records: Records, url: str
) -> None:
    records.commit(Changes(incidents=(an_incident(),)))
    history = VisitHistory(records)
    history.look(NOON_US)
    assert history.of_incident("YX06-a") == ()
    old, new = a_visit("M1", VisitResult.REFUSED, 0), a_visit("M1", VisitResult.AGREED, 5)
    with Records(url) as page:
        page.record_visit(old, "P1")
        page.record_visit(new, "P1")
    history.look(NOON_US)
    assert history.of_incident("YX06-a") == (old, new) == history.of_merchants(["M2", "M1"])
    assert history.of_merchants(["M2"]) == ()
    history.look(old.recorded_at_us + HISTORY_DAYS * DAY_US + MINUTE_US)
    assert history.of_incident("YX06-a") == (new,)


def test_every_visit_is_kept_and_the_latest_result_of_a_door_counts(records: Records) -> None:
    records.commit(Changes(incidents=(an_incident(),)))
    absent, agreed = a_visit("M1", VisitResult.ABSENT, 5), a_visit("M1", VisitResult.AGREED, 20)
    refused = a_visit("M2", VisitResult.REFUSED, 7)
    for visit in (agreed, refused, absent, refused):
        records.record_visit(visit, "P1")
    assert records.visits("YX06-a") == (absent, refused, agreed)
    assert records.current_visits("YX06-a") == {"M1": agreed, "M2": refused}
    assert records.visits_since(NOON_US + 7 * MINUTE_US) == (refused, agreed)
    assert len(records.audit(9)) == 3


def test_a_visit_for_an_unknown_incident_is_refused(records: Records) -> None:
    with pytest.raises(StoreError):
        records.record_visit(a_visit("M1", VisitResult.AGREED, 0), "P1")
    assert records.audit(9) == ()


def test_odd_text_from_a_command_line_is_stored_not_fatal(records: Records) -> None:
    records.commit(Changes(incidents=(an_incident(),)))
    records.record_visit(replace(a_visit("M1", VisitResult.DONE, 0), recorded_by="P\udcff\x001"), "P\udcff\x001")
    assert records.visits("YX06-a")[0].recorded_by == "P?1"
    assert records.verify_audit() is None


def test_cursors_and_their_troubles_are_kept_apart(records: Records) -> None:
    assert (records.cursor("copy"), records.cursor_error("copy")) == (0, "")
    records.set_cursor_error("copy", "refused")
    records.set_cursor("copy", 7)
    assert (records.cursor("copy"), records.cursor_error("copy")) == (7, "refused")
    records.set_cursor_error("copy", "")
    assert (records.cursor("copy"), records.cursor_error("copy")) == (7, "")


def test_an_episode_is_to_be_copied_again_when_it_changed_and_only_then(records: Records) -> None:
    records.commit(Changes(episodes=(an_episode(),)))
    seen = records.episodes_to_copy(9)
    assert [(one.episode, one.retracted) for one in seen] == [(an_episode(), False)]
    records.commit(Changes(episodes=(an_episode(ended_minute=40),)))
    records.mark_episodes_copied(seen)
    changed = records.episodes_to_copy(9)
    assert [one.episode for one in changed] == [an_episode(ended_minute=40)]
    records.mark_episodes_copied(changed)
    records.commit(Changes(episodes=(an_episode(ended_minute=40),)))
    assert records.episodes_to_copy(9) == ()
    records.commit(Changes(retracted_episodes=(an_episode().key,)))
    assert [one.retracted for one in records.episodes_to_copy(9)] == [True]


# Several processes

_WRITER = """
import sys
from alerts.outreach.planner import Visit, VisitResult
from grid.text import Text
from service.response.visit_history import HISTORY_DAYS, VisitHistory
from stores.records.changes import Changes, NewMessage
from stores.records.records import Records
name, url = sys.argv[1:]
records = Records(url)
records.migrate()
for i in range(25):
    records.record_visit(Visit("YX06-a", f"{name}{i}", VisitResult.AGREED, i, name), name)
    records.commit(Changes(messages=(NewMessage(f"{name}{i}", "k", "S1", None, Text("", ""), i, ("a",)),)))
    records.record_reveal(f"{name}{i}", name, "reads the last row, then writes", i)
    print(i, flush=True)
"""


_STARTED: list[subprocess.Popen[str]] = []


@pytest.fixture(autouse=True)
def _processes_end() -> Iterator[None]:
    """End what a test started, with its pipe."""
    yield
    while _STARTED:
        process = _STARTED.pop()
        process.kill()
        process.communicate()


def a_process(script: str, *arguments: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", script, *arguments], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    _STARTED.append(process)
    return process


def test_processes_that_write_at_once_lose_nothing_and_a_killed_one_harms_nobody(records: Records, url: str) -> None:
    records.commit(Changes(incidents=(an_incident(),)))
    writers = [a_process(_WRITER, name, url) for name in ("A", "B", "C")]
    assert writers[2].stdout is not None
    for _ in range(10):
        writers[2].stdout.readline()
    writers[2].send_signal(signal.SIGKILL)
    noted_by_killed = 10 + len(writers[2].stdout.readlines())
    while any(writer.poll() is None for writer in writers):
        assert len(records.visits("YX06-a")) >= 10
        pause(0.02)
    assert [writer.wait() for writer in writers[:2]] == [0, 0]
    visits = [visit.recorded_by for visit in records.visits("YX06-a")]
    assert (visits.count("A"), visits.count("B")) == (25, 25)
    assert visits.count("C") - noted_by_killed in (0, 1)
    assert sum(entry.action == "visit_recorded" for entry in records.audit(999)) == len(visits)
    assert records.verify_audit() is None
    numbers = [message.message_no for message in records.messages(999)]
    assert len(set(numbers)) == len(numbers) >= 50 + noted_by_killed - 1


# Migrations

_KILLED_WHILE_MIGRATING = """
import os, signal, sys
from sqlalchemy import Engine, event
from stores.records.records import Records
statements_left = int(sys.argv[2])

@event.listens_for(Engine, "after_cursor_execute")
def count(*_: object) -> None:
    global statements_left
    statements_left -= 1
    if statements_left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

Records(sys.argv[1]).migrate()
"""


def statements_of_a_migration(url: str) -> int:
    counted: list[object] = []

    def count(*event: object) -> None:
        counted.append(event[2])

    sqlalchemy.event.listen(sqlalchemy.Engine, "after_cursor_execute", count)
    try:
        with Records(url) as records:
            records.migrate()
    finally:
        sqlalchemy.event.remove(sqlalchemy.Engine, "after_cursor_execute", count)
    return len(counted)


def test_a_migration_killed_anywhere_leaves_nothing_half_done(tmp_path: Path) -> None:
    statements = statements_of_a_migration(f"sqlite:///{tmp_path}/whole.sqlite")
    kill_after = (statements // 2, statements)  # the last one: all done but the commit
    urls = [f"sqlite:///{tmp_path}/{after}.sqlite" for after in kill_after]
    killed = [a_process(_KILLED_WHILE_MIGRATING, url, str(after)) for url, after in zip(urls, kill_after, strict=True)]
    assert [process.wait() for process in killed] == [-signal.SIGKILL] * 2
    for url in urls:
        with Records(url) as records:
            assert records.schema_version() == ""
            assert rows(url, "SELECT name FROM sqlite_schema") == []
            records.migrate()
            records.replace_ledger(TOWN, "P9", NOON_US)
            assert records.ledger() == TOWN


def test_several_processes_migrate_at_once_and_each_finds_the_schema(url: str) -> None:
    script = "import sys; from stores.records.records import Records; r = Records(sys.argv[1]); r.migrate(); r.ledger()"
    processes = [a_process(script, url) for _ in range(2)]
    assert [process.wait() for process in processes] == [0] * 2
    with Records(url) as records:
        assert records.schema_version() == SCHEMA_VERSION


def test_the_migrations_lead_to_the_tables_that_the_code_uses(records: Records, url: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(stores.records.migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_current_head() == SCHEMA_VERSION == records.schema_version()
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_records_of_a_newer_version_are_left_alone(records: Records, url: str) -> None:
    rows(url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match=r"newer Redvest.*install that version"):
        records.migrate()


# Trouble


def test_records_without_tables_say_what_to_do(url: str, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(exist_ok=True)
    with Records(url) as records, pytest.raises(StoreError, match="no tables yet; start the collector once"):
        records.incidents()


def test_a_sqlite_file_has_a_rollback_journal_and_checks_references(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    with Records(f"sqlite:///{path}") as records:
        records.migrate()
        with records._database.writing() as connection:
            pragmas = ("journal_mode", "synchronous", "foreign_keys", "recursive_triggers")
            assert [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas] == ["truncate", 3, 1, 1]
    assert {file.name for file in tmp_path.iterdir()} == {"records.sqlite", "records.sqlite-journal"}
    journal = tmp_path / "records.sqlite-journal"
    assert (journal.stat().st_size, journal.stat().st_mode & 0o777) == (0, 0o600), "it would keep what was deleted"


def test_only_its_owner_may_read_a_new_sqlite_file_of_records(tmp_path: Path) -> None:
    path = tmp_path / "data" / "records.sqlite"
    with Records(f"sqlite:///{path}") as records:
        records.migrate()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_no_database_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    path.write_bytes(b"not a database at all" * 100)
    with Records(f"sqlite:///{path}") as records, pytest.raises(StoreError, match="move the file") as refused:
        records.migrate()
    assert str(path) in str(refused.value)


def test_a_stuck_writer_does_not_stop_readers(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    with Records(f"sqlite:///{path}") as records:
        records.migrate()
        stuck = sqlite3.connect(path, isolation_level=None)
        stuck.execute("BEGIN IMMEDIATE")
        stuck.execute("INSERT INTO cursor VALUES ('x', 1, '')")
        assert records.cursor("x") == 0
        stuck.execute("COMMIT")
        stuck.close()
        assert records.cursor("x") == 1


@pytest.mark.parametrize("url", ["records.sqlite", "sqlite://", "mysql://root:secret@localhost/x", ""])
def test_an_unusable_address_is_refused_by_name_without_its_password(url: str) -> None:
    with pytest.raises(SettingsError, match=r"records.*sqlite:////") as refused:
        Records(url)
    assert "secret" not in str(refused.value)


def test_a_postgresql_server_that_is_away_is_said_with_the_remedy() -> None:
    with Records("postgresql+psycopg://nobody:secret@127.0.0.1:1/x") as records:
        with pytest.raises(StoreError, match="see that the server runs") as refused:
            records.migrate()
        assert "secret" not in str(refused.value)
