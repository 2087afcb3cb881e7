"""Tiles and rows: a transformer, an incident, as HTML."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from alerts.model.display_names import level_name, state_name
from alerts.model.incidents import IncidentState
from alerts.outreach.planner import AdviceKind
from alerts.rules.rule_set import Level
from dashboard import words
from dashboard.figures import day_and_time, percent, span, time_of_day, trend
from dashboard.markup.elements import SHAPES, badge, kind_of, name, state_of
from dashboard.markup.live import growing_age
from dashboard.session import link, queries, say
from grid.electrical import Basis
from grid.supply import Supply
from service.queries.answers import Freshness, IncidentRow, Progress, TransformerNow

ADVICE_SHAPES = {
    AdviceKind.ENOUGH: "✔",
    AdviceKind.CONTINUE: "➜",
    AdviceKind.MORE_DOORS: "✚",
    AdviceKind.ESCALATE: "■",
}
"""Each next step has a sign of its own, for those who do not see its colour."""
_GAUGE_FULL = 1.2
"""A gauge is full at this load rate, or at so many times the highest line: what is above it still has room."""


def gauge(load_rate: float, levels: Sequence[Level]) -> str:
    """Return a bar of the load rate with marks at the lines of the station's rule set."""
    full = max([_GAUGE_FULL, *(level.enter * _GAUGE_FULL for level in levels)])
    width = 0.0 if math.isnan(load_rate) else min(max(load_rate / full, 0.0), 1.0)
    marks = "".join(f'<u style="left:{level.enter / full * 100:.1f}%"></u>' for level in levels)
    return f'<div class="rv-gauge"><i style="width:{width * 100:.1f}%"></i>{marks}</div>'


def tile(now: TransformerNow, now_us: int, zone: str) -> str:
    """Return one transformer as a tile that opens its page. One without a fresh reading shows no load rate."""
    kind, word = state_of(now)
    transformer = now.transformer
    top = (
        f'<header><span class="id">{escape(transformer.transformer_id)}</span>'
        f'<span class="name">{escape(transformer.name)}</span></header>'
    )
    only_phase = " phase" if now.level is None and now.phase_level else ""
    label = f'<div class="word {kind}">{SHAPES[kind]} {escape(name(word))}</div>'
    body = _seen(now, now_us) if has_load_rate(now) else _unseen(now, now_us, zone)
    address = escape(link("transformer", transformer=transformer.transformer_id))
    return f'<a class="rv-tile {kind}{only_phase}" href="{address}" target="_self">{top}{body[0]}{label}{body[1]}</a>'


def _seen(now: TransformerNow, now_us: int) -> tuple[str, str]:
    number = percent(now.load_rate).removesuffix(" %")
    big = f'<div class="big">{number}<small>%</small></div>{gauge(now.load_rate, queries().ladder)}'
    facts = []
    if now.worst_phase is not None:
        warn = ' class="warn"' if now.phase_level and now.worst_phase_load_rate > now.load_rate else ""
        phase = f"{say(words.WORST_PHASE)} {now.worst_phase.value} {percent(now.worst_phase_load_rate)}"
        facts.append(f"<span{warn}>{escape(phase)}</span>")
    facts.append(f"<span>{escape(say(trend(now.trend_per_hour)))}</span>")
    if now.basis is Basis.ACTIVE_ONLY:
        facts.append(f'<span class="warn">{escape(say(words.ACTIVE_ONLY))}</span>')
    facts.append(f"<span>{growing_age(now.measured_at_us, now_us)}</span>")
    return big, f'<div class="facts">{"".join(facts)}</div>'


def has_load_rate(now: TransformerNow) -> bool:
    """Return whether there is a load rate of now to be shown: without voltage there is none."""
    return now.freshness is Freshness.FRESH and not now.is_without_voltage and now.supply is not Supply.UNSEEN


def why_no_load_rate(now: TransformerNow, now_us: int, zone: str) -> str:
    """Return in words why there is no load rate of now."""
    if now.is_without_voltage:
        since_us = now.no_voltage_since_us
        return (
            say(words.NO_VOLTAGE_NOW)
            if since_us is None
            else say(words.NO_VOLTAGE_SINCE, time=when(since_us, now_us, zone))
        )
    if now.freshness is Freshness.FRESH:
        return say(words.VOLTAGE_UNSEEN_LONG)
    since = when(now.received_at_us, now_us, zone)
    return say(words.NO_DATA_SINCE, time=since) if now.received_at_us else say(words.NO_DATA_EVER)


