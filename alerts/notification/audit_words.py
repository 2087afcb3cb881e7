"""What the self-audit of alarms says to people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo

from alerts.figures import day_and_time, span, whole_percent
from alerts.model.kinds import MessageKind
from alerts.notification.audit import (
    FLOOD_ALARMS_MIN,
    STEADY_ALARMS_MAX,
    TOLD_WITHIN_MINUTES,
    WINDOW_MINUTES,
    AlarmAudit,
    AuditedIncident,
    FlappingTransformer,
    LateAlarm,
    OperatorLoad,
    RepeatedAlarm,
)
from alerts.quality.flags import QualityFlag
from alerts.quality.words import flag_name
from grid.text import Text

FORMULA = Text(
    f"EEMUA 191：稳态时每名值班员每 {WINDOW_MINUTES} 分钟不超过 {STEADY_ALARMS_MAX} 条，"
    f"达到 {FLOOD_ALARMS_MIN} 条为告警洪泛。",
    f"EEMUA 191: at most {STEADY_ALARMS_MAX} alarm per operator and {WINDOW_MINUTES} min in steady state; "
    f"{FLOOD_ALARMS_MIN} or more are a flood.",
)
"""What the figures are held against; it stands beside them wherever they are shown."""


def audit_summary(audit: AlarmAudit, zone: tzinfo) -> Text:
    """Return the whole audit in two sentences."""
    start, end = day_and_time(audit.from_us, zone), day_and_time(audit.to_us, zone)
    messages = sum(load.messages for load in audit.operators)
    mean = max((load.mean_per_window for load in audit.operators), default=0.0)
    most = max((load.most_in_window for load in audit.operators), default=0)
    floods = sum(load.share_flood > 0.0 for load in audit.operators)
    return Text(
        f"{start.zh} 至 {end.zh}：共发出 {messages} 条，最忙的供电所平均每 {WINDOW_MINUTES} 分钟 {mean:.2f} 条，"
        f"最多 {most} 条，{floods} 个供电所出现洪泛。反复越限 {len(audit.flapping)} 个台区，"
        f"重复 {len(audit.repeated)} 条，迟到 {len(audit.late)} 条，漏报 {len(audit.missed)} 条。",
        f"{start.en} to {end.en}: {_messages(messages)}; the busiest station had {mean:.2f} per {WINDOW_MINUTES} min "
        f"on average and {most} at most; floods at {floods}. Flapping {len(audit.flapping)}, repeated "
        f"{len(audit.repeated)}, late {len(audit.late)}, missed {len(audit.missed)}.",
    )


def operator_line(load: OperatorLoad, zone: tzinfo, station_names: Mapping[str, str] | None = None) -> Text:
    """Return what one station had to hear."""
    name = (station_names or {}).get(load.operator, load.operator)
    if load.worst_window_at_us is None:
        return Text(f"{name}：没有告警。", f"{name}: no alarm.")
    above, flood = whole_percent(load.share_above_steady), whole_percent(load.share_flood)
    at = day_and_time(load.worst_window_at_us, zone)
    return Text(
        f"{name}：{load.messages} 条，平均每 {WINDOW_MINUTES} 分钟 {load.mean_per_window:.2f} 条，"
        f"最多 {load.most_in_window} 条（{at.zh} 起）；超过 {STEADY_ALARMS_MAX} 条的时段占 {above.zh}，"
        f"洪泛占 {flood.zh}。",
        f"{name}: {_messages(load.messages)}, {load.mean_per_window:.2f} per {WINDOW_MINUTES} min on average, "
        f"{load.most_in_window} at most (from {at.en}); above {STEADY_ALARMS_MAX} in {above.en} of the time, "
        f"flood in {flood.en}.",
    )


def finding(found: FlappingTransformer | RepeatedAlarm | LateAlarm | AuditedIncident, zone: tzinfo) -> Text:
    """Return one finding of the audit in words; an incident is one that was missed."""
    match found:
        case FlappingTransformer(transformer_id, openings, first_at_us):
            at = day_and_time(first_at_us, zone)
            return Text(
                f"{transformer_id} 反复越限：{at.zh} 起 1 小时内 {openings} 次。请核对负载曲线和判定线，"
                "必要时加大回差。",
                f"{transformer_id} flaps: {openings} openings within an hour from {at.en}. Look at its curve and at "
                "the rule's lines; widen the gap between enter and leave if it is steady load.",
            )
        case RepeatedAlarm(operator=operator, times=times):
            what = _what_was_told(found)
            return Text(
                f"{operator} 重复收到 {times} 次：{what.zh}。", f"{operator} was told {times} times: {what.en}."
            )
        case LateAlarm(incident_id, _, opened_at_us, told_at_us):
            late = span(told_at_us - opened_at_us)
            return Text(
                f"事件 {incident_id} 迟到：越限 {late.zh}后才通知（要求 {TOLD_WITHIN_MINUTES:g} 分钟以内）。",
                f"Incident {incident_id} was told {late.en} after its reading (limit {TOLD_WITHIN_MINUTES:g} min).",
            )
        case AuditedIncident(incident_id=incident_id, opened_at_us=opened_at_us):
            at = day_and_time(opened_at_us, zone)
            return Text(
                f"事件 {incident_id} 漏报：{at.zh} 越限，没有通知任何人。",
                f"Incident {incident_id} was missed: opened on {at.en}, nobody was told.",
            )


def _what_was_told(told: RepeatedAlarm) -> Text:
    """Return what was told in words; what has no words of its own here stands for itself, by its key."""
    is_back = told.key.endswith("/back")
    last = told.key.rpartition("/")[2]
    match told.kind:
        case MessageKind.COMMUNICATION_LOST:
            feeder_id = told.key.removesuffix(f"/{last}").rpartition("/")[2]
            if is_back:
                return Text(f"线路 {feeder_id} 通信恢复", f"communication back on feeder {feeder_id}")
            return Text(f"线路 {feeder_id} 通信中断", f"communication lost on feeder {feeder_id}")
        case MessageKind.MONITORING_BLIND:
            return Text("监测恢复", "monitoring sees again") if is_back else Text("监测中断", "monitoring is blind")
        case MessageKind.CHECK_THE_METER if last in QualityFlag.__members__:
            name = flag_name(QualityFlag[last])
            return Text(
                f"{told.transformer_id} 核查表计（{name.zh}）", f"check the meter of {told.transformer_id} ({name.en})"
            )
        case MessageKind.INCIDENT_BLIND:
            return Text(f"事件 {told.incident_id} 读数中断", f"readings of incident {told.incident_id} stopped")
        case _:
            return Text(told.key, told.key)


def _messages(count: int) -> str:
    return f"{count} message" if count == 1 else f"{count} messages"
