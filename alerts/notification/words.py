"""What a notification says: one event in its own words, many as counts and the worst few. No personal data.

Transformers are named by id, stations by name; the page behind the link has the rest.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alerts.figures import percent
from alerts.model.display_names import level_name
from alerts.model.kinds import MessageKind
from alerts.notification.event import OPENED, Group, NotificationEvent
from alerts.notification.flapping import CALM_AFTER_US
from grid.text import Text
from grid.timestamps import MINUTE_US

_WORST_MAX = 3
_NAMED_MAX = 60
"""Maximum number of transformers named in one message; it stays below the 4,096 bytes that chat robots take (practice):
each of a storm of fewer is named in some message."""
_OWN_WORDS_MAX = 3
_STATIONS_MAX = 12
_CALM_MINUTES = CALM_AFTER_US // MINUTE_US

_KINDS = {
    OPENED: Text("新增", "new"),
    MessageKind.INCIDENT_RAISED: Text("升级", "raised"),
    MessageKind.INCIDENT_BLIND: Text("读数中断", "without readings"),
    MessageKind.INCIDENT_NO_VOLTAGE: Text("停电", "without voltage"),
    MessageKind.INCIDENT_VOLTAGE_BACK: Text("恢复供电", "with voltage again"),
    MessageKind.INCIDENT_SEEN_AGAIN: Text("读数恢复", "with readings again"),
    MessageKind.INCIDENT_CLOSED: Text("解除", "over"),
    MessageKind.INCIDENT_UNKNOWN: Text("结果不明", "ended as unknown"),
    MessageKind.INCIDENT_RETRACTED: Text("撤销", "retracted"),
    MessageKind.INCIDENT_ESCALATE: Text("上报", "escalated"),
    MessageKind.INCIDENT_LIST: Text("走访名单", "with a list"),
    MessageKind.INCIDENT_UNANSWERED: Text("无人应答", "without an answer"),
    MessageKind.INCIDENT_ACKNOWLEDGED: Text("已有人处理", "taken on"),
    MessageKind.INCIDENT_ENOUGH: Text("可停止走访", "with visits to stop"),
    MessageKind.INCIDENT_RELEASE: Text("可分批恢复", "to switch back in turn"),
    MessageKind.CHECK_THE_METER: Text("核查表计", "with a meter to check"),
    MessageKind.TRANSFORMER_SILENT: Text("失去数据", "without data"),
}
"""What an event of a kind says of its transformer, in the order of the counts; a kind that is not here is counted
as other news."""
_OTHER = Text("其他", "other")
_ALSO = Text("另有", "also")
_WITH_LOAD = (
    OPENED,
    MessageKind.INCIDENT_RAISED,
    MessageKind.INCIDENT_BLIND,
    MessageKind.INCIDENT_VOLTAGE_BACK,
    MessageKind.INCIDENT_SEEN_AGAIN,
)
"""Kinds that say of a transformer that it stands above the line, at the load rate that is told with them."""
_TELLING = (
    *_WITH_LOAD,
    MessageKind.INCIDENT_NO_VOLTAGE,
    MessageKind.INCIDENT_CLOSED,
    MessageKind.INCIDENT_UNKNOWN,
    MessageKind.INCIDENT_RETRACTED,
)
"""Kinds that say how a transformer stands; the others only add to it."""


@dataclass(frozen=True)
class Flapping:
    """That a transformer of the notification crosses its line again and again."""

    crossings: int
    calm: bool


def leading(events: Sequence[NotificationEvent]) -> NotificationEvent:
    """Return the event that says how things stand: the last that tells a transformer's state, else the last."""
    telling = [event for event in events if event.kind in _TELLING]
    return (telling or events)[-1]


def group_text(
    group: Group,
    events: Sequence[NotificationEvent],
    flapping: Mapping[str, Flapping],
    station_names: Mapping[str, str],
) -> Text:
    """Return what is said to one group. `flapping` holds the transformers of the notification that flap, by id."""
    single = _about_one(events, flapping)
    if single:
        return single
    station = station_names.get(group.station_id, group.station_id)
    return _many(events, flapping, Text(f"{station} ", f"{station}: "), [group.level])


