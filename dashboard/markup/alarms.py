"""The audit of alarms as HTML: the verdict, its figures, stations against the limits, findings with links."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from zoneinfo import ZoneInfo

from alerts.figures import whole_percent
from alerts.notification.audit import (
    FLOOD_ALARMS_MIN,
    MISSED_AFTER_MINUTES,
    STEADY_ALARMS_MAX,
    TOLD_WITHIN_MINUTES,
    AlarmAudit,
    OperatorLoad,
)
from alerts.notification.audit_words import audit_summary, finding
from alerts.notification.flapping import FLAPPING_OPENINGS
from dashboard import words
from dashboard.figures import DASH, day_and_time
from dashboard.markup.elements import figures, note, table
from dashboard.session import link, say
from grid.text import Text
from service.queries.alarm_audit import AuditedAlarms

_FLOOD_MARK, _ABOVE_MARK = "■", "▲"


def verdict(found: AuditedAlarms) -> str:
    """Return whether there is anything to mend, and the whole audit in two sentences."""
    audit = found.audit
    count = _found(audit)
    said = words.AUDIT_CLEAN if audit.is_clean else words.AUDIT_FOUND_ONE if count == 1 else words.AUDIT_FOUND
    kind, shape = ("enough", "✔") if audit.is_clean else ("more_doors", _ABOVE_MARK)
    return (
        f'<div class="rv-advice {kind}" role="status"><span class="shape">{shape}</span>'
        f"<b>{escape(say(said, count=count))}</b>"
        f"<span>{escape(say(audit_summary(audit, ZoneInfo(found.zone))))}</span></div>"
    )


def audit_figures(audit: AlarmAudit) -> str:
    """Return the figures on top of the page."""
    mean = max((load.mean_per_window for load in audit.operators), default=0.0)
    most = max((load.most_in_window for load in audit.operators), default=0)
    floods = sum(load.share_flood > 0.0 for load in audit.operators)
    kinds = (
        (words.FLAPPING, len(audit.flapping), "heavy"),
        (words.REPEATED, len(audit.repeated), "heavy"),
        (words.LATE, len(audit.late), "heavy"),
        (words.MISSED, len(audit.missed), "overload"),
    )
    return figures(
        [
            (str(sum(load.messages for load in audit.operators)), say(words.ALARMS_TOLD), ""),
            (f"{mean:.2f}", say(words.ALARMS_MEAN), "heavy" if mean > STEADY_ALARMS_MAX else ""),
            (str(most), say(words.ALARMS_MOST), "overload" if most >= FLOOD_ALARMS_MIN else ""),
            (str(floods), say(words.ALARM_FLOODS), "overload" if floods else ""),
            *((str(count), say(text), kind if count else "") for text, count, kind in kinds),
        ]
    )


def operators(found: AuditedAlarms) -> str:
    """Return every station's load beside the limits; what is above one has a mark and a word."""
    header = (
        words.STATION,
        words.COLUMN_ALARMS,
        _limited(words.COLUMN_MEAN, STEADY_ALARMS_MAX),
        _limited(words.COLUMN_MOST, FLOOD_ALARMS_MIN),
        words.COLUMN_MOST_FROM,
        _limited(words.COLUMN_ABOVE, STEADY_ALARMS_MAX),
        words.COLUMN_FLOOD,
    )
    return table(header, [_row(load, found) for load in found.audit.operators], tight=range(1, 7), cards=True)


def _row(load: OperatorLoad, found: AuditedAlarms) -> tuple[str, ...]:
    is_steady, is_flood = load.mean_per_window <= STEADY_ALARMS_MAX, load.most_in_window >= FLOOD_ALARMS_MIN
    above = say(words.ABOVE_LIMIT)
    return (
        found.station_names.get(load.operator, load.operator) or DASH,
        str(load.messages),
        f"{load.mean_per_window:.2f}" + ("" if is_steady else f" {_ABOVE_MARK} {above}"),
        str(load.most_in_window) + (f" {_FLOOD_MARK} {above}" if is_flood else ""),
        day_and_time(load.worst_window_at_us, found.zone),
        say(whole_percent(load.share_above_steady)),
        say(whole_percent(load.share_flood)),
    )


def findings(found: AuditedAlarms, limit: int) -> str:
    """Return what is to be mended, each with a link to what it is about; the gravest first."""
    lines = list(_lines(found))
    if not lines:
        return note(say(words.AUDIT_CLEAN))
    more = len(lines) - limit
    rest = note(say(words.MORE_FINDINGS, count=more)) if more > 0 else ""
    return f'<ul class="rv-record rv-findings">{"".join(lines[:limit])}</ul>{rest}'


def _lines(found: AuditedAlarms) -> Iterator[str]:
    audit, zone = found.audit, ZoneInfo(found.zone)
    for missed in audit.missed:
        at = day_and_time(missed.opened_at_us, found.zone)
        yield _line(at, words.MISSED, say(finding(missed, zone)), _to_incident(missed.incident_id))
    for late in audit.late:
        at = day_and_time(late.opened_at_us, found.zone)
        yield _line(at, words.LATE, say(finding(late, zone)), _to_incident(late.incident_id))
    for flapping in audit.flapping:
        at = day_and_time(flapping.first_at_us, found.zone)
        address = link("transformer", transformer=flapping.transformer_id)
        yield _line(at, words.FLAPPING, say(finding(flapping, zone)), (address, words.OPEN_ITS_TRANSFORMER))
    for repeated in audit.repeated:
        yield _line(DASH, words.REPEATED, say(finding(repeated, zone)), None)


def _to_incident(incident_id: str) -> tuple[str, Text]:
    return link("incident", incident=incident_id), words.OPEN_ITS_INCIDENT


def _line(at: str, kind: Text, said: str, target: tuple[str, Text] | None) -> str:
    go = ""
    if target is not None:
        address, text = target
        go = f' <a class="rv-go" href="{escape(address)}" target="_self">{escape(say(text))} ›</a>'
    return f"<li><time>{escape(at)}</time><b>{escape(say(kind))}</b><span>{escape(said)}{go}</span></li>"


def promises() -> str:
    """Return what late, missed, flapping and repeated mean here."""
    return note(
        say(
            words.AUDIT_PROMISES,
            told=f"{TOLD_WITHIN_MINUTES:g}",
            missed=f"{MISSED_AFTER_MINUTES:g}",
            flaps=FLAPPING_OPENINGS,
        )
    )


def _found(audit: AlarmAudit) -> int:
    """Return how many things there are to mend: findings, and stations above a limit."""
    above = sum(load.mean_per_window > STEADY_ALARMS_MAX or load.share_flood > 0.0 for load in audit.operators)
    return len(audit.flapping) + len(audit.repeated) + len(audit.late) + len(audit.missed) + above


def _limited(column: Text, limit: int) -> Text:
    return Text(column.zh.format(limit=limit), column.en.format(limit=limit))
