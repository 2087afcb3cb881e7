"""What is said about doubts: what each is called, why a curve has its grade, what to check at the meter."""

from __future__ import annotations

from datetime import tzinfo

from alerts.figures import day_and_time, percent
from alerts.model.display_names import transformer_name
from alerts.quality.flags import DataQuality, QualityFlag, QualityGrade
from grid.assets import Transformer
from grid.text import Text

_FLAGS = {
    QualityFlag.STUCK: Text("数据冻结", "frozen values"),
    QualityFlag.JUMP: Text("突变", "impossible jump"),
    QualityFlag.RATIO: Text("倍率可疑", "ratio suspected"),
    QualityFlag.POWERS_HIGH: Text("功率高于电压电流", "powers above voltage times current"),
    QualityFlag.ALWAYS_OFF: Text("倍率可疑", "ratio suspected"),
    QualityFlag.POWERS_LOW: Text("功率远低于电压电流", "powers far below voltage times current"),
    QualityFlag.PHASE_SWAP: Text("相序调换", "phases swapped"),
    QualityFlag.ACTIVE_ONLY: Text("仅有功功率", "active power only"),
}
_GRADES = {
    QualityGrade.GOOD: Text("可信", "trusted"),
    QualityGrade.MARKED: Text("可信，有标注", "trusted, with a mark"),
    QualityGrade.DOUBTFUL: Text("存疑", "doubtful"),
}
_WHY = {
    QualityFlag.STUCK: Text(
        "计算负载所用的数值长时间一成不变，表计可能死机",
        "what makes the load has not changed at all for a long time, so the meter may be frozen",
    ),
    QualityFlag.JUMP: Text(
        "负载率与此前读数相差超过额定容量，可能是误码",
        "the load rate is further than the rating from the readings before it, so the value may be corrupt",
    ),
    QualityFlag.RATIO: Text(
        "负载率的变化恰好等于综合倍率或千倍，可能重复乘了倍率、漏乘倍率，或把瓦当成千瓦",
        "the load rate changed by just the CT ratio or a thousand: multiplied twice, not at all, or W sent for kW",
    ),
    QualityFlag.POWERS_HIGH: Text(
        "表计的功率长时间高于各相电压、电流之积，这不可能，其中一组数值有误",
        "the powers have long said more than voltages times currents, which cannot be: one is wrong",
    ),
    QualityFlag.ALWAYS_OFF: Text(
        "一整天的负载率都不是这一容量的台区昼夜应有的，综合倍率可能从一开始就不对",
        "for a whole day the load has not been what such a rating carries at night and at noon, so the ratio may have "
        "been wrong from the first day",
    ),
    QualityFlag.POWERS_LOW: Text(
        "表计的功率长时间远低于各相电压、电流之积；其间负载率改按电压、电流计算",
        "the powers have long been far below voltages times currents; meanwhile the load rate comes "
        "from voltages and currents",
    ),
    QualityFlag.PHASE_SWAP: Text(
        "各相电流与前一读数相同但换了相，接线可能调换",
        "the currents are those of the reading before, on other phases, so the wiring may have changed",
    ),
    QualityFlag.ACTIVE_ONLY: Text(
        "只有有功功率，负载率按有功计算，实际更高",
        "only active power is sent, so the load rate is under-read by the power factor",
    ),
}
_CHECK = {
    QualityFlag.STUCK: Text(
        "请查看表计时钟和数据是否刷新，必要时重启表计或采集终端",
        "look whether clock and values at the meter still move, and restart the meter or the terminal if not",
    ),
    QualityFlag.JUMP: Text(
        "请核对表计当前示数，检查通信线路和电流互感器二次接线",
        "compare the value at the meter, check the communication line and the CT's secondary wiring",
    ),
    QualityFlag.RATIO: Text(
        "请核对互感器铭牌变比、终端参数与台账综合倍率是否一致，终端上送的是一次值还是二次值，单位是否为千瓦",
        "compare the ratio on the CT's plate, in the terminal and in the ledger; see whether primary or secondary "
        "values are sent, and in kW",
    ),
    QualityFlag.POWERS_HIGH: Text(
        "请核对各相电流互感器二次接线是否断开或短接，电流与功率的倍率、单位是否一致",
        "check the CTs' secondary wiring for a phase that is open or shorted, and whether currents and powers have the "
        "same ratio and unit",
    ),
    QualityFlag.ALWAYS_OFF: Text(
        "请核对互感器铭牌变比、终端参数与台账综合倍率是否一致，终端上送的是一次值还是二次值，额定容量是否正确",
        "compare the ratio on the CT's plate, in the terminal and in the ledger; see whether primary or secondary "
        "values are sent, and whether the rated power is right",
    ),
    QualityFlag.POWERS_LOW: Text(
        "请核对功率与电流的倍率、单位是否一致，各相电流互感器极性是否接反，电压、电流相别是否对应",
        "see whether powers and currents have the same ratio and unit, whether a CT is reversed, and whether voltage "
        "and current of each phase belong together",
    ),
    QualityFlag.PHASE_SWAP: Text(
        "请检查电压、电流接线的相别是否一一对应",
        "check that voltage and current of each phase are wired to the same terminal",
    ),
    QualityFlag.ACTIVE_ONLY: Text(
        "请在终端上开通无功功率或三相电压、电流的上送",
        "have the terminal send reactive power as well, or voltages and currents",
    ),
}
_MOMENTARY = QualityFlag.JUMP | QualityFlag.PHASE_SWAP
"""Doubts about one reading; the others last."""


