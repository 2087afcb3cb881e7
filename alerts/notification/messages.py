"""What the product says of episodes, incidents and lists, in both languages. No personal data in any sentence.

Times are said in the station's `zone`. Names of states and levels are in `alerts.model.display_names`, sentences about
verdicts
in `alerts.verdicts.words`, about doors and lists in `alerts.outreach.words`; all are imported from here.
"""

from __future__ import annotations

from datetime import tzinfo

from alerts.figures import day_and_time, later_time, percent, span
from alerts.model.display_names import (
    advice_name,
    appliance_name,
    basis_name,
    ending_name,
    event_name,
    level_name,
    phase_name,
    role_name,
    state_name,
    transformer_name,
    visit_result_name,
)
from alerts.model.incidents import Incident
from alerts.outreach.words import ask_text, door_reason, list_made, list_summary, visit_recorded
from alerts.verdicts.words import episode_reason, incident_reason, level_line
from grid.assets import Transformer
from grid.text import Text

__all__ = [
    "advice_name",
    "appliance_name",
    "ask_text",
    "basis_name",
    "door_reason",
    "ending_name",
    "episode_reason",
    "event_name",
    "incident_advice",
    "incident_closed",
    "incident_ended_unknown",
    "incident_got_supply",
    "incident_lost_supply",
    "incident_opened",
    "incident_raised",
    "incident_reason",
    "incident_retracted",
    "incident_revised",
    "incident_saw_again",
    "incident_went_blind",
    "level_line",
    "level_name",
    "list_made",
    "list_summary",
    "phase_name",
    "role_name",
    "state_name",
    "transformer_name",
    "visit_recorded",
    "visit_result_name",
]


def incident_opened(incident: Incident, transformer: Transformer, zone: tzinfo) -> Text:
    """Return what is said when an incident opens."""
    name, where, rate = level_name(incident.level), transformer_name(transformer), percent(incident.opened_load_rate)
    at = day_and_time(incident.first_reading_at_us, zone)
    if incident.is_of_phase:
        last = percent(incident.last_load_rate)
        return Text(
            f"【{name.zh}】{where}：{at.zh} 起最重相持续越限，负载率 {last.zh}，三相合计未到预警线（{incident.rule}）。"
            f"请值班台安排调整三相负荷；该相的走访名单随后下发。事件 {incident.incident_id}",
            f"[{name.en}] {where}: the heaviest phase has stayed over its line since {at.en}, now {last.en}, while the "
            f"three together are below theirs ({incident.rule}). The duty desk arranges to balance the phases; a list "
            f"of that phase follows. Incident {incident.incident_id}",
        )
    return Text(
        f"【{name.zh}】{where}：{at.zh} 负载率达 {rate.zh}（{incident.rule}）。走访名单随后下发。"
        f"事件 {incident.incident_id}",
        f"[{name.en}] {where}: load rate {rate.en} on {at.en} ({incident.rule}). The outreach list follows. "
        f"Incident {incident.incident_id}",
    )


def incident_advice(said: Text, incident: Incident, transformer: Transformer) -> Text:
    """Return an advice as a message of its own: which transformer and incident it is about."""
    where = transformer_name(transformer)
    return Text(f"{where}：{said.zh}事件 {incident.incident_id}", f"{where}: {said.en} Incident {incident.incident_id}")


def incident_raised(incident: Incident, transformer: Transformer, zone: tzinfo, *, doors_left: bool) -> Text:
    """Return what is said when an open incident reaches a higher level. `doors_left`: somebody can still be asked."""
    name, where, rate = level_name(incident.level), transformer_name(transformer), percent(incident.last_load_rate)
    at = day_and_time(incident.last_reading_at_us, zone)
    zh = "请加快走访，并准备转供" if doors_left else "没有可再走访的商户，请值班台准备转供等措施"
    en = (
        "Speed up the visits and prepare to transfer load"
        if doors_left
        else "Nobody is left to be asked: the duty desk prepares to transfer load, or other measures"
    )
    return Text(
        f"【升级为{name.zh}】{where}：{at.zh} 负载率 {rate.zh}（{incident.rule}）。{zh}。事件 {incident.incident_id}",
        f"[raised to {name.en}] {where}: load rate {rate.en} on {at.en} ({incident.rule}). {en}. "
        f"Incident {incident.incident_id}",
    )


