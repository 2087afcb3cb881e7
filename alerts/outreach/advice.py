"""After every reading: enough, go on, more doors, or the load is not on this list."""

from __future__ import annotations

import math
from collections.abc import Sequence

from alerts.figures import kilowatts, percent
from alerts.model.incidents import Incident, IncidentState
from alerts.model.outreach_model import (
    ANY_DAY,
    Advice,
    AdviceKind,
    Conditions,
    Door,
    OutreachList,
    OutreachSettings,
    Visit,
    VisitResult,
)
from alerts.outreach.acceptance import outcomes
from alerts.outreach.outlook import rise_expected
from alerts.outreach.relief import Together, chances_of_reaching, needed_relief_kw, unmetered_share
from alerts.outreach.words import feeding_back
from grid.assets import Transformer
from grid.text import Text
from grid.timestamps import MINUTE_US

HOPELESS = 0.005
"""A chance below this is shown as 0 %: nobody is told to go on for it (own choice)."""


def advise(  # noqa: PLR0913
    outreach_list: OutreachList,
    visits: Sequence[Visit],
    load_rate: float,
    settings: OutreachSettings,
    *,
    incident: Incident,
    transformer: Transformer,
    power_factor: float,
    spare_doors: int,
    feeds_back: bool = False,
    trend_per_hour: float = math.nan,
    has_held: bool = False,
    was_enough: bool = False,
    conditions: Conditions = ANY_DAY,
) -> Advice:
    """Return what to do now. `load_rate` is the newest; `spare_doors` could be added.

    One need stands behind all of it, the same as behind the list: from the load rate now, with the rise to expect
    (`rise_expected`), to the list's own target. Whether the incident is still open does not matter.

    - ENOUGH: the load rate is expected to stay `hold_margin` below the target, or stays at or below it already for
      the last quarter of an hour (`has_held`); or the incident was retracted. Once it `was_enough` it stays so while
      the load rate is at or below the target: nobody is sent out again by a wobble of the trend.
    - CONTINUE: doors without an answer, and what was promised within `settle_minutes` before the last reading,
      should bring the rest: their expectation is at least `probability` × need. Also when there is nobody left to
      add, as long as what is left can still be enough: its chance is not below `HOPELESS`. With `wait_minutes`
      nobody has to go anywhere: promises that will do are not metered yet, or the target is met and it has to be
      seen that it holds.
    - MORE_DOORS: refusals and empty shops took too much away and `spare_doors` > 0.
    - ESCALATE: the list is walked, what is pending will not do, the load rate is still above the target, and
      either all agreed or there is nobody left to ask: the load is not on this list. Also while doors are open that
      together cannot be enough.

    A blind incident, or a NaN load rate, says so; it is never ENOUGH. Neither is one without voltage: ESCALATE.
    Where the area `feeds_back`, the load is on no list: ESCALATE.
    """
    found = {
        merchant: v.result
        for (of, merchant), v in outcomes(visits).items()
        if of == incident.incident_id and not is_to_be_called_on_again(v, outreach_list)
    }
    open_doors = [d for d in outreach_list.doors if found.get(d.merchant_id, VisitResult.ASKED) is VisitResult.ASKED]
    open_kw = sum(door.expected_relief_kw for door in open_doors)
    pending_kw, wait_minutes = _pending(outreach_list, visits, settings, incident)
    target = outreach_list.target_load_rate

    def advice(kind: AdviceKind, text: Text, needed_kw: float, wait: float = 0.0) -> Advice:
        return Advice(kind, text, needed_kw, pending_kw, len(open_doors), open_kw, wait, spare_doors)

    if incident.state in _NOT_ASKED:
        return advice(AdviceKind.ENOUGH, _NOT_ASKED[incident.state], 0.0)
    if incident.no_voltage_since_us is not None:
        return advice(AdviceKind.ESCALATE, _no_voltage(len(open_doors)), math.nan)
    if incident.blind or math.isnan(load_rate):
        kind = AdviceKind.CONTINUE if open_doors else AdviceKind.ESCALATE
        return advice(kind, _blind(len(open_doors)), math.nan)
    ahead = load_rate + rise_expected(trend_per_hour, conditions, settings)
    needed_kw = needed_relief_kw(transformer, ahead, target, power_factor)
    if was_enough and load_rate <= target:
        return advice(AdviceKind.ENOUGH, _enough(load_rate, target, len(open_doors)), 0.0)
    if ahead <= target and (has_held or feeds_back or ahead <= target - settings.hold_margin + 1e-9):
        return advice(AdviceKind.ENOUGH, _enough(load_rate, target, len(open_doors)), needed_kw)
    if feeds_back:
        return advice(AdviceKind.ESCALATE, feeding_back(load_rate), needed_kw)
    if ahead <= target and (pending_kw > 0.0 or not open_doors):
        return advice(AdviceKind.CONTINUE, _watch(load_rate, target), needed_kw, max(wait_minutes, WATCH_MINUTES))
    if pending_kw >= needed_kw and pending_kw > 0.0:
        return advice(
            AdviceKind.CONTINUE, _wait(load_rate, needed_kw, pending_kw, wait_minutes), needed_kw, wait_minutes
        )
    if open_doors or pending_kw > 0.0:
        is_likely = open_kw + pending_kw >= settings.probability * needed_kw
        can_be_enough = not open_doors or not _is_hopeless(needed_kw - pending_kw, open_doors, settings)
        said = _not_answered(
            open_doors, load_rate, needed_kw, pending_kw, spare_doors, is_likely=is_likely, can_be_enough=can_be_enough
        )
        if said is not None:
            return advice(*said, needed_kw, 0.0 if open_doors else wait_minutes)
    elif spare_doors and not _all_agreed(outreach_list.doors, found):
        return advice(AdviceKind.MORE_DOORS, _more(load_rate, needed_kw, 0.0, spare_doors), needed_kw)
    return advice(AdviceKind.ESCALATE, _escalate(load_rate, target, needed_kw), needed_kw)


