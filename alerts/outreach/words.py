"""Sentences about doors and lists: what to ask, why this door, how many kW. No person's name, phone or address."""

from __future__ import annotations

import math

from alerts.figures import degrees, kilowatts, percent, whole_percent
from alerts.model.display_names import transformer_name, visit_result_name
from alerts.model.outreach_model import Ask, OutreachList, Visit
from alerts.outreach.acceptance import Agreement, History
from alerts.outreach.offers import Offer
from grid.assets import Phase, Transformer
from grid.text import Text

NOTHING_TO_ASK = Text("无可调设备", "nothing to ask")


def ask_text(ask: Ask) -> Text:
    """Return what to ask of a merchant, as it is said at the door."""
    zh: list[str] = []
    en: list[str] = []
    off, units = ask.switch_off_units, ask.of_units
    if off:
        zh.append(f"关 {off} 台空调（共 {units} 台）" if units > off else f"关闭全部 {off} 台空调")
        which = f"{off} of {units} air conditioners" if units > off else _all_units(off)
        en.append(f"switch off {which}")
    if ask.setpoint_from_c is not None and ask.setpoint_to_c is not None:
        low, high = degrees(ask.setpoint_from_c), degrees(ask.setpoint_to_c)
        which = "其余空调由" if off else "空调由"
        zh.append(f"{which} {low.zh} 调到 {high.zh}")
        others = "the others" if off else "air conditioning"
        en.append(f"set {others} from {low.en} to {high.en}")
    if ask.lights_off:
        zh.append("关闭不需要的照明")
        en.append("switch off lights that are not needed")
    if ask.other_off_units:
        zh.append(f"停用 {ask.other_off_units} 台可停的其他设备")
        en.append(f"pause {_counted('other appliance', ask.other_off_units)}")
    return Text("，".join(zh), ", ".join(en)) if zh else NOTHING_TO_ASK


def door_reason(
    offer: Offer,
    agreement: Agreement,
    delivered_share: float,
    phase: Phase,
    worst_phase: Phase | None,
    rank: int,
    candidates: int,
) -> Text:
    """Return why this door is on the list: relief, how likely, history, phase, and its place among all.

    `rank` counts from 1 among the `candidates` doors that could be asked, by the relief to expect.
    """
    parts, history, connected = _parts(offer), _history(agreement.history), _phase(phase, worst_phase)
    relief = kilowatts(offer.relief_kw)
    expected = kilowatts(offer.relief_kw * agreement.probability * delivered_share)
    kept = whole_percent(delivered_share)
    likely = whole_percent(agreement.probability)
    place_zh = f"在可走访的 {candidates} 户中排第 {rank}"
    place_en = f"number {rank} of {candidates} doors that can be asked"
    return Text(
        f"可降约 {relief}（{parts.zh}）；{history.zh}，约 {likely.zh} 会同意，"
        f"落实约 {kept.zh}，折合 {expected}；{connected.zh}{place_zh}。",
        f"about {relief} ({parts.en}); {history.en}, {likely.en} likely to agree, {kept.en} of what is promised "
        f"is delivered, so {expected} to expect; {connected.en}{place_en}.",
    )


def list_reason(
    load_rate: float, rise: float, target: float, power_factor: float, needed_kw: float, pending_kw: float
) -> Text:
    """Return how the needed relief came about. `rise`: what the trend adds; `power_factor` NaN: not measured."""
    now, line = percent(load_rate), percent(target)
    above = load_rate + rise - target
    reserve_kw = (needed_kw + pending_kw) * min(rise / above, 1.0) if rise > 0.0 and above > 0.0 else 0.0
    zh, en = [f"负载率 {now.zh}，目标 {line.zh}"], [f"Load rate {now.en}, target {line.en}"]
    if rise > 0.0:
        more = round(rise * 100, 1)
        zh.append(f"按当前走势预计再升 {more:g} 个百分点，为此另留 {kilowatts(reserve_kw)}")
        en.append(f"the trend adds {more:g} points, for which {kilowatts(reserve_kw)} are reserved")
    if math.isnan(power_factor):
        zh.append("功率因数未实测，按 1 计（宁多勿少）")
        en.append("power factor not measured, taken as 1 (rather too much than too little)")
    else:
        zh.append(f"实测功率因数 {round(power_factor, 3):g}")
        en.append(f"measured power factor {round(power_factor, 3):g}")
    if pending_kw > 0.0:
        zh.append(f"已同意、读数尚未反映的 {kilowatts(pending_kw)} 已扣除")
        en.append(f"{kilowatts(pending_kw)} already agreed to but not yet metered is taken off")
    return Text(
        f"{'；'.join(zh)}；名单按 {kilowatts(needed_kw)} 编制。",
        f"{'; '.join(en)}; the list is made for {kilowatts(needed_kw)}.",
    )


def feeding_back(load_rate: float) -> Text:
    """Return why nobody is asked where the load is power that the area feeds back."""
    now = percent(load_rate)
    return Text(
        f"功率倒送：台区向上送电，负载率 {now.zh}。请商户少用电只会加重，不走访；"
        "请值班台核查分布式光伏的出力和接入容量，可调节出力，或请用户此时多用电、就地消纳。",
        f"Power is fed back: the area sends it upwards at a load rate of {now.en}. To use less would make it worse, so "
        "nobody is asked. The duty desk looks at the photovoltaics behind it: curtail, or use it on the spot.",
    )


