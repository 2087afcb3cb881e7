"""The product holds its own alarms against the limits: how many, how steady, how late, what was never told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from alerts.notification.audit import Alarm, AuditedIncident, FlappingTransformer, RepeatedAlarm, audit
from alerts.notification.audit_words import FORMULA, audit_summary, finding, operator_line
from alerts.notification.event import OPENED
from grid.timestamps import DAY_US, HOUR_US, MINUTE_US, parse_timestamp_us

MIDNIGHT = parse_timestamp_us("2021-07-24T00:00:00+08:00")
SHANGHAI = ZoneInfo("Asia/Shanghai")


def at(hour: int, minute: float = 0) -> int:
    return MIDNIGHT + hour * HOUR_US + round(minute * MINUTE_US)


def told(at_us: int, key: str, operator: str = "S1", message: str = "", transformer_id: str = "") -> Alarm:
    return Alarm(at_us, operator, key, OPENED, transformer_id, f"incident {key}", message)


def opened(at_us: int, key: str, transformer_id: str = "", *, should_call: bool = True) -> AuditedIncident:
    return AuditedIncident(f"incident {key}", transformer_id or f"T-{key}", "S1", at_us, should_call)


def of_the_day(
    alarms: Sequence[Alarm], incidents: Sequence[AuditedIncident] = (), operators: Sequence[str] = ()
) -> Any:
    return audit(alarms, incidents, MIDNIGHT, MIDNIGHT + DAY_US, operators)


def test_a_normal_day_is_clean() -> None:
    day = of_the_day(
        [told(at(11, 1), "a"), told(at(15, 31), "b")], [opened(at(11), "a"), opened(at(15, 30), "b")], ["S2"]
    )
    assert day.is_clean
    assert [(load.operator, load.messages) for load in day.operators] == [("S1", 2), ("S2", 0)]
    assert day.operators[0].mean_per_window == pytest.approx(2 / 144)
    assert (day.operators[0].most_in_window, day.operators[0].share_above_steady) == (1, 0.0)


def test_windows_of_ten_minutes_are_counted_for_each_operator_by_himself() -> None:
    alarms = [told(at(11, m), f"a{m}") for m in range(10)] + [told(at(11, 10), "later")]
    alarms += [told(at(12, m), f"b{m}", "S2") for m in (0, 9, 10)]
    first, second = of_the_day(alarms).operators
    assert (first.operator, first.messages, first.most_in_window, first.worst_window_at_us) == ("S1", 11, 10, at(11))
    assert (first.share_above_steady, first.share_flood) == (1 / 144, 1 / 144)
    assert (second.most_in_window, second.share_above_steady, second.share_flood) == (2, 1 / 144, 0.0)
    assert not of_the_day(alarms).is_clean


def test_nine_messages_in_ten_minutes_are_no_flood() -> None:
    assert of_the_day([told(at(11, m), f"a{m}") for m in range(9)]).operators[0].share_flood == 0.0


def test_a_digest_is_one_message_for_every_station_that_it_speaks_to() -> None:
    alarms = [told(at(11), f"{s}-{i}", s, "digest 1") for s in ("S1", "S2") for i in range(500)]
    day = of_the_day(alarms)
    assert [(load.operator, load.messages, load.share_flood) for load in day.operators] == [("S1", 1, 0), ("S2", 1, 0)]
    assert day.repeated == ()


def test_alarms_outside_the_span_do_not_burden_anybody() -> None:
    alarms = [told(MIDNIGHT - 1, "a"), told(MIDNIGHT, "b"), told(MIDNIGHT + DAY_US, "c")]
    assert of_the_day(alarms).operators[0].messages == 1


def test_three_openings_within_an_hour_are_flapping_and_two_are_not() -> None:
    incidents = [opened(at(11, m), f"a{m}", "YX06") for m in (0, 30, 60)]
    incidents += [opened(at(11, m), f"b{m}", "YX07") for m in (0, 30, 61)]
    alarms = [told(incident.opened_at_us, incident.incident_id.split()[1]) for incident in incidents]
    assert of_the_day(alarms, incidents).flapping == (FlappingTransformer("YX06", 3, at(11)),)


def test_flapping_is_seen_by_what_was_told_where_incidents_are_not_given() -> None:
    alarms = [told(at(11, m), f"a{m}", transformer_id="YX06") for m in (0, 5, 10, 90)]
    assert of_the_day(alarms).flapping == (FlappingTransformer("YX06", 3, at(11)),)


def test_the_same_remark_told_again_is_repeated_though_in_another_message() -> None:
    alarms = [told(at(11), "a", message="m1"), told(at(12), "a", message="m2"), told(at(12), "a", "S2")]
    about = (alarms[0].kind, alarms[0].transformer_id, alarms[0].incident_id)
    assert of_the_day(alarms).repeated == (RepeatedAlarm("S1", "a", 2, *about),)


def test_an_incident_told_after_more_than_two_minutes_is_late() -> None:
    incidents = [opened(at(11), "a"), opened(at(12), "b")]
    day = of_the_day([told(at(11, 2), "a"), told(at(12, 2.01), "b"), told(at(12, 9), "b2")], incidents)
    assert [(late.incident_id, late.told_at_us) for late in day.late] == [("incident b", at(12, 2.01))]


def test_an_incident_that_nobody_was_told_of_is_missed_unless_it_need_not_call_or_is_still_on_its_way() -> None:
    end = MIDNIGHT + DAY_US
    incidents = [
        opened(at(11), "a"),
        opened(at(12), "history", should_call=False),
        opened(end - 15 * MINUTE_US, "on its way"),
        opened(end - 16 * MINUTE_US, "b"),
    ]
    assert [missed.incident_id for missed in of_the_day([], incidents).missed] == ["incident a", "incident b"]
    assert of_the_day([told(end + HOUR_US, "a")], incidents).late[0].incident_id == "incident a"


def test_what_a_flapping_transformer_does_after_people_know_is_neither_late_nor_missed() -> None:
    incidents = [opened(at(11, m), f"{m}", "YX06") for m in range(0, 60, 10)]
    alarms = [told(at(11, 5), "0", transformer_id="YX06")]
    day = of_the_day(alarms, incidents)
    assert day.flapping == (FlappingTransformer("YX06", 6, at(11)),)
    assert [late.incident_id for late in day.late] == ["incident 0"]
    assert day.missed == ()
    assert len(of_the_day([], incidents).missed) == 6


def test_a_span_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValueError, match="ends before"):
        audit([], [], MIDNIGHT, MIDNIGHT)


def test_the_audit_is_said_with_its_numbers_and_every_finding_with_its_place() -> None:
    incidents = [opened(at(11, m), f"a{m}", "YX06") for m in (0, 5, 10)]
    incidents += [opened(at(13), "late"), opened(at(14), "gone")]
    alarms = [told(at(11, 5.5), "a0"), told(at(11, 5.5), "a5"), told(at(11, 10.5), "a10"), told(at(13, 4), "late")]
    alarms += [told(at(15), "late")]
    day = of_the_day(alarms, incidents)
    said = audit_summary(day, SHANGHAI)
    assert said.zh == (
        "7月24日 00:00 至 7月25日 00:00：共发出 5 条，最忙的供电所平均每 10 分钟 0.03 条，最多 2 条，"
        "0 个供电所出现洪泛。反复越限 1 个台区，重复 1 条，迟到 2 条，漏报 1 条。"
    )
    assert "Flapping 1, repeated 1, late 2, missed 1." in said.en
    assert "YX06 反复越限：7月24日 11:00 起 1 小时内 3 次" in finding(day.flapping[0], SHANGHAI).zh
    assert "S1 重复收到 2 次：late" in finding(day.repeated[0], SHANGHAI).zh
    assert "事件 incident late 迟到：越限 4 分钟后才通知" in finding(day.late[1], SHANGHAI).zh
    assert "incident gone was missed" in finding(day.missed[0], SHANGHAI).en
    line = operator_line(day.operators[0], SHANGHAI, {"S1": "城南所"})
    assert line.zh.startswith("城南所：5 条，平均每 10 分钟 0.03 条，最多 2 条（7月24日 11:00 起）")
    assert "没有告警" in operator_line(of_the_day([], (), ["S1"]).operators[0], SHANGHAI).zh
    assert "EEMUA 191" in FORMULA.zh