def _not_answered(
    open_doors: Sequence[Door],
    load_rate: float,
    needed_kw: float,
    pending_kw: float,
    spare_doors: int,
    *,
    is_likely: bool,
    can_be_enough: bool,
) -> tuple[AdviceKind, Text] | None:
    """Return what to do while doors wait for an answer, or agreements for the meter; None where that is nothing."""
    open_kw = sum(door.expected_relief_kw for door in open_doors)
    if can_be_enough and is_likely and not open_doors:
        return AdviceKind.CONTINUE, _nearly(load_rate, needed_kw, pending_kw)
    if can_be_enough and is_likely:
        return AdviceKind.CONTINUE, _continue(load_rate, needed_kw, pending_kw, open_kw, len(open_doors))
    if spare_doors:
        return AdviceKind.MORE_DOORS, _more(load_rate, needed_kw, pending_kw + open_kw, spare_doors)
    if not open_doors:
        return None
    if can_be_enough:
        return AdviceKind.CONTINUE, _short(load_rate, needed_kw, pending_kw + open_kw)
    most_kw = pending_kw + sum(door.offer_kw for door in open_doors)
    return AdviceKind.ESCALATE, _cannot_do(load_rate, needed_kw, most_kw, len(open_doors))


WATCH_MINUTES = 15.0
"""Where the target is met and nobody is left to ask on this list: the next look that could change anything."""
_NOT_ASKED = {
    IncidentState.RETRACTED: Text("事件已撤销，停止走访。", "The incident was retracted. Stop."),
    IncidentState.UNKNOWN: Text(
        "读数长时间中断，事件以未知结束，停止走访。", "Readings stayed away: it ended as unknown. Stop."
    ),
}


def is_to_be_called_on_again(visit: Visit, newest: OutreachList) -> bool:
    """Return whether nobody was at home at a door that a list made later names again."""
    return visit.result is VisitResult.ABSENT and visit.recorded_at_us < newest.made_at_us


