"""Readings and episodes as InfluxDB line protocol, timestamps in microseconds.

Source: https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/. Ids come from ledgers and end up as
tag values, so every character that would end one is escaped. A missing value is a missing field.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf

import numpy as np
from numpy.typing import NDArray

from alerts.model.episodes import Episode
from grid.electrical import apparent_power_kva
from grid.fleet import Fleet
from grid.readings import NO_SEQUENCE, ReadingBatch
from stores.journal.stored_readings import FIRST_VALUE_COLUMNS, value_columns

# A tag value cannot hold a line break, and servers disagree about a backslash before an escaped character: both are
# replaced by characters that look alike and mean nothing.
_ESCAPED = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ ", "\\": "＼", "\n": "␤", "\r": "␍", "\t": "␉"})
_FIELDS = (*FIRST_VALUE_COLUMNS, "apparent_power_kva", "load_rate")
"""`apparent_power_kva` is what the load rate is of, with the CT ratio; where the device sends S, it comes of that."""


def tags(*, station: str, transformer: str, **more: str) -> str:
    """Return the tag set of a point, with a comma before each tag; an empty value is left out."""
    values = {"station": station, "transformer": transformer, **more}
    return "".join(f",{name}={value.translate(_ESCAPED)}" for name, value in values.items() if value)


def reading_lines(batch: ReadingBatch, transformer_ids: Sequence[str], fleet: Fleet) -> list[str]:
    """Return a point of measurement `reading` for each reading that has a value.

    `transformer_ids` names every journal number; a number that the fleet does not know (any more) has neither
    station nor load rate.
    """
    ct_ratio = _known(fleet.ct_ratio, batch.transformer, 1.0)
    apparent, _ = apparent_power_kva(batch, ct_ratio)
    load_rate = apparent / _known(fleet.rated_power_kva, batch.transformer, np.nan)
    tag_set = {
        number: tags(station=station_of(fleet, number), transformer=transformer_ids[number])
        for number in np.unique(batch.transformer).tolist()
    }
    lines = []
    for number, at_us, sequence, *values in zip(
        batch.transformer.tolist(),
        batch.measured_at_us.tolist(),
        batch.sequence.tolist(),
        *(column.tolist() for column in (*value_columns(batch)[: len(FIRST_VALUE_COLUMNS)], apparent, load_rate)),
        strict=True,
    ):
        fields = _numbers(zip(_FIELDS, values, strict=True))
        if sequence != NO_SEQUENCE:
            fields.append(f"sequence={sequence}i")
        if fields:
            lines.append(f"reading{tag_set[number]} {','.join(fields)} {at_us}")
    return lines


def episode_line(episode: Episode, retracted: bool, station: str) -> str:
    """Return the point of measurement `episode` for an episode as it stands, at its opening reading.

    `ended_at_us` counts only where `open` is false: a field once written stays until it is written again.
    """
    tag_set = tags(station=station, transformer=episode.transformer_id, rule=episode.rule, level=episode.level)
    fields = [
        f"open={'true' if episode.ended_at_us is None else 'false'}",
        f"retracted={'true' if retracted else 'false'}",
        f"started_at_us={episode.started_at_us}i",
        f"peak_at_us={episode.peak_at_us}i",
        f"readings={episode.readings}i",
        *_numbers((("first_load_rate", episode.first_load_rate), ("peak_load_rate", episode.peak_load_rate))),
    ]
    if episode.ended_at_us is not None:
        fields.append(f"ended_at_us={episode.ended_at_us}i")
    if episode.ended_by is not None:
        fields.append(f'ended_by="{episode.ended_by.value}"')
    return f"episode{tag_set} {','.join(fields)} {episode.first_reading_at_us}"


def station_of(fleet: Fleet, number: int) -> str:
    """Return the station of a journal number, empty where the fleet does not know it."""
    return fleet.station_ids[number] if 0 <= number < len(fleet) else ""


def _numbers(fields: Iterable[tuple[str, float]]) -> list[str]:
    # The comparison is false for NaN and the infinities, which line protocol cannot say.
    return [f"{name}={value!r}" for name, value in fields if -inf < value < inf]


def _known(column: NDArray[np.float64], numbers: NDArray[np.int32], unknown: float) -> NDArray[np.float64]:
    """Return the fleet's column (n,) for each reading, `unknown` for a number beyond the fleet."""
    return np.append(column, unknown)[np.minimum(numbers, len(column))]