def list_summary(outreach_list: OutreachList, transformer: Transformer) -> Text:
    """Return what a chat is told of a list: how many doors and kW, and to open it. Nobody is named."""
    doors, where, needed = len(outreach_list.doors), transformer_name(transformer), kilowatts(outreach_list.needed_kw)
    reached = whole_percent(outreach_list.reached_probability)
    target = percent(outreach_list.target_load_rate)
    edition = outreach_list.revision
    if not doors and not outreach_list.needed_kw:
        zh, en = outreach_list.reason.zh, outreach_list.reason.en
        return Text(
            f"{where}：{zh}事件 {outreach_list.incident_id}", f"{where}: {en} Incident {outreach_list.incident_id}"
        )
    if not doors and outreach_list.reached_probability < outreach_list.probability:
        return Text(
            f"{where}：没有可以走访的商户，还需降 {needed}，请值班台采取其他措施。事件 {outreach_list.incident_id}",
            f"{where}: nobody can be asked, {needed} still needed; the duty desk has to take other measures. "
            f"Incident {outreach_list.incident_id}",
        )
    zh = f"{where}：走访名单第 {edition} 版，{doors} 户，按降 {needed} 编制，降到 {target.zh} 的把握 {reached.zh}。"
    en = (
        f"{where}: outreach list {edition}, {_counted('door', doors)}, made for {needed}, "
        f"{reached.en} sure to reach {target.en}. "
    )
    if outreach_list.reached_probability < outreach_list.probability:
        zh += "可走访的都在名单上仍可能不够，请值班台同时准备其他措施。"
        en += "Everybody who can be asked is on it and it may not be enough: prepare other measures. "
    return Text(
        f"{zh}请打开名单。事件 {outreach_list.incident_id}", f"{en}Open the list. Incident {outreach_list.incident_id}"
    )


def list_made(outreach_list: OutreachList) -> Text:
    """Return the entry of an incident's record about a list."""
    doors, needed = len(outreach_list.doors), kilowatts(outreach_list.needed_kw)
    reached, reason = whole_percent(outreach_list.reached_probability), outreach_list.reason
    return Text(
        f"走访名单第 {outreach_list.revision} 版，{doors} 户，按降 {needed} 编制，把握 {reached.zh}。{reason.zh}",
        f"Outreach list {outreach_list.revision}: {_counted('door', doors)}, made for {needed}, {reached.en} sure. "
        f"{reason.en}",
    )


def visit_recorded(visit: Visit, order: int | None = None) -> Text:
    """Return the entry of an incident's record about a visit; the merchant by id, never by name."""
    result = visit_result_name(visit.result)
    place_zh = f"第 {order} 户 " if order else ""
    place_en = f"door {order}, " if order else ""
    return Text(f"{place_zh}{visit.merchant_id}：{result.zh}", f"{place_en}{visit.merchant_id}: {result.en}")


def _parts(offer: Offer) -> Text:
    ask = offer.ask
    parts = [
        (
            offer.switch_off_kw,
            f"停 {ask.switch_off_units} 台空调",
            f"{_counted('air conditioner', ask.switch_off_units)} off",
        ),
        (offer.setpoint_kw, "空调调温", "set point"),
        (offer.lights_kw, "照明", "lights"),
        (
            offer.other_kw,
            f"停 {ask.other_off_units} 台其他设备",
            f"{_counted('other appliance', ask.other_off_units)} paused",
        ),
    ]
    shown = [(kilowatts(power_kw), zh, en) for power_kw, zh, en in parts if power_kw > 0.0]
    return Text("，".join(f"{zh} {kw}" for kw, zh, _ in shown), ", ".join(f"{en} {kw}" for kw, _, en in shown))


def _history(history: History) -> Text:
    if not history.visits:
        return Text("首次走访，按同类商户推算", "first visit, judged by shops of its kind")
    zh = [f"同意 {history.agreed} 次"]
    en = [f"agreed {history.agreed}"]
    if history.refused:
        zh.append(f"拒绝 {history.refused} 次")
        en.append(f"refused {history.refused}")
    if history.absent:
        zh.append(f"不在 {history.absent} 次")
        en.append(f"absent {history.absent}")
    return Text(
        f"以往走访 {history.visits} 次（{'、'.join(zh)}）",
        f"{_counted('visit', history.visits)} before ({', '.join(en)})",
    )


def _phase(phase: Phase, worst_phase: Phase | None) -> Text:
    if worst_phase is None:
        return Text("", "")
    if phase is worst_phase:
        return Text(f"接在负荷最重的 {phase.value} 相；", f"on phase {phase.value}, the heaviest; ")
    if phase is Phase.ABC:
        return Text(
            f"三相用户，约三分之一落在最重的 {worst_phase.value} 相；",
            f"three-phase, a third of it on {worst_phase.value}, the heaviest phase; ",
        )
    return Text(
        f"接在 {phase.value} 相（最重相为 {worst_phase.value} 相）；",
        f"on phase {phase.value} (the heaviest is {worst_phase.value}); ",
    )


def _all_units(units: int) -> str:
    return "the air conditioner" if units == 1 else f"all {units} air conditioners"


def _counted(word: str, count: int) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
