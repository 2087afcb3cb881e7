"""An incident's head, the advice, its doors and its record, as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from alerts.figures import whole_percent
from alerts.model.display_names import advice_name, event_name, level_name, state_name
from alerts.model.incidents import IncidentEvent, IncidentState
from alerts.outreach.ask import Ask, ask_state_name
from alerts.outreach.planner import Advice, OutreachList, VisitResult
from dashboard import words
from dashboard.figures import kilowatts, percent, span, time_of_day, trend
from dashboard.markup.elements import SHAPES, badge, kind_of, name, note, pairs
from dashboard.markup.live import growing_age
from dashboard.markup.wall import ADVICE_SHAPES, handling_badge, has_load_rate, progress_bar, when, why_no_load_rate
from dashboard.session import language, say
from grid.electrical import Basis
from service.queries.answers import IncidentRow, Progress, TransformerNow


def incident_top(row: IncidentRow, current: TransformerNow, now_us: int, *, small: bool = False) -> str:
    """Return the head of an incident: what it is, how it stands, the load rate now. `small`: for a phone's list."""
    incident = row.incident
    is_open = incident.state is IncidentState.OPEN
    is_dark = incident.no_voltage_since_us is not None
    kind = "dark" if is_dark else "blind" if incident.blind else kind_of(incident.level) if is_open else "normal"
    badges = badge(kind_of(incident.level), name(level_name(incident.level)))
    badges += " " + badge("quiet", name(state_name(incident.state)))
    if row.active_only:
        badges += " " + badge("active-only", say(words.ACTIVE_ONLY_LONG))
    if incident.blind:
        badges += " " + badge("blind", say(words.BLIND))
    if is_dark:
        badges += " " + badge("dark", say(words.NO_VOLTAGE_INCIDENT))
    badges += " " + handling_badge(row)
    where = escape(f"{incident.transformer_id} {row.transformer.name}")
    opened = when(incident.opened_at_us, now_us, row.zone)
    since = escape(say(words.SINCE, time=opened))
    return (
        f'<div class="rv-top {kind}{" small" if small else ""}">{now_big(current, now_us, row.zone)}'
        f'<div class="grow"><div class="title">{where}<small>{since}</small></div><div>{badges}</div></div>'
        f"{'' if small else pairs(_incident_facts(row, current, now_us, opened))}</div>"
    )


def _incident_facts(row: IncidentRow, current: TransformerNow, now_us: int, opened: str) -> list[tuple[str, str]]:
    incident = row.incident
    facts = [
        (say(words.OPENED), f"{opened} · {percent(incident.opened_load_rate, 2)}"),
        (say(words.PEAK), f"{percent(incident.peak_load_rate, 2)} · {time_of_day(incident.peak_at_us, row.zone)}"),
    ]
    if incident.closed_at_us is not None:
        lasted = say(span(incident.closed_at_us - incident.opened_at_us))
        return [*facts, (say(words.ENDED), f"{when(incident.closed_at_us, now_us, row.zone)} · {lasted}")]
    return [
        *facts,
        (say(words.DURATION), say(span(now_us - incident.opened_at_us))),
        (say(words.TREND), say(trend(current.trend_per_hour))),
    ]


def now_big(current: TransformerNow, now_us: int, zone: str) -> str:
    """Return the load rate now, large; without a fresh reading a dash and since when."""
    if has_load_rate(current):
        small = growing_age(current.measured_at_us, now_us)
        if current.basis is Basis.ACTIVE_ONLY:
            small += f" · {escape(say(words.ACTIVE_ONLY))}"
        return f'<div><div class="big">{percent(current.load_rate)}</div><div class="rv-note">{small}</div></div>'
    shape = SHAPES["dark" if current.is_without_voltage else "blind"]
    return '<div><div class="big">—</div>' + note(f"{shape} {why_no_load_rate(current, now_us, zone)}") + "</div>"


def advice_banner(advice: Advice | None, state: IncidentState) -> str:
    """Return what to do now, so that nobody has to ask."""
    if state is not IncidentState.OPEN and (advice is None or state is not IncidentState.CLOSED):
        text = {
            IncidentState.RETRACTED: words.INCIDENT_RETRACTED,
            IncidentState.UNKNOWN: words.INCIDENT_UNKNOWN,
        }.get(state, words.INCIDENT_CLOSED)
        shape = "○" if state is IncidentState.UNKNOWN else "✔"
        return f'<div class="rv-advice over"><span class="shape">{shape}</span><span>{escape(say(text))}</span></div>'
    if advice is None:
        return ""
    kind = advice.kind
    return (
        f'<div class="rv-advice {kind.value}" role="status"><span class="shape">{ADVICE_SHAPES[kind]}</span>'
        f"<b>{escape(name(advice_name(kind)))}</b><span>{escape(say(advice.text))}</span></div>"
    )


