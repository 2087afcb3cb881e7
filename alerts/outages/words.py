"""What is said of supply that goes and comes back. Figures count what readings told; what is not known is said."""

from __future__ import annotations

from datetime import tzinfo

from alerts.figures import day_and_time, span
from alerts.outages.detection import Outage, OutageScope
from grid.text import Text

NAMED_MAX = 30
"""So many transformers are named in a message (own choice); the desk's pages have the others."""


def supply_lost(outage: Outage, called: str, zone: tzinfo) -> Text:
    """Return what is said when supply is gone. `called` is what the (first) transformer is called."""
    since, number = day_and_time(outage.since_us, zone), len(outage.transformer_ids)
    others, named = _others(outage), _named(outage)
    match outage.scope:
        case OutageScope.TRANSFORMER:
            return Text(
                f"【停电】{called}：{since.zh} 起三相无电压。{others.zh}请核实停电原因并安排抢修。",
                f"[no voltage] {called}: no voltage on any phase since {since.en}. {others.en}Find out why and send "
                "repair.",
            )
        case OutageScope.PART_OF_FEEDER:
            return Text(
                f"【线路部分停电】线路 {outage.feeder_id}：{number} 个台区无电压（{named.zh}），"
                f"最早 {since.zh}。{others.zh}请核实分支或开关，并安排抢修。",
                f"[part of a feeder without voltage] feeder {outage.feeder_id}: {number} transformers ({named.en}), "
                f"the first since {since.en}. {others.en}Look for a branch or a switch, and send repair.",
            )
        case OutageScope.FEEDER:
            return Text(
                f"【线路停电】线路 {outage.feeder_id}：有读数的台区全部无电压，共 {number} 个（{named.zh}），最早 "
                f"{since.zh}。{others.zh}请核实出线开关和计划停电，安排抢修。",
                f"[feeder without voltage] feeder {outage.feeder_id}: all that send readings are without voltage, "
                f"{number} transformers ({named.en}), the first since {since.en}. {others.en}Look at the outgoing "
                "switch and planned outages, and send repair.",
            )


def supply_back(outage: Outage, called: str, now_us: int, zone: tzinfo) -> Text:
    """Return what is said when all that was without supply has it again. `outage` is how it was told last."""
    since, lasted = day_and_time(outage.since_us, zone), span(now_us - outage.since_us)
    number = len(outage.transformer_ids)
    if outage.scope is OutageScope.TRANSFORMER:
        return Text(
            f"【恢复供电】{called}：{since.zh} 起的停电已恢复，历时约 {lasted.zh}。",
            f"[voltage back] {called}: there is voltage again after about {lasted.en} without, from {since.en}.",
        )
    return Text(
        f"【恢复供电】线路 {outage.feeder_id}：{since.zh} 起停电的 {number} 个台区已全部恢复，历时约 {lasted.zh}。",
        f"[voltage back] feeder {outage.feeder_id}: all {number} transformers have voltage again after about "
        f"{lasted.en}, from {since.en}.",
    )


def _named(outage: Outage) -> Text:
    shown, rest = outage.transformer_ids[:NAMED_MAX], len(outage.transformer_ids) - NAMED_MAX
    more_zh, more_en = (f" 等，另 {rest} 个", f" and {rest} more") if rest > 0 else ("", "")
    return Text("、".join(shown) + more_zh, ", ".join(shown) + more_en)


def _others(outage: Outage) -> Text:
    """Return what the others of the feeder say, with a space behind the English."""
    if not outage.feeder_id:
        return Text("台账没有它的线路，无从对照。", "The ledger names no feeder for it to compare with. ")
    live, unheard = outage.with_voltage, outage.not_heard
    zh, en = [], []
    if live:
        zh.append(f"同线路另有 {live} 个台区有电压")
        others, have = ("others", "have") if live > 1 else ("other", "has")
        en.append(f"{live} {others} of feeder {outage.feeder_id} {have} voltage")
    if unheard:
        zh.append(f"{unheard} 个尚无此后的读数")
        en.append(f"{unheard} {'have' if unheard > 1 else 'has'} sent nothing since")
    if not zh:
        return Text("同线路没有其他台区可对照。", "") if outage.scope is OutageScope.TRANSFORMER else Text("", "")
    return Text(f"{'，'.join(zh)}。", f"{', '.join(en)}. ")
