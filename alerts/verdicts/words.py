"""Sentences about verdicts: a line of a rule set, why an episode or an incident is one."""

from __future__ import annotations

from datetime import tzinfo

from alerts.figures import day_and_time, later_time, percent, span
from alerts.model.display_names import level_name, quantity_name
from alerts.model.episodes import Ending, Episode
from alerts.model.incidents import Incident
from alerts.rules.rule_set import Level, Quantity
from grid.text import Text
from grid.timestamps import MINUTE_US


def level_line(level: Level) -> Text:
    """Return one line of a rule set in words: when it is entered and when it is left."""
    if level.quantity is Quantity.NO_VOLTAGE:
        hold = span(round(level.hold_minutes * MINUTE_US))
        return Text(
            f"至少两个读数、满 {hold.zh}三相均无电压；任一相有电压解除",
            f"no voltage on any phase in two readings or more, for {hold.en}; left with voltage on any phase",
        )
    quantity, enter, leave = quantity_name(level), percent(level.enter), percent(level.leave)
    hold, stay = span(round(level.hold_minutes * MINUTE_US)), span(round(level.leave_minutes * MINUTE_US))
    held_zh, held_en = (f"并保持 {hold.zh}", f" for {hold.en}") if level.hold_minutes else ("即判定", " at once")
    if level.hold_minutes and level.unbroken_hold:
        held_zh, held_en = f"并连续保持 {hold.zh}", f" for {hold.en} without a break"
    left_zh, left_en = (f" 满 {stay.zh}", f" for {stay.en}") if level.leave_minutes else (" ", " at once")
    return Text(
        f"{quantity.zh} ≥ {enter.zh} {held_zh}；低于 {leave.zh}{left_zh}解除",
        f"{quantity.en} ≥ {enter.en}{held_en}; left below {leave.en}{left_en}",
    )


def episode_reason(
    episode: Episode, level: Level, zone: tzinfo, *, active_only: bool = False, passed_over: int = 0
) -> Text:
    """Return why an episode is one: rule and version, lines, times, peak, readings, and how it ended.

    `active_only`: the load rate came from active power alone, which is said because it under-reads. `passed_over`: so
    many readings in between were without voltage, and so without a load.
    """
    if level.quantity is Quantity.NO_VOLTAGE:
        return _no_voltage_reason(episode, level, zone)
    name, quantity, enter = level_name(level.name), quantity_name(level), percent(level.enter)
    start, peak = day_and_time(episode.started_at_us, zone), percent(episode.peak_load_rate)
    peak_at = later_time(episode.peak_at_us, episode.started_at_us, zone)
    if episode.started_at_us == episode.first_reading_at_us:
        crossed_zh, crossed_en = (
            f"{start.zh} 起{quantity.zh}不低于 {enter.zh}",
            f"from {start.en} at or above {enter.en}",
        )
    else:
        crossed_zh, crossed_en = f"{start.zh} {quantity.zh}越过 {enter.zh}", f"crossed {enter.en} on {start.en}"
    readings = "reading" if episode.readings == 1 else "readings"
    ended = _ended(episode, level, zone)
    unbroken_zh, unbroken_en = ("连续", " unbroken") if level.unbroken_hold else ("", "")
    note_zh = "；只有有功功率，按有功计算，实际更高" if active_only else ""
    note_en = "; active power only, so the true rate is higher" if active_only else ""
    if passed_over:
        note_zh += f"；其间 {passed_over} 个读数无电压，略过不计"
        note_en += f"; {_counted_readings(passed_over)} in between without voltage, passed over"
    return Text(
        f"{episode.rule} {name.zh}：{crossed_zh}，须{unbroken_zh}保持 {level.hold_minutes:g} 分钟，"
        f"峰值 {peak.zh}（{peak_at.zh}），共 {episode.readings} 个读数；{ended.zh}{note_zh}。",
        f"{episode.rule} {name.en}: {quantity.en} {crossed_en}, hold {level.hold_minutes:g} min{unbroken_en}, "
        f"peak {peak.en} ({peak_at.en}), {episode.readings} {readings}; {ended.en}{note_en}.",
    )