def digest_text(
    events: Sequence[NotificationEvent], flapping: Mapping[str, Flapping], station_names: Mapping[str, str]
) -> Text:
    """Return what is said when too many groups want to speak: all of them in one text."""
    about = {(r.station_id, r.subject) for r in events if r.transformer_id}
    stations = Counter(station_names.get(station_id, station_id) for station_id, _ in about)
    if not stations:
        return _own_words(events)
    ranked = sorted(stations.items(), key=lambda item: (-item[1], item[0]))
    named, rest = ranked[:_STATIONS_MAX], len(ranked) - _STATIONS_MAX
    where_zh = "、".join(f"{station} {number} 个" for station, number in named) + (
        f" 等，另 {rest} 个站" if rest > 0 else ""
    )
    where_en = ", ".join(f"{station} {number}" for station, number in named) + (f" and {rest} more" if rest > 0 else "")
    levels = list(dict.fromkeys(r.level for r in sorted(events, key=lambda r: -r.urgency) if r.transformer_id))
    said = _many(
        events,
        flapping,
        Text(f"【汇总】{len(ranked)} 个供电所 ", f"[digest] {_counted('station', len(ranked))}: "),
        levels,
    )
    return Text(f"{said.zh}各站：{where_zh}。", f"{said.en} By station: {where_en}.")


def _about_one(events: Sequence[NotificationEvent], flapping: Mapping[str, Flapping]) -> Text | None:
    """Return the words for events about one thing, None where they are about several."""
    if len({event.subject for event in events}) > 1:
        return None if any(event.transformer_id for event in events) else _own_words(events)
    name, last = events[0].transformer_id, leading(events).text
    if name in flapping:
        number = flapping[name].crossings
        if flapping[name].calm:
            return Text(
                f"【恢复平稳】{name}：先后越限 {number} 次，已有 {_CALM_MINUTES} 分钟未再越限。最近一次：{last.zh}",
                f"[calm again] {name}: crossed the line {number} times, not for the last {_CALM_MINUTES} min. "
                f"The latest: {last.en}",
            )
        return Text(
            f"【反复越限】{name}：越限 {number} 次，平稳 {_CALM_MINUTES} 分钟后再报。最近一次：{last.zh}",
            f"[flapping] {name}: crossed the line {number} times; told again after {_CALM_MINUTES} calm minutes. "
            f"The latest: {last.en}",
        )
    return _own_words(events)


def _many(
    events: Sequence[NotificationEvent], flapping: Mapping[str, Flapping], opening: Text, levels: Sequence[str]
) -> Text:
    """Return counts and the worst few of events about many transformers; what is about none speaks for itself."""
    by_transformer: dict[str, list[NotificationEvent]] = {}
    for event in events:
        if event.transformer_id:
            by_transformer.setdefault(event.transformer_id, []).append(event)
    latest = [leading(of_one) for of_one in by_transformer.values()]
    counts = Counter(_KINDS.get(event.kind, _OTHER) for event in latest)
    ordered = [(kind, counts[kind]) for kind in (*_KINDS.values(), _OTHER) if counts[kind]]
    names = [_topic_name(level) for level in levels]
    # Of those that are over nobody needs the number; it would only hide one that still stands.
    standing = [r for r in latest if r.kind in _WITH_LOAD and math.isfinite(r.load_rate)]
    worst = sorted(standing, key=lambda r: (-r.load_rate, r.transformer_id))[:_WORST_MAX]
    zh = f"{opening.zh}{'、'.join(name.zh for name in names)} {len(latest)} 个台区"
    zh += f"（{'，'.join(f'{kind.zh} {number}' for kind, number in ordered)}）"
    en = f"{opening.en}{', '.join(name.en for name in names)}, {_counted('transformer', len(latest))}"
    en += f" ({', '.join(f'{number} {kind.en}' for kind, number in ordered)})"
    if worst:
        zh += "：" + "、".join(f"{r.transformer_id} {percent(r.load_rate).zh}" for r in worst)
        en += ": " + ", ".join(f"{r.transformer_id} {percent(r.load_rate).en}" for r in worst)
    rest = _others_named(latest, worst, standing)
    zh, en = zh + rest.zh, en + rest.en
    zh, en = f"{zh}。", f"{en}."
    unsteady = sorted(flapping.items(), key=lambda item: (-item[1].crossings, item[0]))[:_WORST_MAX]
    for name, flaps in unsteady:
        number = flaps.crossings
        zh += f"{name} 反复越限 {number} 次，{'现已平稳' if flaps.calm else f'平稳 {_CALM_MINUTES} 分钟后再报'}。"
        told = "calm now" if flaps.calm else f"told again after {_CALM_MINUTES} calm minutes"
        en += f" {name} crossed the line {number} times, {told}."
    others = [event for event in events if not event.transformer_id]
    if others:
        own = _own_words(others)
        zh, en = f"{own.zh}\n{zh}", f"{own.en}\n{en}"
    return Text(zh, en)


