"""What levels, states, results, kinds and transformers are called on screen and on paper."""

from __future__ import annotations

from alerts.model.episodes import Ending
from alerts.model.incidents import IncidentEventKind, IncidentState
from alerts.model.outreach_model import AdviceKind, VisitResult
from alerts.rules.rule_set import Level, Quantity
from grid.assets import ApplianceKind, Phase, Role, Transformer
from grid.electrical import Basis
from grid.text import Text

_LEVELS = {
    "heavy": Text("重载", "heavy load"),
    "severe_heavy": Text("严重重载", "severe heavy load"),
    "overload": Text("过载", "overload"),
    "phase_heavy": Text("单相重载", "phase heavy load"),
    "phase_severe_heavy": Text("单相严重重载", "phase severe heavy load"),
    "phase_overload": Text("单相过载", "phase overload"),
    "no_voltage": Text("无电压", "no voltage"),
}
_STATES = {
    IncidentState.OPEN: Text("未结", "open"),
    IncidentState.CLOSED: Text("已结", "closed"),
    IncidentState.UNKNOWN: Text("结果不明", "unknown since"),
    IncidentState.RETRACTED: Text("已撤销", "retracted"),
}
_RESULTS = {
    VisitResult.ASKED: Text("已告知，待答复", "asked, no answer yet"),
    VisitResult.AGREED: Text("同意", "agreed"),
    VisitResult.REFUSED: Text("拒绝", "refused"),
    VisitResult.ABSENT: Text("不在", "absent"),
    VisitResult.DONE: Text("已办", "done"),
}
_EVENTS = {
    IncidentEventKind.OPENED: Text("发现", "opened"),
    IncidentEventKind.RAISED: Text("升级", "raised"),
    IncidentEventKind.WENT_BLIND: Text("读数中断", "readings stopped"),
    IncidentEventKind.SAW_AGAIN: Text("读数恢复", "readings back"),
    IncidentEventKind.REVISED: Text("修订", "revised"),
    IncidentEventKind.RETRACTED: Text("撤销", "retracted"),
    IncidentEventKind.CLOSED: Text("结束", "closed"),
    IncidentEventKind.LOST_SUPPLY: Text("停电", "no voltage"),
    IncidentEventKind.GOT_SUPPLY: Text("恢复供电", "voltage back"),
    IncidentEventKind.ENDED_UNKNOWN: Text("结果不明", "ended as unknown"),
    IncidentEventKind.LIST_MADE: Text("生成名单", "list made"),
    IncidentEventKind.ASSIGNED: Text("指派", "assigned"),
    IncidentEventKind.COMMENTED: Text("备注", "noted"),
    IncidentEventKind.PUT_AWAY: Text("结束处置", "desk is done"),
    IncidentEventKind.VISITED: Text("走访", "visited"),
    IncidentEventKind.CALLED: Text("通知", "called"),
    IncidentEventKind.UNANSWERED: Text("无人应答", "no answer"),
    IncidentEventKind.ACKNOWLEDGED: Text("接手", "taken on"),
    IncidentEventKind.ASK: Text("走访状态", "asking"),
    IncidentEventKind.RELEASED: Text("恢复用电", "switching back"),
}
_ADVICE = {
    AdviceKind.ENOUGH: Text("够了，停止走访", "enough, stop"),
    AdviceKind.CONTINUE: Text("继续走访", "go on"),
    AdviceKind.MORE_DOORS: Text("需要加户", "more doors"),
    AdviceKind.ESCALATE: Text("上报值班台", "escalate"),
}
_ENDINGS = {
    "leave": Text("回落", "fell below the line"),
    "gap": Text("读数中断", "readings stopped"),
    "midnight": Text("当日结束", "the day was over"),
}
_PHASES = {
    Phase.A: Text("A 相", "phase A"),
    Phase.B: Text("B 相", "phase B"),
    Phase.C: Text("C 相", "phase C"),
    Phase.ABC: Text("三相", "three-phase"),
}
_ROLES = {
    Role.COMMUNITY_LEAD: Text("社区网格负责人", "community lead"),
    Role.GRID_LEAD: Text("供电网格长", "grid lead"),
    Role.MEMBER: Text("红马甲队员", "team member"),
    Role.DUTY: Text("值班员", "duty desk"),
    Role.STATION_HEAD: Text("供电所所长", "station head"),
}
_APPLIANCES = {
    ApplianceKind.AIR_CONDITIONER: Text("空调", "air conditioner"),
    ApplianceKind.LIGHTING: Text("照明", "lighting"),
    ApplianceKind.OTHER: Text("其他", "other"),
}
_BASES = {
    Basis.NONE: Text("缺数", "nothing (missing)"),
    Basis.ACTIVE_ONLY: Text("仅有功功率，结果偏低", "active power only, under-read"),
    Basis.VOLTAGE_AND_CURRENT: Text("三相电压、电流", "voltages and currents"),
    Basis.ACTIVE_AND_REACTIVE: Text("有功、无功功率", "active and reactive power"),
    Basis.APPARENT_POWER: Text("表计视在功率", "the meter's apparent power"),
}


def level_name(level: str) -> Text:
    """Return what a level is called; a level of a station's own rule file is called by its name there."""
    return _LEVELS.get(level, Text(level, level.replace("_", " ")))


def state_name(state: IncidentState) -> Text:
    """Return what an incident's state is called."""
    return _STATES[state]


def visit_result_name(result: VisitResult) -> Text:
    """Return what the result of a visit is called."""
    return _RESULTS[result]


def event_name(kind: IncidentEventKind) -> Text:
    """Return what an entry of an incident's record is called."""
    return _EVENTS[kind]


def advice_name(kind: AdviceKind) -> Text:
    """Return the advice in two words."""
    return _ADVICE[kind]


def ending_name(ending: Ending | None) -> Text:
    """Return what ended an episode; None is one that goes on."""
    return Text("持续中", "still going on") if ending is None else _ENDINGS[ending.value]


def phase_name(phase: Phase) -> Text:
    """Return what a connection is called."""
    return _PHASES[phase]


def role_name(role: Role) -> Text:
    """Return what a person's role is called."""
    return _ROLES[role]


def appliance_name(kind: ApplianceKind) -> Text:
    """Return what a kind of appliance is called."""
    return _APPLIANCES[kind]


def basis_name(basis: Basis) -> Text:
    """Return what an apparent power was computed from."""
    return _BASES[basis]


def quantity_name(level: Level) -> Text:
    """Return what a level looks at."""
    if level.quantity is Quantity.NO_VOLTAGE:
        return Text("电压", "voltage")
    if level.quantity is Quantity.WORST_PHASE_LOAD_RATE:
        return Text("最重相负载率", "worst-phase load rate")
    return Text("负载率", "load rate")


def transformer_name(transformer: Transformer) -> str:
    """Return how a transformer is called in a sentence: its id, and its name when that is another word."""
    name, number = transformer.name, transformer.transformer_id
    return number if not name or name == number else f"{number} {name}"
