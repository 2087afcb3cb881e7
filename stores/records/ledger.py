"""The ledger in the database: sheets in, sheets out; what is gone is retired, never deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select, tuple_, update

from grid.assets import (
    Appliance,
    ApplianceKind,
    CustomerLink,
    Device,
    Ledger,
    Merchant,
    Person,
    Phase,
    Rating,
    Role,
    ServiceGrid,
    Shift,
    Station,
    Transformer,
)
from stores.records import schema
from stores.records.audit import AuditAction, append
from stores.records.database import alone
from stores.records.upsert import insert_or_update


@dataclass(frozen=True)
class LedgerReplaced:
    """What taking a ledger did: rows added, changed and retired over all its sheets."""

    version: int
    added: int
    changed: int
    retired: int


@dataclass(frozen=True)
class _Sheet:
    """One sheet of the ledger: its field there, its table here, the value of a row, what names a row."""

    name: str
    table: Table
    kind: type[Any]
    key: tuple[str, ...]


# Parents before children: a row may refer to rows of the sheets before it.
_SHEETS = (
    _Sheet("stations", schema.station, Station, ("station_id",)),
    _Sheet("grids", schema.service_grid, ServiceGrid, ("grid_id",)),
    _Sheet("transformers", schema.transformer, Transformer, ("transformer_id",)),
    _Sheet("ratings", schema.rating, Rating, ("transformer_id", "valid_from_us")),
    _Sheet("devices", schema.device, Device, ("device_id",)),
    _Sheet("people", schema.person, Person, ("person_id",)),
    _Sheet("merchants", schema.merchant, Merchant, ("merchant_id",)),
    _Sheet("links", schema.customer_link, CustomerLink, ("merchant_id", "valid_from_us")),
    _Sheet("appliances", schema.appliance, Appliance, ("merchant_id", "line")),
    _Sheet("roster", schema.shift, Shift, ("person_id", "weekdays", "date", "starts")),
)
_CHOICES: dict[str, type[Enum]] = {"role": Role, "phase": Phase, "appliance": ApplianceKind}


def ledger(connection: Connection) -> Ledger:
    """Return the ledger in force, in the order of its sheets."""
    return Ledger(**{sheet.name: _values_in_force(connection, sheet) for sheet in _SHEETS})


def ledger_version(connection: Connection) -> int:
    """Return the version of the ledger in force; 0 when none was ever taken."""
    return connection.execute(select(func.max(schema.ledger_version.c.version))).scalar_one() or 0


def replace_ledger(connection: Connection, ledger: Ledger, by: str, now_us: int) -> LedgerReplaced:
    """Take a ledger; a ledger that changes nothing gets no version of its own."""
    alone(connection, "ledger")
    counted = {sheet.name: _replace_sheet(connection, sheet, getattr(ledger, sheet.name), now_us) for sheet in _SHEETS}
    added, changed, retired = (sum(numbers) for numbers in zip(*counted.values(), strict=True))
    version = ledger_version(connection)
    if added or changed or retired:
        version += 1
        connection.execute(
            insert(schema.ledger_version).values(
                version=version, taken_at_us=now_us, taken_by=by, added=added, changed=changed, retired=retired
            )
        )
        detail = {
            name: {"added": numbers[0], "changed": numbers[1], "retired": numbers[2]}
            for name, numbers in counted.items()
            if any(numbers)
        }
        append(connection, AuditAction.LEDGER_REPLACED, f"ledger version {version}", by, detail, now_us)
    return LedgerReplaced(version, added, changed, retired)


def _values_in_force(connection: Connection, sheet: _Sheet) -> tuple[Any, ...]:
    names = [field.name for field in fields(sheet.kind)]
    in_force = (
        select(*(sheet.table.c[name] for name in names))
        .where(sheet.table.c.retired_at_us.is_(None))
        .order_by(sheet.table.c.position)
    )
    # All at once and by place: a collector of a province reads half a million rows at each start.
    rows = connection.execute(in_force).all()
    choices = {place: _CHOICES[name] for place, name in enumerate(names) if name in _CHOICES}
    if not choices:
        return tuple(sheet.kind(*row) for row in rows)
    return tuple(
        sheet.kind(*(choices[place](value) if place in choices else value for place, value in enumerate(row)))
        for row in rows
    )


def _replace_sheet(connection: Connection, sheet: _Sheet, values: Sequence[Any], now_us: int) -> tuple[int, int, int]:
    """Bring one table to the given values. Return how many rows were added, changed and retired."""
    wanted = {_key(sheet, row): row for row in _rows(sheet, values)}
    stored = {_key(sheet, row): row for row in connection.execute(select(sheet.table)).mappings()}
    added = changed = 0
    written = []
    for key, row in wanted.items():
        before = stored.get(key)
        if before is None or before["retired_at_us"] is not None:
            added += 1
        elif any(before[name] != value for name, value in row.items() if name != "position"):
            changed += 1
        elif before["position"] == row["position"]:
            continue
        written.append(row)
    insert_or_update(connection, sheet.table, written, sheet.key)
    gone = [key for key, row in stored.items() if key not in wanted and row["retired_at_us"] is None]
    columns = tuple_(*(sheet.table.c[name] for name in sheet.key))
    for start in range(0, len(gone), 500):
        connection.execute(
            update(sheet.table).where(columns.in_(gone[start : start + 500])).values(retired_at_us=now_us)
        )
    return added, changed, len(gone)


def _rows(sheet: _Sheet, values: Sequence[Any]) -> list[dict[str, Any]]:
    rows = []
    lines: dict[str, int] = {}
    for position, value in enumerate(values):
        row = {field.name: _plain(getattr(value, field.name)) for field in fields(sheet.kind)}
        if "line" in sheet.key:
            lines[value.merchant_id] = row["line"] = lines.get(value.merchant_id, 0) + 1
        rows.append({**row, "position": position, "retired_at_us": None})
    return rows


def _key(sheet: _Sheet, row: Any) -> tuple[Any, ...]:
    return tuple(row[name] for name in sheet.key)


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value