def ask_note(ask: Ask | None, released: int) -> str:
    """Return where the asking stands, beside the incident's own state; nothing before the first list."""
    if ask is None:
        return ""
    told = f" · {say(words.RELEASED, count=released)}" if released else ""
    return note(f"{say(words.ASK_STATE)} {say(ask_state_name(ask.state))}{told}")


def progress_panel(progress: Progress, outreach: OutreachList, advice: Advice | None, zone: str) -> str:
    """Return how far the list has come, in doors and kW, and what the meter says is still to go."""
    rows = [
        (say(words.NEEDED_BY_LIST), kilowatts(progress.needed_kw)),
        (say(words.AGREED_RELIEF), f"{kilowatts(progress.agreed_kw)} · {progress.agreed}/{progress.doors}"),
        (say(words.STILL_OPEN), kilowatts(progress.open_kw)),
        (say(words.ANSWERED), f"{progress.answered}/{progress.doors}"),
    ]
    if advice is not None:
        rows.insert(0, (say(words.TO_GO_BY_METER), kilowatts(advice.needed_kw)))
    reached = whole_percent(outreach.reached_probability).to(language())
    wanted = whole_percent(outreach.probability).to(language())
    enough = outreach.reached_probability >= outreach.probability
    sure = say(words.ENOUGH_PROBABILITY if enough else words.NOT_ENOUGH_DOORS, reached=reached, wanted=wanted)
    made = say(words.REVISION, revision=outreach.revision, time=time_of_day(outreach.made_at_us, zone))
    return (
        f'<div class="rv-panel">{pairs(rows)}{progress_bar(progress)}'
        f"{note(f'{made} · {sure}')}{note(say(outreach.reason))}{note(say(words.KW_NOTE))}</div>"
    )


def record(events: Sequence[IncidentEvent], zone: str) -> str:
    """Return the incident's record, newest first."""
    zh = language().value == "zh"
    lines = [
        f"<li><time>{time_of_day(event.at_us, zone)}</time><b>{escape(name(event_name(event.kind)))}</b>"
        f"<span>{escape(event.detail_zh if zh else event.detail_en)}</span></li>"
        for event in reversed(events)
    ]
    return f'<ul class="rv-record">{"".join(lines)}</ul>'


def legend(
    *,
    phase: bool,
    air: bool,
    target: bool,
    active_only: bool,
    visits: bool,
    band: bool = False,
    beside: Sequence[tuple[str, str]] = (),
) -> str:
    """Return what the lines of a chart mean; `beside`: other days, colour and name."""
    parts = [f"<span><i></i>{escape(say(words.LEGEND_LOAD))}</span>"]
    if phase:
        parts.append(f'<span><i class="phase"></i>{escape(say(words.LEGEND_PHASE))}</span>')
    parts += [f'<span><i style="border-color:{colour}"></i>{escape(called)}</span>' for colour, called in beside]
    if target:
        parts.append(f'<span><i class="target"></i>{escape(say(words.LEGEND_TARGET))}</span>')
    parts.append(f'<span><i class="incident"></i>{escape(say(words.LEGEND_INCIDENT))}</span>')
    if band:
        parts.append(f'<span><i class="baseline"></i>{escape(say(words.LEGEND_BASELINE))}</span>')
    if air:
        parts.append(f'<span><i class="air"></i>{escape(say(words.LEGEND_AIR))}</span>')
    if active_only:
        parts.append(f'<span><i class="active-only"></i>{escape(say(words.LEGEND_ACTIVE_ONLY))}</span>')
    parts.append(f"<span>{escape(say(words.LEGEND_GAP))}</span>")
    if visits:
        signs = [f"{words.RESULT_SHAPES[r]} {say(words.RESULT_BUTTONS[r])}" for r in VisitResult]
        parts.append(f"<span>{escape(say(words.LEGEND_VISIT))}&ensp;{escape('  '.join(signs))}</span>")
    return f'<div class="rv-legend">{"".join(parts)}</div>'
