"""One transformer: its curve live, its newest reading, its people, its incidents, the rules that judge it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from zoneinfo import ZoneInfo

import streamlit as st

from alerts.model.display_names import basis_name, level_name, role_name
from dashboard import words
from dashboard.charts.curve import load_rate_chart, step_us_of
from dashboard.charts.layers import BESIDE_COLOURS, Beside
from dashboard.charts.quantities import PHASE_COLOURS, quantity_chart
from dashboard.figures import day, day_and_time, percent, quantity, span, trend
from dashboard.markup.data_quality import quality_panel
from dashboard.markup.elements import badge, draw, facts, head, name, note, section, state_of, table, trouble
from dashboard.markup.incident import legend, now_big
from dashboard.markup.live import beat
from dashboard.markup.wall import gauge, incident_line
from dashboard.session import keep_address, language, live_seconds, queries, say, transformer
from dashboard.transformer_view import QUANTITIES, View, pick_view
from grid.assets import Phase
from grid.electrical import VOLTAGE_HIGH_V, VOLTAGE_LOW_V, Basis
from grid.errors import UsageError
from grid.timestamps import MINUTE_US
from service.exports.curve_csv import curve_csv
from service.queries.answers import Curve, Freshness, TransformerPage

_DAYS_REFRESH = 5
_PHASES = (Phase.A, Phase.B, Phase.C)
_OUTSIDE = {-1: words.VOLTAGE_BELOW, 0: None, 1: words.VOLTAGE_ABOVE}


def page() -> None:
    """Draw the page."""
    known = {each.transformer_id: each for each in queries().transformers()}
    if not known:
        draw(head(say(words.TRANSFORMER)) + note(say(words.NO_TRANSFORMERS)))
        return
    asked = st.query_params.get("transformer", "")
    if asked and asked not in known:
        trouble(say(words.UNKNOWN_THING, why=asked))
    draw(head(say(words.TRANSFORMER)))
    ids = list(known)
    pick, day_pick, hours_pick = st.columns([3, 2, 4], vertical_alignment="bottom")
    chosen = pick.selectbox(
        say(words.PICK_TRANSFORMER),
        options=ids,
        index=ids.index(asked) if asked in known else 0,
        format_func=lambda i: i if known[i].name in ("", i) else f"{i} {known[i].name}",
    )
    view = pick_view(day_pick, hours_pick, ZoneInfo(queries().zone_of(chosen)), queries().now_us())
    keep_address(transformer=chosen, **view.address)
    every = live_seconds() if view.day is None else live_seconds() * _DAYS_REFRESH
    st.fragment(_live, run_every=every)(chosen, view)


def _live(transformer_id: str, view: View) -> None:
    from_us, to_us = view.span(queries().now_us())
    step_us = step_us_of(to_us - from_us)
    try:
        shown = transformer(transformer_id, from_us, to_us)
        curve = queries().curve(transformer_id, from_us, to_us, step_us)
        beside = _beside(transformer_id, view, (from_us, to_us), step_us)
    except UsageError as error:
        trouble(say(words.UNKNOWN_THING, why=say(error.line)))
        return
    every = None if view.day is None else live_seconds() * _DAYS_REFRESH
    draw(beat(shown.now_us, every) + _top(shown))
    _chart(shown, curve, (from_us, to_us, step_us), view.lines, beside)
    st.download_button(
        say(words.DOWNLOAD_CSV),
        data=lambda: curve_csv(queries().curve(transformer_id, from_us, to_us)),
        file_name=f"{transformer_id}-{day(from_us, shown.zone)}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
    left, right = st.columns(2, gap="medium")
    with left:
        draw(section(say(words.FACTS)) + _newest(shown))
        draw(section(say(words.QUALITY)) + quality_panel(shown.quality) + note(say(words.QUALITY_NOTE)))
        draw(section(say(words.BELONGS)) + _people(shown))
    with right:
        rows = "".join(incident_line(row, shown.now_us) for row in shown.incidents)
        draw(section(say(words.ITS_INCIDENTS)) + (f'<div class="rv-rows narrow">{rows}</div>' if rows else note("—")))
        draw(section(say(words.ITS_RULES)) + _rules(shown))


def _beside(transformer_id: str, view: View, shown_us: tuple[int, int], step_us: int | None) -> list[Beside]:
    """Return the curves of the other days that were asked for, those that have readings."""
    found = []
    for called, shift_us in view.other_days(shown_us[0]):
        curve = queries().curve(transformer_id, shown_us[0] - shift_us, shown_us[1] - shift_us, step_us)
        found.append(Beside(called, curve, shift_us))
    return found


def _top(shown: TransformerPage) -> str:
    now = shown.current
    kind, word = state_of(now)
    title = now.transformer
    badges = badge(kind, name(word))
    if now.freshness is Freshness.FRESH and any(now.voltage_outside):
        badges += " " + badge("heavy", name(words.VOLTAGE_OUTSIDE))
    return (
        f'<div class="rv-top {kind}">{now_big(now, shown.now_us, shown.zone)}<div class="grow">'
        f"{_title(title.transformer_id, title.name)}<div>{badges}</div>{gauge(now.load_rate, queries().ladder)}</div>"
        f"</div>"
    )


def _title(transformer_id: str, called: str) -> str:
    return f'<div class="title">{escape(transformer_id)}<small>{escape(called)}</small></div>'


def _chart(
    shown: TransformerPage,
    curve: Curve,
    span_us: tuple[int, int, int | None],
    lines: tuple[str, ...],
    beside: Sequence[Beside],
) -> None:
    from_us, to_us, step_us = span_us
    visited = any(mark.kind != "incident" for mark in shown.marks)
    active_only = bool((curve.basis == Basis.ACTIVE_ONLY).any())
    draw(
        section(say(words.LOAD_RATE_CURVE))
        + legend(
            phase="phase" in lines,
            air="air" in lines,
            target=False,
            active_only=active_only,
            visits=visited,
            beside=[
                (colour, say(each.label) + ("" if len(each.curve) else f"（{say(words.NO_READINGS)}）"))
                for colour, each in zip(BESIDE_COLOURS, beside, strict=False)
            ],
        )
    )
    if len(curve) == 0:
        draw(note(say(words.NO_READINGS)))
    gap_us = max(round(queries().options.gap_minutes * MINUTE_US), 2 * step_us if step_us else 0)
    st.vega_lite_chart(
        spec=load_rate_chart(
            curve,
            shown.marks,
            from_us=from_us,
            to_us=to_us,
            zone=shown.zone,
            language=language(),
            levels=queries().ladder,
            gap_us=gap_us,
            phase="phase" in lines,
            air="air" in lines,
            height=380,
            beside=beside,
        ),
        theme=None,
    )
    if step_us:
        draw(note(say(words.THINNED, step=say(span(step_us)))))
    for asked in [line for line in QUANTITIES if line in lines]:
        if asked != "imbalance":
            marks = "".join(
                f'<span><i style="border-color:{c}"></i>{p.value}</span>'
                for c, p in zip(PHASE_COLOURS, _PHASES, strict=True)
            )
            draw(f'<div class="rv-legend">{marks}</div>')
        st.vega_lite_chart(
            spec=quantity_chart(
                curve, asked, from_us=from_us, to_us=to_us, zone=shown.zone, language=language(), gap_us=gap_us
            ),
            theme=None,
        )


def _newest(shown: TransformerPage) -> str:
    now = shown.current
    formula = say(words.PHASE_FORMULA)
    active_only = f" · {say(words.ACTIVE_ONLY_LONG)}" if now.basis is Basis.ACTIVE_ONLY else ""
    voltages = [
        (say(words.PHASE_VOLTAGE, phase=phase.value), quantity(voltage, "V", 1), _OUTSIDE[outside])
        for phase, voltage, outside in zip(_PHASES, now.voltage_v, now.voltage_outside, strict=True)
    ]
    rows = [
        (say(words.MEASURED_AT), day_and_time(now.measured_at_us, shown.zone), ""),
        (say(words.RECEIVED_AT), day_and_time(now.received_at_us, shown.zone), ""),
        (say(words.RATED_POWER), quantity(now.transformer.rated_power_kva, "kVA"), ""),
        (say(words.APPARENT_POWER), quantity(now.apparent_power_kva, "kVA", 1), say(basis_name(now.basis))),
        (say(words.LOAD_RATE), percent(now.load_rate, 2), f"S / Sn{active_only}"),
        *(
            (say(words.PHASE_LOAD_RATE, phase=phase.value), percent(rate, 2), formula)
            for phase, rate in zip(_PHASES, now.phase_load_rate, strict=True)
        ),
        *((label, value, say(mark) if mark else "") for label, value, mark in voltages),
        (say(words.IMBALANCE), percent(now.imbalance), words.IMBALANCE_FORMULA),
        (say(words.TREND), say(trend(now.trend_per_hour)), ""),
        (say(words.AIR_TEMPERATURE), quantity(now.ambient_temperature_c, "°C", 1), ""),
    ]
    limits = say(words.VOLTAGE_LIMITS, low=VOLTAGE_LOW_V, high=VOLTAGE_HIGH_V)
    return facts(rows, [label for label, _, mark in voltages if mark]) + note(limits)


def _people(shown: TransformerPage) -> str:
    rows = [
        (say(words.STATION), shown.station_name, ""),
        (say(words.GRID), shown.grid_name, ""),
        (
            say(words.MERCHANTS),
            say(words.MERCHANTS_VALUE, merchants=shown.merchants, protected=shown.protected_merchants),
            "",
        ),
        *((name(role_name(person.role)), person.name, person.phone) for person in shown.team),
    ]
    return facts(rows)


def _rules(shown: TransformerPage) -> str:
    header = (words.COLUMN_LEVEL, words.COLUMN_LINE, words.COLUMN_CALLS)
    parts = []
    for cited in dict.fromkeys(line.cited for line in shown.rules):
        lines = [line for line in shown.rules if line.cited == cited]
        rows = [
            (
                name(level_name(line.level)),
                say(line.words),
                say(words.CALLS_PEOPLE if line.calls_people else words.SHOWN_ONLY),
            )
            for line in lines
        ]
        parts.append(note(f"{say(lines[0].title)} · {cited}") + table(header, rows, tight=(0, 2)))
    return "".join(parts)


page()
