"""The sheets of a ledger: names, columns, which of them are required, and what refers to what."""

from __future__ import annotations

from dataclasses import dataclass

from stores.ledger_files.rows import (
    ApplianceRow,
    DeviceRow,
    GridRow,
    LedgerRow,
    LinkRow,
    MerchantRow,
    PersonRow,
    RatingRow,
    ShiftRow,
    StationRow,
    TransformerRow,
)


@dataclass(frozen=True)
class Sheet:
    """One sheet: its row model, its key column if ids are unique in it, and its references to other sheets."""

    name: str
    row: type[LedgerRow]
    key: str | None
    references: tuple[tuple[str, str], ...] = ()
    """(column here, sheet whose key it names)"""
    required: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Return all columns, required ones first."""
        return tuple(field.alias or name for name, field in self.row.model_fields.items())

    @property
    def required_columns(self) -> tuple[str, ...]:
        """Return the columns that must be there and filled."""
        return tuple(field.alias or name for name, field in self.row.model_fields.items() if field.is_required())


STATIONS = Sheet("stations", StationRow, "station_id", required=True)
GRIDS = Sheet("grids", GridRow, "grid_id", (("station_id", "stations"),))
TRANSFORMERS = Sheet(
    "transformers",
    TransformerRow,
    "transformer_id",
    (("station_id", "stations"), ("grid_id", "grids")),
    required=True,
)
RATINGS = Sheet("ratings", RatingRow, None, (("transformer_id", "transformers"),))
DEVICES = Sheet("devices", DeviceRow, "device_id", (("transformer_id", "transformers"),))
PEOPLE = Sheet("people", PersonRow, "person_id", (("grid_id", "grids"),))
MERCHANTS = Sheet("merchants", MerchantRow, "merchant_id", (("transformer_id", "transformers"),))
LINKS = Sheet("links", LinkRow, None, (("merchant_id", "merchants"), ("transformer_id", "transformers")))
ROSTER = Sheet("roster", ShiftRow, None, (("person_id", "people"), ("substitute_id", "people")))
APPLIANCES = Sheet("appliances", ApplianceRow, None, (("merchant_id", "merchants"),))

SHEETS = (STATIONS, GRIDS, TRANSFORMERS, RATINGS, DEVICES, PEOPLE, MERCHANTS, LINKS, APPLIANCES, ROSTER)
"""In the order of the chain: what is referred to comes before what refers to it."""

OTHER_SHEETS = ("readings",)
"""Sheets that may lie beside a ledger and are no part of it."""
