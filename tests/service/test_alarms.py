"""`redvest alarms`: what the records say was told, held against EEMUA 191, as JSON, in words and by exit code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from alerts.model.incidents import Incident, IncidentState
from alerts.model.kinds import MessageKind
from alerts.notification.audit import RepeatedAlarm
from alerts.notification.audit_words import finding
from alerts.outreach.planner import OutreachList
from grid.text import Text
from grid.timestamps import DAY_US, HOUR_US, MINUTE_US, SECOND_US, format_utc, parse_timestamp_us
from service.cli import main
from service.queries.alarm_audit import AuditedAlarms, audited_alarms, subject_of
from stores.records.changes import Changes, NotifiedEvent
from stores.records.records import Records
from tests.support.record_store import an_incident, with_tables
from tests.support.town import ZONE, town_ledger

NOON_US = parse_timestamp_us("2021-07-24T12:00:00+08:00")
FROM_US, TO_US = NOON_US - DAY_US // 2, NOON_US + DAY_US // 2


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    """Return records with the town's ledger and nothing told."""
    with Records(with_tables(f"sqlite:///{tmp_path / 'data' / 'records.sqlite'}")) as opened:
        opened.replace_ledger(town_ledger(), by="test", now_us=FROM_US)
        yield opened


def audited(records: Records) -> AuditedAlarms:
    return audited_alarms(records, records.ledger(), ZONE, FROM_US, TO_US)


def told(incident: Incident, after_us: int, what: str = "opened", message: str = "") -> NotifiedEvent:
    key = f"{incident.incident_id}/{what}"
    at_us = incident.opened_at_us + after_us
    return NotifiedEvent(
        key, "incident_" + what.split("/")[0], "YX", incident.level, incident.transformer_id,
        incident.incident_id, at_us, at_us, message or key,
    )  # fmt: skip


def listed(incident: Incident, made_at_us: int) -> OutreachList:
    return OutreachList(
        incident_id=incident.incident_id,
        revision=1,
        made_at_us=made_at_us,
        load_rate=incident.last_load_rate,
        target_load_rate=0.8,
        needed_kw=10.0,
        probability=0.9,
        reached_probability=0.0,
        doors=(),
        reason=Text("无", "none"),
    )


def test_an_incident_that_was_told_at_once_leaves_nothing_to_mend(records: Records) -> None:
    incident = an_incident("YX06-a", NOON_US)
    records.commit(Changes(incidents=(incident,), told=(told(incident, 40 * SECOND_US),)))
    found = audited(records).audit
    assert found.is_clean
    (load,) = found.operators
    assert (load.operator, load.messages, load.most_in_window) == ("YX", 1, 1)
    assert load.mean_per_window == pytest.approx(1 / 144)
    assert found.windows == 144


def test_an_incident_that_nobody_was_told_of_is_missed_and_one_told_after_two_minutes_is_late(records: Records) -> None:
    missed, late = an_incident("YX06-a", NOON_US), an_incident("YX06-b", NOON_US + 3 * HOUR_US)
    records.commit(Changes(incidents=(missed, late), told=(told(late, 121 * SECOND_US),)))
    found = audited(records).audit
    assert [one.incident_id for one in found.missed] == ["YX06-a"]
    assert [one.incident_id for one in found.late] == ["YX06-b"]
    assert not found.is_clean


@pytest.mark.parametrize(
    ("found_after_us", "closed_after_us", "should_call"),
    [
        (10 * SECOND_US, HOUR_US, True),
        (2 * HOUR_US, 3 * HOUR_US, True),
        (2 * HOUR_US + 1, 3 * HOUR_US, False),
        (90 * MINUTE_US, HOUR_US, False),
    ],
)
def test_history_that_was_found_late_need_not_call_anybody(
    records: Records, found_after_us: int, closed_after_us: int, should_call: bool
) -> None:
    opened_at_us = NOON_US - 5 * HOUR_US
    incident = replace(
        an_incident("YX06-a", opened_at_us, IncidentState.CLOSED), closed_at_us=opened_at_us + closed_after_us
    )
    records.commit(Changes(incidents=(incident,), lists=(listed(incident, opened_at_us + found_after_us),)))
    assert bool(audited(records).audit.missed) is should_call


def test_a_retracted_incident_is_not_missed(records: Records) -> None:
    records.commit(Changes(incidents=(an_incident("YX06-a", NOON_US, IncidentState.RETRACTED),)))
    assert audited(records).audit.missed == ()


def test_ten_messages_in_ten_minutes_are_a_flood_and_ten_remarks_in_one_message_are_not(records: Records) -> None:
    incident = an_incident("YX06-a", NOON_US)
    gathered = [told(incident, 0, f"list/{n}", "one") for n in range(10)]
    records.commit(Changes(incidents=(incident,), told=(told(incident, 0, message="one"), *gathered)))
    assert audited(records).audit.operators[0].share_flood == 0.0
    apart = [told(incident, n * SECOND_US, f"enough/{n}") for n in range(9)]
    records.commit(Changes(told=tuple(apart)))
    assert audited(records).audit.operators[0].share_flood == 1 / 144


def test_what_is_told_again_of_the_same_thing_is_repeated(records: Records) -> None:
    losses = [
        NotifiedEvent(
            f"silence/feeder/F1/{at_us}/lost", "communication_lost", "YX", "communication_lost", "", None,
            at_us, at_us, f"loss {at_us}",
        )
        for at_us in (NOON_US, NOON_US + HOUR_US)
    ]  # fmt: skip
    records.commit(Changes(told=tuple(losses)))
    (repeated,) = audited(records).audit.repeated
    assert (repeated.operator, repeated.key, repeated.times) == ("YX", "silence/feeder/F1/lost", 2)


