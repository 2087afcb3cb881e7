"""The system: is the collector working, what was refused, who is silent, which messages are stuck."""

from __future__ import annotations

import streamlit as st

from dashboard import words
from dashboard.figures import age, day_and_time, quantity, time_of_day
from dashboard.markup.data_quality import flagged_meters
from dashboard.markup.elements import alarms, badge, draw, facts, figures, head, note, section, table
from dashboard.markup.live import beat
from dashboard.markup.system import metrics_table
from dashboard.markup.wall import when
from dashboard.session import keep_address, live_seconds, meters_to_check, queries, say, system
from service.metrics.metric_help import explained_metrics
from service.queries.answers_system import CollectorState, System

_REJECTS_SHOWN = 50
_MESSAGES_SHOWN = 50
_SILENT_SHOWN = 100


def page() -> None:
    """Draw the page."""
    keep_address()
    st.fragment(_live, run_every=live_seconds() * 2)()


def _live() -> None:
    now = system()
    draw(
        beat(now.now_us, live_seconds() * 2)
        + head(say(words.SYSTEM), "", time_of_day(now.now_us, now.zone, seconds=True))
        + alarms(now.alarms)
    )
    draw(_figures(now))
    left, right = st.columns([2, 3], gap="medium")
    with left:
        draw(section(say(words.COLLECTOR)) + _collector(now.collector))
        draw(section(say(words.STORES)) + _stores(now))
        if now.lost_feeders:
            draw(section(say(words.LOST_FEEDERS)) + _lost_feeders(now))
        draw(section(say(words.SILENT_TRANSFORMERS)) + _silent(now))
        if now.never_seen:
            names = [(t.transformer_id, t.name) for t in now.never_seen[:_SILENT_SHOWN]]
            draw(section(say(words.NEVER_SEEN_TRANSFORMERS)) + table((words.TRANSFORMER, words.COLUMN_NAME), names))
    with right:
        if now.collector is not None and now.collector.answers:
            shown = explained_metrics(dict(now.collector.details))
            draw(section(say(words.COLLECTOR_METRICS)) + metrics_table(shown))
        metrics = flagged_meters(meters_to_check(), now.now_us, now.zone)
        draw(section(say(words.FLAGGED_METERS)) + metrics + note(say(words.FLAGGED_METERS_NOTE)))
        draw(section(say(words.REJECTS)) + note(say(words.REJECTS_NOTE)) + _rejects(now))
        draw(section(say(words.MESSAGES)) + note(say(words.MESSAGES_NOTE)) + _messages(now))


def _figures(now: System) -> str:
    return figures(
        [
            (f"{now.readings:,}", say(words.READINGS), ""),
            (f"{now.rejects:,}", say(words.REJECTS), "heavy" if now.rejects else ""),
            (f"{now.conflicts:,}", say(words.CONFLICTS), ""),
            (str(now.counts.silent), f"○ {say(words.BLIND_COUNT)}", "blind" if now.counts.silent else ""),
            (str(now.counts.never_seen), f"○ {say(words.NEVER_SEEN_COUNT)}", "blind" if now.counts.never_seen else ""),
            (str(now.messages_waiting), say(words.MESSAGES_WAITING), ""),
            (str(now.messages_dead), say(words.MESSAGES_DEAD), "overload" if now.messages_dead else ""),
        ]
    )


def _collector(state: CollectorState | None) -> str:
    if state is None:
        return note(say(words.COLLECTOR_UNKNOWN))
    if not state.answers:
        return badge("overload", say(words.COLLECTOR_AWAY))
    label = (
        badge("normal", say(words.COLLECTOR_OK)) if state.healthy else badge("heavy", say(words.COLLECTOR_UNHEALTHY))
    )
    told_apart = {figure.key for figure in explained_metrics(dict(state.details))}
    rows = [(key, value) for key, value in state.details if key not in told_apart]
    return label + facts((_health_name(key), _health_value(value), "") for key, value in rows)


def _health_name(key: str) -> str:
    return say(words.HEALTH_NAMES[key]) if key in words.HEALTH_NAMES else key


def _health_value(value: str) -> str:
    return say(words.HEALTH_VALUES[value]) if value in words.HEALTH_VALUES else value or "—"


def _stores(now: System) -> str:
    last = now.counts.last_received_at_us
    return facts(
        [
            (say(words.LAST_RECEIVED), day_and_time(last, now.zone), say(age(last, now.now_us)) if last else ""),
            (say(words.READINGS), f"{now.readings:,}", ""),
            (say(words.DUPLICATES), f"{now.duplicates:,}", ""),
            (say(words.CONFLICTS), f"{now.conflicts:,}", ""),
            (say(words.BLOCKS), f"{now.blocks:,}", ""),
            (say(words.JOURNAL_SIZE), quantity(now.journal_bytes / 1e6, "MB", 1), ""),
            (say(words.LEDGER_VERSION), str(now.ledger_version), ""),
            (say(words.WATCHED), str(now.counts.watched), ""),
            (say(words.MERCHANTS), str(now.merchants), ""),
            (say(words.PEOPLE), str(now.people), ""),
        ]
    )


def _lost_feeders(now: System) -> str:
    header = (words.FEEDER, words.COLUMN_SILENT, words.COLUMN_SINCE)
    rows = [
        (
            feeder.feeder_id,
            say(words.SILENT_OF, silent=feeder.silent, transformers=feeder.transformers),
            when(feeder.since_us, now.now_us, now.zone),
        )
        for feeder in now.lost_feeders[:_SILENT_SHOWN]
    ]
    return table(header, rows)


def _silent(now: System) -> str:
    covered = note(say(words.SILENT_COVERED, count=now.covered)) if now.covered else ""
    if not now.silent:
        return covered or note(say(words.NO_SILENT))
    rows = [
        (
            each.transformer.transformer_id,
            each.transformer.name,
            say(words.NO_DATA_SINCE, time=when(each.received_at_us, now.now_us, now.zone)),
        )
        for each in now.silent[:_SILENT_SHOWN]
    ]
    return table((words.TRANSFORMER, words.COLUMN_NAME, words.COLUMN_STATE), rows) + covered


def _rejects(now: System) -> str:
    rejects = queries().rejects(_REJECTS_SHOWN)
    if not rejects:
        return note(say(words.NO_REJECTS))
    header = (words.COLUMN_TIME, words.COLUMN_TOPIC, words.COLUMN_REASON, words.COLUMN_DETAIL)
    rows = [
        (
            when(row.received_at_us, now.now_us, now.zone),
            row.topic,
            say(row.words),
            f"{row.field} {row.detail}".strip(),
        )
        for row in rejects
    ]
    return table(header, rows, tight=(0,), cards=True)


def _messages(now: System) -> str:
    if not now.messages:
        return note(say(words.NO_MESSAGES))
    header = (words.COLUMN_NUMBER, words.COLUMN_TIME, words.COLUMN_CHANNEL, words.COLUMN_STATE, words.COLUMN_TEXT)
    rows = [
        (
            str(row.number),
            when(row.created_at_us, now.now_us, now.zone),
            row.channel,
            say(words.MESSAGE_STATES[row.state]) + (f" ({row.error})" if row.error else ""),
            say(row.text),
        )
        for row in now.messages[:_MESSAGES_SHOWN]
    ]
    return table(header, rows, tight=(0, 1, 2, 3), cards=True)


page()
