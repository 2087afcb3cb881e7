"""Who is on duty now, station by station and grid by grid, and by what."""

from __future__ import annotations

import streamlit as st

from alerts.model.display_names import role_name
from dashboard import channel_words as words
from dashboard.figures import time_of_day
from dashboard.markup.elements import draw, head, note, table
from dashboard.session import container, keep_address, live_seconds, queries, rights, say
from service.queries.on_duty import SOURCES, OnDutyRow, on_duty_rows


def page() -> None:
    """Draw the page."""
    keep_address()
    st.fragment(_live, run_every=live_seconds() * 10)()


def _live() -> None:
    system, records = queries().system(), container().records
    draw(head(say(words.ROSTER), "", time_of_day(system.now_us, system.zone)))
    stations = rights().visible.stations
    found = on_duty_rows(records.ledger(), container().settings.notify.escalation.stand_by, system.now_us)
    rows = [_row(row) for row in found if not stations or row.station_id in stations]
    header = (
        words.STATION,
        words.GRID,
        words.ROLE,
        words.PERSON,
        words.BECAUSE,
        words.IN_PLACE_OF,
        words.UNTIL,
    )
    draw((table(header, rows, cards=True) if rows else note(say(words.NOBODY_ON))) + note(say(words.ROSTER_NOTE)))


def _row(row: OnDutyRow) -> tuple[str, ...]:
    on = row.on
    return (
        row.station_id,
        row.grid_id or "—",
        say(role_name(on.role)),
        on.person.name,
        say(SOURCES[on.source]),
        on.in_place_of or "—",
        "—" if on.until is None else f"{on.until:%m-%d %H:%M}",
    )


page()
