"""What the values of a scenario file may be: shares, amounts, clock times, curves of the day, with their bounds."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Positive = Annotated[float, Meta(gt=0.0, le=1e6)]
Amount = Annotated[float, Meta(ge=0.0, le=1e6)]
Degrees = Annotated[float, Meta(ge=-60.0, le=360.0)]
Count = Annotated[int, Meta(ge=0, le=100_000)]
Number = Annotated[float, Meta(ge=-1e6, le=1e6)]
ClockTime = Annotated[str, Meta(pattern=r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$")]
Points = tuple[tuple[ClockTime, Number], ...]
"""A curve of the day: [["09:30", 27.5], …]."""


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of a scenario file: an unknown key is refused."""
