"""Which missing values are listed: each kind at each device once an hour, so that a broken sensor fills no list."""

from __future__ import annotations

from collections.abc import Sequence

from collector.decoding.rejects import Reject
from grid.timestamps import HOUR_US

LISTED_EVERY_US = HOUR_US
KINDS_MAX = 100_000
"""Maximum number of kinds kept in mind; beyond it all are forgotten, and listed anew."""


class MissingValueList:
    """Says which of the values that are missing in readings are worth a line in the quarantine."""

    def __init__(self) -> None:
        """Begin with nothing listed."""
        self._listed_us: dict[tuple[str, str, str, str], int] = {}

    def to_list(self, examples: Sequence[Reject]) -> list[Reject]:
        """Return those whose kind (topic, reason, field, transformer) was not listed within the hour."""
        listed: list[Reject] = []
        for example in examples:
            kind = example.topic, example.reason.value, example.field, example.detail.rpartition(";")[2]
            last_us = self._listed_us.get(kind)
            if last_us is not None and 0 <= example.received_at_us - last_us < LISTED_EVERY_US:
                continue
            if len(self._listed_us) >= KINDS_MAX:
                self._listed_us.clear()
            self._listed_us[kind] = example.received_at_us
            listed.append(example)
        return listed
