"""What is said of each reading in the evaluation of a verdict, in both languages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import tzinfo

from alerts.figures import clock_time, later_time, percent, span
from alerts.model.display_names import basis_name, level_name
from alerts.quality.flags import QualityFlag, flags_in
from alerts.quality.words import flag_name
from alerts.rules.rule_set import Level, Quantity, RuleSet
from alerts.verdicts.explain import Event, ExplainedReading, Happening, LevelStep
from alerts.verdicts.words import level_line
from grid.supply import Supply
from grid.text import Text
from grid.timestamps import MINUTE_US


def rule_set_words(rules: RuleSet) -> Text:
    """Return what of a rule set holds for all its levels: name, and which readings count."""
    points = rules.points_minutes
    zh = f"{rules.cited} {rules.title.zh}"
    en = f"{rules.cited} {rules.title.en}"
    if points:
        zh = f"{zh}；每 {points} 分钟一个点，取该时段的第一个读数"
        en = f"{en}; every {points} minutes a point, the first reading of that slot"
    if rules.cut_at_midnight:
        zh, en = f"{zh}；按日判定，零点截断", f"{en}; each day by itself, cut at midnight"
    return Text(zh, en)


def level_words(level: Level) -> Text:
    """Return a level with its lines."""
    name, line = level_name(level.name), level_line(level)
    return Text(f"{name.zh}：{line.zh}", f"{name.en}: {line.en}")


def reading_words(reading: ExplainedReading, zone: tzinfo) -> Text:
    """Return one reading: time of day, load rates, what they come from, and what is doubted."""
    time = clock_time(reading.measured_at_us, zone)
    if reading.supply >= Supply.GONE:
        return _without_voltage(time)
    rate, worst = percent(reading.load_rate), percent(reading.worst_phase_load_rate)
    basis = basis_name(reading.basis)
    # That only active power was sent is said already by what the load rate comes from.
    flags = [flag_name(flag) for flag in flags_in(reading.flags) if flag is not QualityFlag.ACTIVE_ONLY]
    doubts_zh = f"；{'、'.join(d.zh for d in flags)}" if flags else ""
    doubts_en = f"; {', '.join(d.en for d in flags)}" if flags else ""
    return Text(
        f"{time}  负载率 {rate.zh}，最重相 {worst.zh}（{basis.zh}）{doubts_zh}",
        f"{time}  load rate {rate.en}, worst phase {worst.en} ({basis.en}){doubts_en}",
    )


def _without_voltage(time: str) -> Text:
    return Text(f"{time}  无电压，不是负荷，略过", f"{time}  no voltage: no load either, passed over")


def quiet_words(readings: Sequence[ExplainedReading], zone: tzinfo) -> Text:
    """Return readings in a row, of one day, at which nothing happens, as one line."""
    rates = [reading.load_rate for reading in readings if not math.isnan(reading.load_rate)]
    most = percent(max(rates, default=math.nan))
    first, last = (clock_time(reading.measured_at_us, zone) for reading in (readings[0], readings[-1]))
    under_read = any(reading.flags & QualityFlag.ACTIVE_ONLY for reading in readings)
    mark_zh, mark_en = ("（含仅有功功率）", " (some from active power only)") if under_read else ("", "")
    dark = sum(reading.supply >= Supply.GONE for reading in readings)
    if dark:
        mark_zh, mark_en = f"{mark_zh}（{dark} 个无电压，略过）", f"{mark_en} ({dark} without voltage, passed over)"
    if len(readings) == 1:
        return Text(
            f"{first}  负载率 {most.zh}{mark_zh}：无变化", f"{first}  load rate {most.en}{mark_en}: nothing happens"
        )
    return Text(
        f"{first}–{last}  {len(readings)} 个读数，负载率最高 {most.zh}{mark_zh}：无变化",
        f"{first}–{last}  {len(readings)} readings, load rate at most {most.en}{mark_en}: nothing happens",
    )


def step_words(step: LevelStep, measured_at_us: int, zone: tzinfo) -> Text:
    """Return what one level has to say about a reading."""
    said = [happening_words(happening, step.level, measured_at_us, zone) for happening in step.happenings]
    return _joined(said)


def happening_words(happening: Happening, level: Level, measured_at_us: int, zone: tzinfo) -> Text:
    """Return one happening: 'crossed 90 % at 10:41:32, run begins', 'held 37 of 120 min', 'below 85 % since 12:03'."""
    enter, leave = percent(level.enter), percent(level.leave)
    if level.quantity is Quantity.NO_VOLTAGE:
        enter, leave = Text("三相无电压", "no voltage"), Text("有电压", "voltage")
    at = later_time(happening.at_us, measured_at_us, zone)
    lasted, limit = _minutes(happening.lasted_us), _minutes(happening.limit_us)
    match happening.event:
        case Event.BEGINS:
            begins = _begins(happening, level)
            if level.quantity is Quantity.NO_VOLTAGE:
                return Text(f"{enter.zh}，{begins.zh}", f"{enter.en} on any phase, {begins.en}")
            if happening.at_us == measured_at_us:
                return Text(f"达到 {enter.zh}，{begins.zh}", f"at or above {enter.en}, {begins.en}")
            return Text(f"{at.zh} 越过 {enter.zh}，{begins.zh}", f"crossed {enter.en} at {at.en}, {begins.en}")
        case Event.HOLDS:
            return Text(f"已持续 {lasted}/{limit} 分钟", f"held {lasted} of {limit} min")
        case Event.HELD:
            return Text(f"已持续 {lasted}/{limit} 分钟，判定成立", f"held {lasted} of {limit} min: an episode")
        case Event.BELOW:
            return Text(
                f"{at.zh} 起低于 {leave.zh}，{lasted}/{limit} 分钟",
                f"below {leave.en} since {at.en}, {lasted} of {limit} min",
            )
        case Event.RETURNS:
            return Text(
                f"不再低于 {leave.zh}，解除计时清零", f"no longer below {leave.en}, the time to leave starts anew"
            )
        case Event.LEAVES:
            outcome = _outcome(happening)
            if level.quantity is Quantity.NO_VOLTAGE:
                return Text(f"有电压，{at.zh} 为最后一个无电压读数{outcome.zh}",
                            f"voltage again, {at.en} was the last without{outcome.en}")  # fmt: skip
            return Text(f"于 {at.zh} 解除{outcome.zh}", f"leaves at {at.en}{outcome.en}")
        case Event.GAP:
            gap, outcome = span(happening.lasted_us), _outcome(happening, told=False)
            return Text(
                f"读数中断 {gap.zh}，判定止于 {at.zh}{outcome.zh}",
                f"gap of {gap.en} cuts the run at {at.en}{outcome.en}",
            )
        case Event.MIDNIGHT:
            outcome = _outcome(happening)
            return Text(f"过零点，按日判定，止于 {at.zh}{outcome.zh}", f"midnight cuts the run at {at.en}{outcome.en}")


def _begins(happening: Happening, level: Level) -> Text:
    if happening.is_episode and not level.hold_minutes:
        return Text("判定成立", "run begins, an episode at once")
    return Text("开始计时", "run begins")


def _outcome(happening: Happening, told: bool = True) -> Text:
    """Return what came of a run that is over, where that is not plain."""
    if happening.is_episode:
        return Text("", "")
    if not told:
        return Text("，未满时长", ", before it had held")
    lasted, limit = _minutes(happening.lasted_us), _minutes(happening.limit_us)
    return Text(f"，只持续 {lasted}/{limit} 分钟，不成立", f", held only {lasted} of {limit} min: no episode")


def _minutes(length_us: int) -> str:
    """Return a length of time in minutes, cut to a tenth: what is not yet reached does not look reached."""
    tenths = length_us * 10 // MINUTE_US
    return f"{tenths // 10}" if tenths % 10 == 0 else f"{tenths // 10}.{tenths % 10}"


def _joined(said: Sequence[Text]) -> Text:
    return Text("；".join(words.zh for words in said), "; ".join(words.en for words in said))