@pytest.mark.parametrize(
    ("key", "subject"),
    [
        ("YX06-20210724T0324Z-5d97c9/list/2", "YX06-20210724T0324Z-5d97c9/list/2"),
        (f"YX06-a/blind/{NOON_US}", "YX06-a/blind"),
        (f"YX07/STUCK/{NOON_US}", "YX07/STUCK"),
    ],
)
def test_the_subject_of_a_remark_is_its_key_without_the_timestamp(key: str, subject: str) -> None:
    assert subject_of(key) == subject


@pytest.mark.parametrize(
    ("kind", "key", "words"),
    [
        (
            MessageKind.COMMUNICATION_LOST,
            "silence/feeder/F1/lost",
            Text("线路 F1 通信中断", "communication lost on feeder F1"),
        ),
        (MessageKind.MONITORING_BLIND, "silence/stream/back", Text("监测恢复", "monitoring sees again")),
        (
            MessageKind.CHECK_THE_METER,
            "YX07/STUCK",
            Text("YX07 核查表计（数据冻结）", "check the meter of YX07 (frozen values)"),
        ),
        (
            MessageKind.INCIDENT_BLIND,
            "YX06-a/blind",
            Text("事件 YX06-a 读数中断", "readings of incident YX06-a stopped"),
        ),
        (MessageKind.OTHER, "some/other/key", Text("some/other/key", "some/other/key")),
    ],
)
def test_what_was_repeated_is_said_in_words(kind: MessageKind, key: str, words: Text) -> None:
    said = finding(RepeatedAlarm("YX", key, 2, kind, "YX07", "YX06-a"), ZoneInfo(ZONE))
    assert said == Text(f"YX 重复收到 2 次：{words.zh}。", f"YX was told 2 times: {words.en}.")


def test_only_what_was_told_in_the_span_is_counted(records: Records) -> None:
    before, within = an_incident("YX06-a", FROM_US - HOUR_US), an_incident("YX06-b", FROM_US)
    records.commit(
        Changes(incidents=(before, within), told=(told(before, 40 * SECOND_US), told(within, 40 * SECOND_US)))
    )
    found = audited(records).audit
    assert found.operators[0].messages == 1
    assert found.is_clean


@pytest.fixture
def redvest(
    records: Records, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Any:
    """Return a function that runs `redvest alarms` on those records and gives exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "redvest.toml").write_text('[data]\nfolder = "data"\n', encoding="utf-8")

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main.main(["alarms", "--from", format_utc(FROM_US), "--to", format_utc(TO_US), *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_a_clean_day_is_exit_0_and_says_so(redvest: Any) -> None:
    code, out, _ = redvest("--language", "en")
    assert code == 0
    assert "EEMUA 191" in out
    assert "Nothing to mend" in out


def test_a_finding_is_exit_1_a_json_line_and_a_sentence(redvest: Any, records: Records) -> None:
    times = [an_incident(f"YX06-{n}", NOON_US + n * 10 * MINUTE_US) for n in range(3)]
    late = an_incident("YX07-a", NOON_US)
    late = replace(late, transformer_id="YX07")
    records.commit(
        Changes(
            incidents=(*times, late),
            told=(*(told(one, 30 * SECOND_US) for one in times[:2]), told(late, 5 * MINUTE_US)),
        )
    )
    code, out, error = redvest("--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert (code, error) == (1, "")
    assert [line["kind"] for line in lines] == ["operator", "flapping", "late"]
    assert (lines[0]["station_id"], lines[0]["alarms"], lines[0]["windows"]) == ("YX", 3, 144)
    assert lines[2]["told_at"] == format_utc(NOON_US + 5 * MINUTE_US)
    code, out, _ = redvest("--language", "zh")
    assert code == 1
    assert "YX06 反复越限" in out
    assert "YX07-a 迟到" in out


def test_every_json_field_is_documented(redvest: Any, records: Records) -> None:
    missed, again = an_incident("YX06-a", NOON_US), an_incident("YX06-b", NOON_US + 2 * HOUR_US)
    late = an_incident("YX06-c", NOON_US + 4 * HOUR_US)
    flapping = [an_incident(f"YX06-f{n}", NOON_US + 6 * HOUR_US + n * MINUTE_US) for n in range(3)]
    blind = [told(again, n * MINUTE_US, f"blind/{NOON_US + n}") for n in range(2)]
    records.commit(Changes(incidents=(missed, again, late, *flapping), told=(*blind, told(late, 5 * MINUTE_US))))
    _, out, _ = redvest("--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert {line["kind"] for line in lines} == {"operator", "flapping", "repeated", "late", "missed"}
    documents = (Path(__file__).resolve().parents[2] / "docs" / "commands.md").read_text(encoding="utf-8")
    section = documents.partition("### redvest alarms")[2].partition("\n### ")[0].partition("JSON")[2]
    assert not [field for line in lines for field in line if f"`{field}`" not in section]


def test_an_empty_span_is_wrong_use(redvest: Any) -> None:
    code, out, error = redvest("--from", format_utc(TO_US), "--language", "en")
    assert (code, out) == (2, "")
    assert "not before the last" in error


def test_late_counts_from_the_reading_that_opened_it_and_not_from_the_crossing_before_it(records: Records) -> None:
    crossing = FROM_US + 10 * MINUTE_US
    slow_meter = replace(an_incident("slow", crossing), first_reading_at_us=crossing + 12 * MINUTE_US)
    records.commit(Changes(incidents=(slow_meter,), told=(told(slow_meter, 13 * MINUTE_US),)))
    assert audited(records).audit.late == ()