def _unseen(now: TransformerNow, now_us: int, zone: str) -> tuple[str, str]:
    if now.is_without_voltage or now.freshness is Freshness.FRESH:
        facts = [f"<span>{escape(why_no_load_rate(now, now_us, zone))}</span>"]
        if now.freshness is not Freshness.FRESH and now.received_at_us:
            last = say(words.NO_DATA_SINCE, time=when(now.received_at_us, now_us, zone))
            facts.append(f"<span>{escape(last)}</span>")
        return '<div class="big">—</div>', f'<div class="facts">{"".join(facts)}</div>'
    if now.freshness is Freshness.NEVER:
        return '<div class="big">—</div>', f'<div class="facts"><span>{escape(say(words.NO_DATA_EVER))}</span></div>'
    old = now.freshness is Freshness.OLD
    timestamp = now.measured_at_us if old else now.received_at_us
    if now.lost_feeder:
        lost = say(words.FEEDER_LOST, feeder=now.lost_feeder)
        return '<div class="big">—</div>', f'<div class="facts"><span>{escape(lost)}</span></div>'
    since = say(words.OLD_MEASURED if old else words.NO_DATA_SINCE, time=when(timestamp, now_us, zone))
    return '<div class="big">—</div>', f'<div class="facts"><span>{escape(since)}</span></div>'


def when(timestamp: int | None, now_us: int, zone: str) -> str:
    """Return the time of day, with the date when it is not today."""
    today = day_and_time(now_us, zone).split(" ")[0]
    full = day_and_time(timestamp, zone)
    return time_of_day(timestamp, zone) if full.startswith(today) else full


def incident_line(row: IncidentRow, now_us: int) -> str:
    """Return one incident as a row that opens its page."""
    incident = row.incident
    is_open = incident.state is IncidentState.OPEN
    kind = kind_of(incident.level) if is_open else "closed"
    level = badge(kind_of(incident.level) if is_open else "quiet", name(level_name(incident.level)))
    state = badge("blind", say(words.BLIND)) if incident.blind else ""
    if incident.no_voltage_since_us is not None:
        state += " " + badge("dark", say(words.NO_VOLTAGE))
    if not is_open:
        state = badge("quiet", name(state_name(incident.state)))
    if row.active_only:
        state += " " + badge("active-only", say(words.ACTIVE_ONLY))
    state += " " + handling_badge(row)
    where = escape(f"{incident.transformer_id} {row.transformer.name}")
    opened = when(incident.opened_at_us, now_us, row.zone)
    end_us = now_us if incident.closed_at_us is None else incident.closed_at_us
    lasted = say(span(end_us - incident.opened_at_us))
    cells = [
        f'<div class="who">{where}<small>{level} {state}</small></div>',
        _number(f"{opened}", f"{say(words.OPENED)} · {say(words.DURATION)} {lasted}"),
        _number(f"{percent(incident.opened_load_rate)} → {percent(incident.last_load_rate)}", say(words.FROM_TO)),
        _progress(row.progress) if is_open else _number(percent(incident.peak_load_rate), say(words.PEAK)),
        f'<div class="go">{escape(say(words.OPEN_IT))}</div>',
        _next_step(row) if is_open else "",
    ]
    address = escape(link("incident", incident=incident.incident_id))
    return f'<a class="rv-row {kind}" href="{address}" target="_self">{"".join(cells)}</a>'


def handling_badge(row: IncidentRow) -> str:
    """Return who has an incident, or that the desk has put it away, or that nobody has an open one."""
    if row.handling.put_away is not None:
        return badge("quiet", f"✔ {say(words.PUT_AWAY)}")
    if row.has_it:
        return badge("quiet", say(words.HAS_IT, name=row.has_it))
    return badge("heavy", say(words.NOBODY_HAS_IT)) if row.incident.state is IncidentState.OPEN else ""


def _next_step(row: IncidentRow) -> str:
    if row.advice is None:
        return ""
    kind = row.advice.kind
    return (
        f'<div class="next {kind.value}"><b aria-hidden="true">{ADVICE_SHAPES[kind]}</b>'
        f"{escape(say(row.advice.text))}</div>"
    )


def _number(value: str, label: str) -> str:
    return f'<div class="num">{escape(value)}<small>{escape(label)}</small></div>'


def _progress(progress: Progress | None) -> str:
    if progress is None:
        return _number("—", say(words.NO_LIST_YET))
    agreed = say(words.AGREED_OF, agreed=progress.agreed, doors=progress.doors)
    return f'<div class="num">{escape(agreed)}{progress_bar(progress)}</div>'


def progress_bar(progress: Progress) -> str:
    """Return a bar: agreed kilowatts full, what open doors should still bring light, against what is needed."""
    needed = max(progress.needed_kw, 0.001)
    full = min(progress.agreed_kw / needed, 1.0) * 100
    soft = min((progress.agreed_kw + progress.open_kw) / needed, 1.0) * 100
    return f'<div class="rv-bar"><i class="soft" style="width:{soft:.0f}%"></i><i style="width:{full:.0f}%"></i></div>'