def incident_closed(incident: Incident, transformer: Transformer, zone: tzinfo) -> Text:
    """Return what is said when an incident is over: when, how long it lasted, its peak."""
    where, peak = transformer_name(transformer), percent(incident.peak_load_rate)
    ended_us = incident.last_reading_at_us if incident.closed_at_us is None else incident.closed_at_us
    at, lasted = day_and_time(ended_us, zone), span(ended_us - incident.opened_at_us)
    peak_at, now = later_time(incident.peak_at_us, ended_us, zone), percent(incident.last_load_rate)
    return Text(
        f"【解除】{where}：{at.zh} 回落，历时 {lasted.zh}，峰值 {peak.zh}（{peak_at.zh}），最新负载率 {now.zh}。"
        f"停止走访，辛苦了。事件 {incident.incident_id}",
        f"[over] {where}: below the line from {at.en} after {lasted.en}, peak {peak.en} ({peak_at.en}), now {now.en}. "
        f"Stop the visits, and thank you. Incident {incident.incident_id}",
    )


def incident_went_blind(incident: Incident, transformer: Transformer, zone: tzinfo) -> Text:
    """Return what is said when the readings of an open incident stop."""
    where, rate, at = transformer_name(transformer), percent(incident.last_load_rate), _last(incident, zone)
    return Text(
        f"【读数中断】{where}：{at.zh} 之后没有读数，最后负载率 {rate.zh}。没有读数不等于已经回落，事件保持未结，"
        f"请派人现场测量。事件 {incident.incident_id}",
        f"[readings stopped] {where}: nothing since {at.en}, when the load rate was {rate.en}. No readings does not "
        f"mean relief: the incident stays open, measure on site. Incident {incident.incident_id}",
    )


def incident_lost_supply(incident: Incident, transformer: Transformer, zone: tzinfo) -> Text:
    """Return what is said when the readings of an open incident have shown no voltage for a while."""
    where, rate, since = (
        transformer_name(transformer),
        percent(incident.last_load_rate),
        _no_voltage_since(incident, zone),
    )
    return Text(
        f"【停电】{where}：{since.zh} 起三相无电压，停电前负载率 {rate.zh}。没有电不等于负荷已降，事件保持未结。"
        f"走访请先暂停，值班台核实停电原因并安排抢修。事件 {incident.incident_id}",
        f"[no voltage] {where}: no voltage on any phase since {since.en}, when the load rate had been {rate.en}. No "
        "supply is no relief: the incident stays open. Hold the visits; the duty desk finds out why and sends repair. "
        f"Incident {incident.incident_id}",
    )


def incident_got_supply(before: Incident, incident: Incident, transformer: Transformer, zone: tzinfo) -> Text:
    """Return what is said when there is voltage again. `before` is the incident while there was none."""
    where, since, rate = (
        transformer_name(transformer),
        _no_voltage_since(before, zone),
        percent(incident.last_load_rate),
    )
    has_load = incident.last_reading_at_us > (before.no_voltage_since_us or 0)
    at = _last(incident, zone)
    now_zh = f"{at.zh} 负载率 {rate.zh}" if has_load else "还没有可信的负载率"
    now_en = f"load rate {rate.en} on {at.en}" if has_load else "no load rate that can be trusted yet"
    return Text(
        f"【恢复供电】{where}：{since.zh} 起的停电已恢复，{now_zh}，事件继续。来电后负荷可能突增。"
        f"事件 {incident.incident_id}",
        f"[voltage back] {where}: there is voltage again after none since {since.en}; {now_en}. The incident goes on; "
        f"load can surge after an outage. Incident {incident.incident_id}",
    )


