"""Which topics nobody reads: kept in a small file of the data folder, for the doctor to show."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from grid.timestamps import DAY_US, MINUTE_US

FILE_NAME = "stray_topics.json"
TOPICS_MAX = 100
"""Maximum number of topics kept; a flood of others is counted under none."""
SHOWN_FOR_US = 7 * DAY_US
_WRITTEN_EVERY_US = MINUTE_US
_CHARACTERS_MAX = 200

log = logging.getLogger("redvest.stray_topics")


@dataclass(frozen=True)
class StrayTopic:
    """A topic that no subscription covers."""

    topic: str
    messages: int
    last_at_us: int


class StrayTopics:
    """Counts stray topics and keeps them in the file."""

    def __init__(self, folder: Path, now_us: Callable[[], int]) -> None:
        """Go on from what the file holds."""
        self._file = folder / FILE_NAME
        self._now_us = now_us
        self._known = {stray.topic: stray for stray in read_stray_topics(folder)}
        self._written_us = 0

    def hear(self, topic: str) -> None:
        """Count a message on a topic; a new topic is written at once, others once a minute."""
        name, now_us = topic[:_CHARACTERS_MAX], self._now_us()
        before = self._known.get(name)
        if before is None and len(self._known) >= TOPICS_MAX:
            return
        self._known[name] = StrayTopic(name, 1 + (before.messages if before else 0), now_us)
        if before is None or now_us - self._written_us >= _WRITTEN_EVERY_US:
            self._write(now_us)

    def _write(self, now_us: int) -> None:
        self._written_us = now_us
        told = [[stray.topic, stray.messages, stray.last_at_us] for stray in self._known.values()]
        part = self._file.with_suffix(".part")
        try:
            part.write_text(json.dumps(told), encoding="utf-8")
            part.replace(self._file)
        except OSError as error:
            log.warning("stray topics cannot be kept: %s", error)


def read_stray_topics(folder: Path, since_us: int = 0) -> tuple[StrayTopic, ...]:
    """Return the topics heard since a moment, the newest first; none where the file is not there or not whole."""
    try:
        told = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
        strays = [StrayTopic(str(topic), int(messages), int(last_us)) for topic, messages, last_us in told]
    except (OSError, ValueError, TypeError):
        return ()
    return tuple(sorted((s for s in strays if s.last_at_us >= since_us), key=lambda s: -s.last_at_us))
