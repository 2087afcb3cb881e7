"""What a file's columns mean: `--columns FILE.toml`, read, checked and written."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from collector.files.readings_csv import ALL_COLUMNS, NUMBER_COLUMNS
from grid.errors import UsageError
from grid.os_reasons import os_reason
from grid.text import Text

Points = Literal[24, 48, 96, 144, 288, 1440]
_Header = Annotated[str, Field(min_length=1, max_length=200)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ColumnMap(_Part):
    """Where one column of readings.csv comes from."""

    name: _Header | tuple[_Header, ...] = ()
    """The header; of `measured_at` two, a date and a time of day, of powers three, phases that are added up."""
    value: str = ""
    """Instead of a header: the same for every row."""
    multiplier: float = Field(default=1.0, allow_inf_nan=False)
    """0.001 for watts."""
    minus: str = ""
    """Header of what is to be taken off: what is fed back."""
    format: str = ""
    """Of `measured_at`, as `strptime` has it; empty: found out."""

    @property
    def headers(self) -> tuple[str, ...]:
        """Return the headers that are read."""
        named = (self.name,) if isinstance(self.name, str) else self.name
        return tuple(named) + ((self.minus,) if self.minus else ())


class WideMap(_Part):
    """One row a day: a column for each point."""

    date: _Header
    points: tuple[_Header, ...] = Field(min_length=2)
    """Headers of the points, in order of time."""
    first_point: str = "00:00"
    step_minutes: float = Field(default=15.0, gt=0.0, le=720.0)
    quantity: tuple[_Header, ...] = ()
    """Headers of the columns that say what the row is of; none: `value` says it for all rows."""
    quantities: dict[str, ColumnMap] = Field(default_factory=dict)
    """What stands in those columns, joined by a space -> the column of readings.csv (in `value`) and its multiplier."""
    value: str = ""


class FileMap(_Part):
    """All that is known of a file's form."""

    layout: Literal["long", "wide"] = "long"
    header_row: int = Field(default=1, ge=1, le=1000)
    sheet: str = ""
    """Of a workbook; empty: the first."""
    encoding: Literal["", "utf-8", "gb18030"] = ""
    separator: Literal[",", ";", "\t", "|"] = ","
    timezone: str = ""
    multiplier: float = Field(default=1.0, allow_inf_nan=False)
    """Of all currents and powers."""
    id_replace: dict[str, str] = Field(default_factory=dict)
    columns: dict[str, ColumnMap]
    wide: WideMap | None = None

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        if name and name not in available_timezones():
            raise ValueError(f"{name!r} is the name of no time zone; write Asia/Shanghai")
        return name

    @model_validator(mode="after")
    def _fits_its_layout(self) -> FileMap:
        for name in self.columns:
            if name not in ALL_COLUMNS:
                raise ValueError(f"columns.{name} is no column of readings.csv: use {', '.join(ALL_COLUMNS)}")
        if "transformer_id" not in self.columns:
            raise ValueError("columns.transformer_id is missing: give its header, or value = the id for every row")
        if self.layout == "wide":
            if self.wide is None:
                raise ValueError("wide is missing: say date and points")
            for told in (self.wide.value, *(each.value for each in self.wide.quantities.values())):
                if told and told not in NUMBER_COLUMNS:
                    raise ValueError(f"wide: {told!r} is no value of readings.csv")
            if not self.wide.value and not self.wide.quantities:
                raise ValueError("wide.value is missing: which quantity the points are, such as active_power_kw")
        elif "measured_at" not in self.columns:
            raise ValueError("columns.measured_at is missing: give the header of the time")
        return self


def read_file_map(path: Path) -> FileMap:
    """Read and check a file of columns. Raises UsageError with what to mend."""
    try:
        return FileMap(**tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UsageError(
            Text(f"无法读取（{os_reason(error).zh}）", f"cannot be read ({error.strerror})"),
            where=str(path),
            remedy=Text("用 redvest columns 文件 --write 写出一份", "let redvest columns FILE --write make one"),
        ) from error
    except (ValueError, ValidationError) as error:
        told = error.errors()[0] if isinstance(error, ValidationError) else {"loc": (), "msg": str(error)}
        key = ".".join(map(str, told["loc"]))
        what = f"{key}: {told['msg']}" if key else str(told["msg"])
        raise UsageError(
            Text(f"列对照有误：{what}", what.removeprefix("Value error, ")),
            where=str(path),
            remedy=Text("见 docs/your-own-data.md", "see docs/your-own-data.md"),
        ) from error


def as_toml(file_map: FileMap) -> str:
    """Return a map as the text of its file."""
    told = file_map.model_dump(exclude_defaults=True)
    columns, wide = told.pop("columns"), told.pop("wide", None)
    lines = [f"{key} = {_value(value)}" for key, value in told.items()]
    for name, column in columns.items():
        lines += ["", f"[columns.{name}]", *(f"{key} = {_value(value)}" for key, value in column.items())]
    if wide is not None:
        lines += ["", "[wide]", *(f"{key} = {_value(value)}" for key, value in wide.items())]
    return "\n".join(lines) + "\n"


def _value(value: object) -> str:
    if isinstance(value, dict):
        return (
            "{ " + ", ".join(f"{json.dumps(str(k), ensure_ascii=False)} = {_value(v)}" for k, v in value.items()) + " }"
        )
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