def _no_voltage_reason(episode: Episode, level: Level, zone: tzinfo) -> Text:
    """Return why a stay without voltage is one; its times are those of readings, not crossings."""
    name, start = level_name(level.name), day_and_time(episode.started_at_us, zone)
    readings = _counted_readings(episode.readings)
    if episode.ended_at_us is None:
        ended = Text("仍在持续", "still going on")
    else:
        end = later_time(episode.ended_at_us, episode.started_at_us, zone)
        ended = Text(f"{end.zh} 之后恢复有电压", f"the last of them {end.en}, then voltage again")
        if episode.ended_by is Ending.GAP:
            ended = Text(f"{end.zh} 之后读数中断，判定到此为止", f"readings stopped after {end.en}, so it ends there")
    return Text(
        f"{episode.rule} {name.zh}：{start.zh} 起三相均无电压，须保持 {level.hold_minutes:g} 分钟，"
        f"共 {episode.readings} 个读数；{ended.zh}。",
        f"{episode.rule} {name.en}: no voltage on any phase from {start.en}, hold {level.hold_minutes:g} min, "
        f"{readings}; {ended.en}.",
    )


def _counted_readings(number: int) -> str:
    return f"{number} reading" if number == 1 else f"{number} readings"


def _ended(episode: Episode, level: Level, zone: tzinfo) -> Text:
    if episode.ended_at_us is None:
        return Text("仍在持续", "still going on")
    end = later_time(episode.ended_at_us, episode.started_at_us, zone)
    if episode.ended_by is Ending.GAP:
        return Text(f"{end.zh} 之后读数中断，判定到此为止", f"readings stopped after {end.en}, so it ends there")
    if episode.ended_by is not None and episode.ended_by.value == "midnight":
        return Text(f"按日判定，{end.zh} 为当日最后读数", f"judged day by day, its last reading was at {end.en}")
    leave = percent(level.leave)
    if not level.leave_minutes:
        return Text(f"{end.zh} 低于 {leave.zh}", f"below {leave.en} from {end.en}")
    return Text(
        f"{end.zh} 起低于 {leave.zh} 满 {level.leave_minutes:g} 分钟",
        f"below {leave.en} from {end.en} for {level.leave_minutes:g} min",
    )


def incident_reason(incident: Incident, opening: Level | None, zone: tzinfo) -> Text:
    """Return in one sentence why there is an incident.

    `opening` is the level of its rule set that opened it, whatever it was raised to since; None where that rule set is
    not known here, so that no line can be named.
    """
    opened, first = day_and_time(incident.opened_at_us, zone), percent(incident.opened_load_rate)
    peak, highest = percent(incident.peak_load_rate), level_name(incident.level)
    peak_at = later_time(incident.peak_at_us, incident.opened_at_us, zone)
    if opening is None:
        return Text(
            f"{incident.rule}：{opened.zh} 越限（首个读数 {first.zh}），峰值 {peak.zh}（{peak_at.zh}），"
            f"最高等级{highest.zh}；本机没有这套规则，判定线不详。",
            f"{incident.rule}: crossed its line on {opened.en} (first reading {first.en}), peak {peak.en} "
            f"({peak_at.en}), highest level {highest.en}; this rule set is not installed here, so its line is unknown.",
        )
    name, line, quantity = level_name(opening.name), percent(opening.enter), quantity_name(opening)
    raised_zh = "" if incident.level == opening.name else f"，已升级为{highest.zh}"
    raised_en = "" if incident.level == opening.name else f", raised to {highest.en}"
    # A stay whose first reading is exactly on the line, or that begins behind a hole, crossed nothing that was seen.
    crossed = incident.opened_at_us < incident.first_reading_at_us
    how_zh = f"{quantity.zh}{'越过' if crossed else '达到'}{name.zh}线 {line.zh}"
    how_en = f"{quantity.en} {'crossed' if crossed else 'at or above'} the {name.en} line of {line.en}"
    return Text(
        f"{incident.rule}：{opened.zh} {how_zh}（首个读数 {first.zh}），峰值 {peak.zh}（{peak_at.zh}）{raised_zh}。",
        f"{incident.rule}: {how_en} on {opened.en} (first reading {first.en}), "
        f"peak {peak.en} ({peak_at.en}){raised_en}.",
    )