def _pending(
    outreach_list: OutreachList, visits: Sequence[Visit], settings: OutreachSettings, incident: Incident
) -> tuple[float, float]:
    """Return the relief [kW] promised too shortly before the last reading to be in it, and minutes until it is."""
    last_us = incident.last_reading_at_us
    offers = {door.merchant_id: door.offer_kw for door in outreach_list.doors}
    promised = [
        (offers[merchant_id], visit.recorded_at_us)
        for (of_incident, merchant_id), visit in outcomes(visits).items()
        if of_incident == incident.incident_id and merchant_id in offers and visit.result.brings_relief
    ]
    if outreach_list.pending_kw:
        promised.append((outreach_list.pending_kw, outreach_list.made_at_us))
    fresh = [(kw, at_us, unmetered_share(at_us, last_us, settings.settle_minutes)) for kw, at_us in promised]
    fresh = [one for one in fresh if one[2] > 0.0]
    latest_us = max((at_us for _, at_us, _ in fresh), default=0)
    minutes = math.ceil(settings.settle_minutes - (last_us - latest_us) / MINUTE_US) if fresh else 0
    return sum(kw * share for kw, _, share in fresh), float(minutes)


def _is_hopeless(needed_kw: float, doors: Sequence[Door], settings: OutreachSettings) -> bool:
    """Return whether doors without an answer have next to no chance to bring what is needed [kW]."""
    expected_kw = sum(door.expected_relief_kw for door in doors)
    if needed_kw <= expected_kw:  # more likely than not, or nearly: nothing has to be computed
        return False
    likely, correlations = [door.agree_probability for door in doors], [settings.day_correlation] * len(doors)
    together = Together(settings.kept_share, settings.delivered_sd)
    offers_kw = [door.offer_kw for door in doors]
    return float(chances_of_reaching(needed_kw, offers_kw, likely, correlations, together)[-1]) < HOPELESS


def _all_agreed(doors: Sequence[Door], found: dict[str, VisitResult]) -> bool:
    return bool(doors) and all(d.merchant_id in found and found[d.merchant_id].brings_relief for d in doors)


def _enough(load_rate: float, target: float, open_doors: int) -> Text:
    now, line = percent(load_rate), percent(target)
    zh = f"够了，停止走访：负载率 {now.zh}，已降到目标 {line.zh}，预计能保持。已配合的商户先不恢复，等通知分批恢复。"
    en = (
        f"Enough, stop: load rate {now.en}, below the target of {line.en} and expected to stay there. "
        "Who takes part goes on until told to switch back, a few at a time."
    )
    if open_doors:
        zh += f"余下 {open_doors} 户不用再去。"
        en += " The last door can be left in peace." if open_doors == 1 else f" Leave the other {open_doors} in peace."
    return Text(zh, en)


def _watch(load_rate: float, target: float) -> Text:
    now, line = percent(load_rate), percent(target)
    return Text(
        f"先等一等：负载率 {now.zh}，已到目标 {line.zh}，还要看能否保持；看下一次读数再定。",
        f"Wait for the next reading: load rate {now.en}, at the target of {line.en}, but not yet sure to stay there.",
    )


def _wait(load_rate: float, needed_kw: float, pending_kw: float, minutes: float) -> Text:
    now = percent(load_rate)
    return Text(
        f"先等约 {minutes:.0f} 分钟：负载率 {now.zh}，还差 {kilowatts(needed_kw)}；"
        f"已同意、读数尚未反映的约 {kilowatts(pending_kw)}，预计够用，看下一次读数再定。",
        f"Wait about {minutes:.0f} minutes for the next readings: load rate {now.en}, {kilowatts(needed_kw)} to go; "
        f"{kilowatts(pending_kw)} agreed to but not yet metered should be enough.",
    )


def _nearly(load_rate: float, needed_kw: float, pending_kw: float) -> Text:
    now = percent(load_rate)
    return Text(
        f"先等一等：负载率 {now.zh}，还差 {kilowatts(needed_kw)}；名单已走完，已同意、读数尚未反映的约 "
        f"{kilowatts(pending_kw)}，接近够用，看下一次读数再定。",
        f"Wait for the next reading: load rate {now.en}, {kilowatts(needed_kw)} to go; the list is walked, and "
        f"{kilowatts(pending_kw)} agreed to but not yet metered may nearly be enough.",
    )


