"""A simulated smart terminal (台区智能融合终端): readings as pushes of points, as terminals in China send them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta, timezone
from math import isnan
from typing import Literal

import msgspec
import numpy as np

from collector.wire.format import encode_singly
from collector.wire.terminal_format import POINTS, TerminalFormat, TerminalPoint, TerminalPush
from grid.fleet import Fleet
from grid.readings import ReadingBatch
from grid.timestamps import as_datetime

GOOD, BAD = "1", "0"
_BEIJING = timezone(timedelta(hours=8))


def encode_pushes(
    batch: ReadingBatch, *, power_unit: Literal["kW", "W"] = "kW", bad_points: Collection[str] = ()
) -> Iterator[bytes]:
    """Yield the push of each reading, as a terminal in China sends it; what is NaN is left out.

    `bad_points`: names of points whose quality the terminal flags as bad.
    """
    scale = 1.0 if power_unit == "kW" else 1000.0
    for row in range(len(batch)):
        when = as_datetime(int(batch.measured_at_us[row]), _BEIJING).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0800"
        points = []
        for name, (field, phase) in POINTS.items():
            column = getattr(batch, field)
            value = float(column[row] * scale if phase is None else column[row, phase])
            if not isnan(value):
                points.append(TerminalPoint(name, f"{value:.3f}", BAD if name in bad_points else GOOD, when))
        yield msgspec.json.encode(TerminalPush(when, points, token=str(row)))


def encode_by_device(
    batch: ReadingBatch, fleet: Fleet, terminals: TerminalFormat, device_of: Mapping[str, str]
) -> Iterator[tuple[str, bytes]]:
    """Yield (topic, payload) of each reading, in order: a push where its transformer has a device, else native."""
    for row, number in enumerate(batch.transformer.tolist()):
        one = batch.take(np.array([row]))
        device_id = device_of.get(fleet.transformer_ids[number])
        if device_id is None:
            yield from encode_singly(one, fleet)
        else:
            yield terminals.topic_of(device_id), next(encode_pushes(one, power_unit=terminals.power_unit))
