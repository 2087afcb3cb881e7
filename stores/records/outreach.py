"""Outreach lists and visits in the database: both are added to, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, and_, func, select

from alerts.outreach.planner import Ask, Door, OutreachList, Visit, VisitResult
from grid.text import Text
from stores.records import visible
from stores.records.audit import AuditAction, append
from stores.records.schema import door, outreach_list, visit
from stores.records.upsert import insert_or_keep
from stores.records.visible import EVERYTHING, Visible


def record_lists(connection: Connection, lists: Sequence[OutreachList]) -> None:
    """Add lists by incident and revision; one that is recorded already stays as people have seen it."""
    rows = [
        {
            "incident_id": made.incident_id,
            "revision": made.revision,
            "made_at_us": made.made_at_us,
            "load_rate": made.load_rate,
            "target_load_rate": made.target_load_rate,
            "needed_kw": made.needed_kw,
            "probability": made.probability,
            "reached_probability": made.reached_probability,
            "pending_kw": made.pending_kw,
            "reason_zh": made.reason.zh,
            "reason_en": made.reason.en,
        }
        for made in lists
    ]
    added = {(row.incident_id, row.revision) for row in insert_or_keep(connection, outreach_list, rows, _LIST_KEY)}
    doors = [
        _door_row(made, position, one)
        for made in lists
        if (made.incident_id, made.revision) in added
        for position, one in enumerate(made.doors)
    ]
    insert_or_keep(connection, door, doors, (*_LIST_KEY, "position"))


def lists(connection: Connection, incident_id: str, seen: Visible = EVERYTHING) -> tuple[OutreachList, ...]:
    """Return every revision of an incident's list, oldest first."""
    of_incident = and_(
        outreach_list.c.incident_id == incident_id, visible.incident_ids(seen, outreach_list.c.incident_id)
    )
    made = connection.execute(select(outreach_list).where(of_incident).order_by(outreach_list.c.revision)).mappings()
    asked = select(door).where(door.c.incident_id == incident_id).order_by(door.c.position)
    doors = connection.execute(asked).mappings().all()
    return tuple(_list(row, [one for one in doors if one["revision"] == row["revision"]]) for row in made)


def record_visit(connection: Connection, seen: Visit, by: str) -> None:
    """Add one result at one door, and a line in the audit record; the same visit twice is one."""
    row = {
        "incident_id": seen.incident_id,
        "merchant_id": seen.merchant_id,
        "result": seen.result.value,
        "recorded_at_us": seen.recorded_at_us,
        "recorded_by": seen.recorded_by,
    }
    if insert_or_keep(connection, visit, [row], tuple(row)):
        detail = {"merchant_id": seen.merchant_id, "result": seen.result.value, "recorded_by": seen.recorded_by}
        append(connection, AuditAction.VISIT_RECORDED, seen.incident_id, by, detail, seen.recorded_at_us)


def visits(connection: Connection, incident_id: str, seen: Visible = EVERYTHING) -> tuple[Visit, ...]:
    """Return every result recorded for an incident, oldest first."""
    return _visits(connection, select(visit).where(visit.c.incident_id == incident_id), seen)


def visits_since(connection: Connection, since_us: int, seen: Visible = EVERYTHING) -> tuple[Visit, ...]:
    """Return every result recorded since a moment, oldest first."""
    return _visits(connection, select(visit).where(visit.c.recorded_at_us >= since_us), seen)


def visits_mark(connection: Connection) -> tuple[int, int]:
    """Return what changes with each visit that is added: the highest number, and how many there are."""
    highest, count = connection.execute(_MARK).one()
    return highest or 0, count


_LIST_KEY = ("incident_id", "revision")
_MARK = select(func.max(visit.c.visit_no), func.count(visit.c.visit_no))


def _visits(connection: Connection, asked: Select[Any], seen: Visible) -> tuple[Visit, ...]:
    asked = asked.where(visible.incident_ids(seen, visit.c.incident_id))
    rows = connection.execute(asked.order_by(visit.c.recorded_at_us, visit.c.visit_no))
    return tuple(
        Visit(row.incident_id, row.merchant_id, VisitResult(row.result), row.recorded_at_us, row.recorded_by)
        for row in rows
    )


def _list(row: RowMapping, doors: Sequence[RowMapping]) -> OutreachList:
    values = {name: value for name, value in row.items() if name not in ("reason_zh", "reason_en")}
    reason = Text(row["reason_zh"], row["reason_en"])
    return OutreachList(**values, reason=reason, doors=tuple(_door(one) for one in doors))


def _door_row(made: OutreachList, position: int, one: Door) -> dict[str, Any]:
    return {
        "incident_id": made.incident_id,
        "revision": made.revision,
        "position": position,
        "order": one.order,
        "merchant_id": one.merchant_id,
        "switch_off_units": one.ask.switch_off_units,
        "of_units": one.ask.of_units,
        "setpoint_from_c": one.ask.setpoint_from_c,
        "setpoint_to_c": one.ask.setpoint_to_c,
        "lights_off": one.ask.lights_off,
        "other_off_units": one.ask.other_off_units,
        "offer_kw": one.offer_kw,
        "agree_probability": one.agree_probability,
        "assigned_to": one.assigned_to,
        "reason_zh": one.reason.zh,
        "reason_en": one.reason.en,
    }


def _door(row: RowMapping) -> Door:
    return Door(
        order=row["order"],
        merchant_id=row["merchant_id"],
        ask=Ask(
            switch_off_units=row["switch_off_units"],
            of_units=row["of_units"],
            setpoint_from_c=row["setpoint_from_c"],
            setpoint_to_c=row["setpoint_to_c"],
            lights_off=row["lights_off"],
            other_off_units=row["other_off_units"],
        ),
        offer_kw=row["offer_kw"],
        agree_probability=row["agree_probability"],
        assigned_to=row["assigned_to"],
        reason=Text(row["reason_zh"], row["reason_en"]),
    )
