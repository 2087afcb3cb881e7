"""What is said of an effect, in both languages."""

from __future__ import annotations

from alerts.effect.effect import Effect, EffectVerdict
from grid.text import Text

_VERDICTS = {
    EffectVerdict.SHOWN: Text("已证实", "shown"),
    EffectVerdict.NOT_SHOWN: Text("未证实", "not shown"),
    EffectVerdict.NOT_MEASURABLE: Text("无法测量", "not measurable"),
}
_WHY = {
    "too_few_readings_in_the_window": Text("时段内可用的读数太少", "too few usable readings in the window"),
    "too_few_days_before": Text("之前可供比较的日子太少", "too few days before it to compare with"),
    "window_too_long": Text("时段超过一天", "the window is longer than a day"),
    "doors_not_apart": Text(
        "同一时段走访了几户，无法分清是哪一户", "several doors were asked in the same time and cannot be told apart"
    ),
    "not_over": Text("时段尚未开始或没有读数", "the window has not begun, or has no reading yet"),
}


def effect_verdict_name(verdict: EffectVerdict) -> Text:
    """Return what a verdict is called."""
    return _VERDICTS[verdict]


def effect_sentence(effect: Effect) -> Text:
    """Return what an effect says: saving, interval, verdict, and what it rests on."""
    name = effect_verdict_name(effect.verdict)
    if effect.verdict is EffectVerdict.NOT_MEASURABLE:
        why = _WHY[effect.why]
        return Text(f"{name.zh}：{why.zh}", f"{name.en}: {why.en}")
    saving, low, high = (f"{value:.1f}" for value in (effect.saving_kw, effect.saving_low_kw, effect.saving_high_kw))
    return Text(
        f"{name.zh}：比基线少 {saving} kW（90% 区间 {low} 至 {high} kW）；"
        f"同样起因的 {effect.placebo_windows} 个对照时段，至少 {effect.smallest_shown_kw:.1f} kW 才能证实",
        f"{name.en}: {saving} kW below the baseline (90 % interval {low} to {high} kW); by {effect.placebo_windows} "
        f"placebo windows, {effect.smallest_shown_kw:.1f} kW is the least that could be shown",
    )