def _others_named(
    latest: Sequence[NotificationEvent], worst: Sequence[NotificationEvent], standing: Sequence[NotificationEvent]
) -> Text:
    """Return the names of those that are not among the worst, by how they stand, as many as a message holds."""
    left, unnamed = _NAMED_MAX - len(worst), 0
    told, stands = {r.transformer_id for r in worst}, {r.transformer_id for r in standing}
    by_word: dict[Text, list[str]] = {}
    for event in sorted(latest, key=lambda r: r.transformer_id):
        if event.transformer_id not in told:
            word = _ALSO if event.transformer_id in stands else _KINDS.get(event.kind, _OTHER)
            by_word.setdefault(word, []).append(event.transformer_id)
    zh = en = ""
    for word, names in by_word.items():
        shown = names[: max(left, 0)]
        left, unnamed = left - len(shown), unnamed + len(names) - len(shown)
        if shown:
            zh += f"；{word.zh} {'、'.join(shown)}"
            en += f"; {word.en} {', '.join(shown)}"
    if unnamed:
        zh, en = f"{zh}；还有 {unnamed} 个见值班台", f"{en}; {unnamed} more, see the duty desk"
    return Text(zh, en)


def _topic_name(level: str) -> Text:
    """Return what a group's level is called: a level of load, or the kind of what has none."""
    return _TOPICS.get(MessageKind.of(level)) or level_name(level)


_TOPICS = {
    MessageKind.CHECK_THE_METER: Text("核查表计", "meters to check"),
    MessageKind.OUTAGE: Text("停电", "outage"),
    MessageKind.TRANSFORMER_SILENT: Text("失去数据", "no data"),
    MessageKind.COMMUNITY_NOTICE: Text("社区先知", "community notice"),
    MessageKind.SHIFT_HANDED_OVER: Text("交接班", "shift handed over"),
    MessageKind.TEST: Text("测试", "test"),
    MessageKind.COMMUNICATION_LOST: Text("通信中断", "communication lost"),
    MessageKind.MONITORING_BLIND: Text("监测中断", "monitoring is blind"),
    MessageKind.READINGS_MISSING: Text("读数缺失", "readings are missing"),
    MessageKind.BROKER_LOST_SESSION: Text("消息服务器丢失会话", "the broker lost our session"),
    MessageKind.CLOCK_BEHIND: Text("时钟偏慢", "clock behind"),
    MessageKind.CLOCK_AHEAD: Text("时钟偏快", "clock ahead"),
    MessageKind.JOURNAL_DAMAGED: Text("读数库受损", "journal damaged"),
    MessageKind.DISK_FULL: Text("磁盘已满", "disk full"),
}


def _own_words(events: Sequence[NotificationEvent]) -> Text:
    """Return the events' own words, the most urgent first, and how many more there are."""
    ranked = sorted(events, key=lambda event: -event.urgency)
    spoken, rest = ranked[:_OWN_WORDS_MAX], len(ranked) - _OWN_WORDS_MAX
    zh, en = [event.text.zh for event in spoken], [event.text.en for event in spoken]
    if rest > 0:
        zh.append(f"另有 {rest} 条，请看值班台。")
        en.append(f"{rest} more: see the duty desk.")
    return Text("\n".join(zh), "\n".join(en))


def _counted(thing: str, number: int) -> str:
    return f"1 {thing}" if number == 1 else f"{number} {thing}s"