def flag_name(flag: QualityFlag) -> Text:
    """Return what one doubt is called."""
    return _FLAGS[flag]


def grade_name(grade: QualityGrade) -> Text:
    """Return what a grade of trust is called."""
    return _GRADES[grade]


def flag_reason(flag: QualityFlag) -> Text:
    """Return what speaks against readings with this doubt."""
    return _WHY[flag]


def what_to_check(flag: QualityFlag) -> Text:
    """Return what somebody at the meter should look at."""
    return _CHECK[flag]


def quality_reason(quality: DataQuality) -> Text:
    """Return the grade and how many readings each doubt concerns, as a verdict says it."""
    name = grade_name(quality.grade)
    if not quality.counts:
        return Text(name.zh, name.en)
    zh = "，".join(f"{flag_name(flag).zh} {number} 个" for flag, number in quality.counts)
    en = ", ".join(f"{flag_name(flag).en} {number}" for flag, number in quality.counts)
    return Text(f"{name.zh}：{quality.readings} 个读数中{zh}", f"{name.en}: of {quality.readings} readings {en}")


def check_the_meter(
    flag: QualityFlag, transformer: Transformer, measured_at_us: int, load_rate: float, zone: tzinfo
) -> Text:
    """Return the notice to check a meter: where, since which reading, why, and what to look at."""
    where, at, rate = transformer_name(transformer), day_and_time(measured_at_us, zone), percent(load_rate)
    name, why, check = flag_name(flag), flag_reason(flag), what_to_check(flag)
    from_zh, from_en = ("", "on") if flag in _MOMENTARY else ("起", "since")
    of_ratio = flag & (QualityFlag.RATIO | QualityFlag.ALWAYS_OFF)
    ratio_zh = f"（台账综合倍率 {transformer.ct_ratio:g}）" if of_ratio else ""
    ratio_en = f" (ledger: {transformer.ct_ratio:g})" if of_ratio else ""
    return Text(
        f"【核查表计】{where}：{at.zh} {from_zh}{name.zh}，负载率 {rate.zh}。{why.zh}{ratio_zh}。{check.zh}。",
        f"[check the meter] {where}: {name.en} {from_en} {at.en}, load rate {rate.en}. "
        f"{_sentence(why.en)}{ratio_en}. {_sentence(check.en)}.",
    )


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:]
