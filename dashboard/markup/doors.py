"""Doors of an outreach list, as HTML: large while they wait for an answer, one line each once they have it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from alerts.model.display_names import phase_name
from alerts.outreach.planner import VisitResult
from dashboard import words
from dashboard.figures import kilowatts, time_of_day
from dashboard.markup.elements import name
from dashboard.session import say
from service.queries.answers import DoorRow


def is_answered(row: DoorRow) -> bool:
    """Return whether nobody needs to go there again: `asked` is no answer."""
    return row.result not in (None, VisitResult.ASKED)


def door(row: DoorRow, zone: str, *, next_one: bool = False) -> str:
    """Return one door: whom, where, what to ask, and what came of it; why and who goes only where there is room."""
    result = row.result.value if row.result else ""
    first = "next" if next_one else ""
    place = " · ".join(part for part in (row.address, row.category, say(phase_name(row.phase))) if part)
    lines = [
        f'<div class="order">{row.door.order}</div>',
        f'<div><div class="shop">{escape(row.merchant_name)}</div><div class="where">{escape(place)}</div></div>',
        f'<div class="kw">{kilowatts(row.door.expected_relief_kw)}<small>{escape(say(words.EXPECTED))}</small></div>',
        f'<div class="ask">{escape(name(row.ask))}</div>',
    ]
    if not next_one:
        lines.append(why(row))
    lines.append(f'<div class="state">{_state(row, zone)}</div>')
    return f'<div class="rv-door {result} {first}">{"".join(lines)}</div>'


def _state(row: DoorRow, zone: str) -> str:
    if row.result is None:
        return f"○ {escape(say(words.NOT_VISITED))}"
    word = escape(say(words.RESULT_BUTTONS[row.result]))
    by = say(words.RECORDED_BY, time=time_of_day(row.result_at_us, zone), who=row.result_by_name)
    return f"<b>{words.RESULT_SHAPES[row.result]} {word}</b> · {escape(by)}"


def why(row: DoorRow) -> str:
    """Return why this door, who goes, and whom to ask for, masked."""
    contact = " ".join(part for part in (row.contact_masked, row.phone_masked) if part)
    goes = row.assigned_to_name or say(words.NOBODY)
    return (
        f'<div class="why">{escape(name(row.door.reason))}</div>'
        f'<div class="why">{escape(say(words.GOES))} {escape(goes)} · {escape(contact)}</div>'
    )


def answered(rows: Sequence[DoorRow], zone: str) -> str:
    """Return doors as lines: what came of each, when and by whom."""
    lines = []
    for row in rows:
        result = row.result.value if row.result else ""
        lines.append(
            f'<li class="{result}"><span class="order">{row.door.order}</span>'
            f'<span class="shop">{escape(row.merchant_name)}<small>{escape(row.address)}</small></span>'
            f'<span class="ask">{escape(name(row.ask))}</span>'
            f'<span class="kw">{kilowatts(row.door.offer_kw)}</span><span class="state">{_state(row, zone)}</span></li>'
        )
    return f'<ul class="rv-answered">{"".join(lines)}</ul>'