def incident_ended_unknown(incident: Incident, transformer: Transformer, zone: tzinfo) -> Text:
    """Return what is said when an incident ends because nothing that counts was measured for too long."""
    where, peak, rate = (
        transformer_name(transformer),
        percent(incident.peak_load_rate),
        percent(incident.last_load_rate),
    )
    since, lasted = _last(incident, zone), span(incident.last_reading_at_us - incident.opened_at_us)
    return Text(
        f"【结果不明】{where}：{since.zh}（负载率 {rate.zh}）之后没有可信读数，事件按“此后不明”结束，不是已经回落。"
        f"有读数的 {lasted.zh}内峰值 {peak.zh}。事件 {incident.incident_id}",
        f"[unknown since] {where}: no reading that counts since {since.en}, when the load rate was {rate.en}. The "
        f"incident ends as unknown since then, not as relieved; peak {peak.en} in the {lasted.en} that were measured. "
        f"Incident {incident.incident_id}",
    )


def incident_saw_again(incident: Incident, transformer: Transformer, zone: tzinfo) -> Text:
    """Return what is said when the readings of a blind incident are back."""
    where, rate, at = transformer_name(transformer), percent(incident.last_load_rate), _last(incident, zone)
    return Text(
        f"【读数恢复】{where}：{at.zh} 负载率 {rate.zh}，事件继续。事件 {incident.incident_id}",
        f"[readings back] {where}: load rate {rate.en} on {at.en}, the incident goes on. "
        f"Incident {incident.incident_id}",
    )


def incident_retracted(
    incident: Incident,
    transformer: Transformer,
    zone: tzinfo,
    late_readings: int = 0,
    received_at_us: int | None = None,
) -> Text:
    """Return what is said when it turns out that an incident never was one, and by what: see `incident_revised`."""
    where, at = transformer_name(transformer), day_and_time(incident.opened_at_us, zone)
    cause = _cause(late_readings, received_at_us, zone)
    return Text(
        f"【撤销】{where}：{cause.zh}，{at.zh} 并未越限，原预警撤销，停止走访。事件 {incident.incident_id}",
        f"[retracted] {where}: judged again {cause.en}, the line was not crossed on {at.en}. The warning is "
        f"withdrawn, stop the visits. Incident {incident.incident_id}",
    )


def incident_revised(
    before: Incident, after: Incident, zone: tzinfo, late_readings: int = 0, received_at_us: int | None = None
) -> Text:
    """Return what late readings changed in an incident, old value and new, how many they were and when they came.

    Without late readings it was a correction of the ledger.
    """
    zh: list[str] = []
    en: list[str] = []
    for word_zh, word_en, old, new in (
        ("起点", "opening", _timestamp(before.opened_at_us, zone), _timestamp(after.opened_at_us, zone)),
        ("结束", "end", _timestamp(before.closed_at_us, zone), _timestamp(after.closed_at_us, zone)),
        ("峰值", "peak", percent(before.peak_load_rate), percent(after.peak_load_rate)),
        ("级别", "level", level_name(before.level), level_name(after.level)),
    ):
        if old != new:
            zh.append(f"{word_zh}由 {old.zh} 改为 {new.zh}")
            en.append(f"{word_en} {old.en} → {new.en}")
    cause = _cause(late_readings, received_at_us, zone)
    if not zh:
        return Text(f"{cause.zh}，结论不变。", f"Nothing changes {cause.en}.")
    return Text(f"{cause.zh}后修订：{'，'.join(zh)}。", f"Revised {cause.en}: {', '.join(en)}.")


def _cause(late_readings: int, received_at_us: int | None, zone: tzinfo) -> Text:
    if not late_readings or received_at_us is None:
        return Text("按更正的台账或恢复的读数重新判定", "by a corrected ledger or recovered readings")
    at, plural = day_and_time(received_at_us, zone), "" if late_readings == 1 else "s"
    return Text(f"{at.zh} 补到 {late_readings} 条读数", f"by {late_readings} late reading{plural} received on {at.en}")


def _no_voltage_since(incident: Incident, zone: tzinfo) -> Text:
    return Text("—", "—") if incident.no_voltage_since_us is None else day_and_time(incident.no_voltage_since_us, zone)


def _last(incident: Incident, zone: tzinfo) -> Text:
    return day_and_time(incident.last_reading_at_us, zone)


def _timestamp(timestamp_us: int | None, zone: tzinfo) -> Text:
    return Text("未结", "open") if timestamp_us is None else day_and_time(timestamp_us, zone)