def _cannot_do(load_rate: float, needed_kw: float, most_kw: float, open_doors: int) -> Text:
    now = percent(load_rate)
    doors = "the last door agrees" if open_doors == 1 else f"all {open_doors} doors left agree"
    return Text(
        f"上报值班台：负载率 {now.zh}，还差 {kilowatts(needed_kw)}；没有可以加的户，"
        f"余下 {open_doors} 户即使全部同意也只有约 {kilowatts(most_kw)}，走访不够用。"
        "余下的户照常走访，请值班台现在就采取转供电、调整三相负荷等措施。",
        f"Escalate to the duty desk: load rate {now.en}, {kilowatts(needed_kw)} to go; nobody can be added, and "
        f"even if {doors} it is about {kilowatts(most_kw)}: asking will not do. Visit them all the same, and "
        "let the desk transfer or rebalance load now.",
    )


def _continue(load_rate: float, needed_kw: float, pending_kw: float, open_kw: float, open_doors: int) -> Text:
    now = percent(load_rate)
    pending_zh = f"，已同意待生效 {kilowatts(pending_kw)}" if pending_kw else ""
    pending_en = f", {kilowatts(pending_kw)} agreed and not yet metered" if pending_kw else ""
    doors = "door" if open_doors == 1 else "doors"
    return Text(
        f"继续走访：负载率 {now.zh}，还差 {kilowatts(needed_kw)}{pending_zh}；"
        f"余下 {open_doors} 户预计可降 {kilowatts(open_kw)}。",
        f"Go on: load rate {now.en}, {kilowatts(needed_kw)} to go{pending_en}; "
        f"{open_doors} {doors} left should bring {kilowatts(open_kw)}.",
    )


def _more(load_rate: float, needed_kw: float, coming_kw: float, spare_doors: int) -> Text:
    now = percent(load_rate)
    doors = "door" if spare_doors == 1 else "doors"
    return Text(
        f"名单不够，需要加户：负载率 {now.zh}，还差 {kilowatts(needed_kw)}，"
        f"现有名单预计只能再降 {kilowatts(coming_kw)}；另有 {spare_doors} 户可以加入。",
        f"More doors: load rate {now.en}, {kilowatts(needed_kw)} to go, but this list should bring only "
        f"{kilowatts(coming_kw)} more; {spare_doors} other {doors} can be added.",
    )


def _short(load_rate: float, needed_kw: float, coming_kw: float) -> Text:
    now = percent(load_rate)
    return Text(
        f"继续走访，同时请值班台准备其他措施：负载率 {now.zh}，还差 {kilowatts(needed_kw)}，"
        f"能走访的都已在名单上，预计只能再降 {kilowatts(coming_kw)}。",
        f"Go on, and let the duty desk prepare other measures: load rate {now.en}, {kilowatts(needed_kw)} to go; "
        f"everybody who can be asked is on the list, which should bring only {kilowatts(coming_kw)} more.",
    )


def _escalate(load_rate: float, target: float, needed_kw: float) -> Text:
    now, line = percent(load_rate), percent(target)
    return Text(
        f"上报值班台：名单已走完，负载率仍为 {now.zh}，高于目标 {line.zh}，还差 {kilowatts(needed_kw)}。"
        "负荷不在这份名单上，请核查其他大用户，并考虑转供电、调整三相负荷等措施。",
        f"Escalate to the duty desk: the list is walked and the load rate is still {now.en}, above {line.en}, "
        f"{kilowatts(needed_kw)} to go. The load is not on this list: look for other large customers, "
        "consider transferring or rebalancing load.",
    )


def _no_voltage(open_doors: int) -> Text:
    left_zh = f"余下 {open_doors} 户先不走访" if open_doors else "走访先暂停"
    left_en = f"hold the {open_doors} visits that are left" if open_doors > 1 else "hold the visits"
    return Text(
        f"停电：三相无电压，没有电不等于负荷已降。{left_zh}；值班台核实停电原因并安排抢修，来电后看读数再定。",
        f"No voltage on any phase; no supply is no relief: {left_en}. The duty desk finds out why and sends repair; "
        "with voltage back, the next readings decide.",
    )


def _blind(open_doors: int) -> Text:
    if open_doors:
        return Text(
            f"读数中断，看不到负载率：按名单继续走访余下 {open_doors} 户，并派人现场测量。",
            f"Readings have stopped, the load rate cannot be seen: go on with the {open_doors} left, measure on site.",
        )
    return Text(
        "读数中断，看不到负载率，名单已走完：上报值班台，派人现场测量。",
        "Readings have stopped and the list is walked: escalate to the duty desk, measure on site.",
    )
