"""How people are told: each channel, what waits, what could not be delivered, and sending it again."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import channel_words, words
from dashboard.figures import day_and_time, time_of_day
from dashboard.markup.elements import draw, head, note, plain, section, table, trouble
from dashboard.session import container, keep_address, live_seconds, person, queries, rights, say, signed_in
from grid.errors import RedvestError
from service.queries.channels import CHANNEL_STATES, ChannelRow

_DEAD_SHOWN = 50


def page() -> None:
    """Draw the page."""
    keep_address()
    st.fragment(_live, run_every=live_seconds() * 2)()
    _dead()


def _live() -> None:
    system = queries().system()
    draw(head(say(channel_words.CHANNELS), "", time_of_day(system.now_us, system.zone, seconds=True)))
    rows = container().channel_rows()
    header = (
        words.COLUMN_CHANNEL,
        words.COLUMN_KIND,
        channel_words.SERVES,
        words.COLUMN_STATE,
        words.MESSAGES_WAITING,
        words.MESSAGES_DEAD,
        channel_words.LAST_ERROR,
    )
    draw(
        table(header, [_row(row) for row in rows], tight=(0, 1, 3, 4, 5), cards=True)
        + note(say(channel_words.CHANNELS_NOTE))
    )


def _row(row: ChannelRow) -> tuple[str, ...]:
    serves = ", ".join((*row.stations, *row.grids)) or say(channel_words.SERVES_ALL)
    state = say(CHANNEL_STATES[row.state])
    return (row.channel, row.kind, serves, state, str(row.waiting), str(row.dead), row.last_error or "—")


def _dead() -> None:
    stations = rights().visible.stations
    messages = [
        message
        for message in container().records.dead_messages(None, _DEAD_SHOWN)
        if not stations or message.station_id in stations
    ]
    zone = queries().system().zone
    draw(section(say(channel_words.DEAD_LETTERS)))
    if not messages:
        draw(note(say(channel_words.NO_DEAD_LETTERS)))
        return
    header = (
        words.COLUMN_NUMBER,
        words.COLUMN_TIME,
        words.COLUMN_CHANNEL,
        words.COLUMN_REASON,
        words.COLUMN_TEXT,
    )
    rows = [
        (
            str(message.message_no),
            day_and_time(message.created_at_us, zone),
            delivery.channel,
            delivery.last_error,
            say(message.text),
        )
        for message in messages
        for delivery in message.deliveries
    ]
    draw(table(header, rows, tight=(0, 1, 2), cards=True))
    for channel in sorted({delivery.channel for message in messages for delivery in message.deliveries}):
        label = plain(say(channel_words.SEND_AGAIN, channel=channel))
        if st.button(label, key=f"resend-{channel}", icon=":material/forward_to_inbox:"):
            numbers = [m.message_no for m in messages if any(d.channel == channel for d in m.deliveries)]
            _send_again(channel, numbers)


def _send_again(channel: str, numbers: Sequence[int]) -> None:
    me = signed_in()
    who = person() or (me.account.name if me else "")
    try:
        number = container().records.resend(container().clock.now_us(), who, channel, numbers)
    except RedvestError as error:
        trouble(say(error.line))
        return
    st.toast(plain(say(channel_words.SENT_AGAIN, count=number)), icon=":material/forward_to_inbox:")
    st.rerun()


page()
