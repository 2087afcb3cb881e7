"""Decoding with a doubt about our own clock, and about our own program.

A device that is ahead of us is refused for its time, for its readings would be judged where they do not belong.
When most devices are, it is this computer's clock that is wrong, and nothing of theirs may be refused for that. The
same holds for readings that are too old, as long as the moments of the fleet agree with each other.

An error that nobody foresaw would stop the collector, and the broker would send the same message again at each start,
for ever. So the block is halved until the one message is found, which is put aside like any other that cannot be read.
"""

from __future__ import annotations

import logging
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from collector.decoding.decode import Decoded, decode_block
from collector.decoding.plausibility import Limits
from collector.decoding.rejects import Fault, Reason, reject_message, shown
from collector.devices.decoders import Decoders
from collector.message import Message
from grid.fleet import Fleet
from grid.readings import ReadingBatch
from grid.timestamps import DAY_US, MINUTE_US

FLEET_MIN = 3
"""Minimum number of transformers that must agree before our clock is taken to be wrong, and not theirs (own choice)."""

AHEAD_MINUTES_MIN = 60.0
"""A clock that is less ahead cannot be told from a fleet that sends late (own choice)."""
AGREE_MINUTES_MAX = 30.0
"""Last readings of a fleet that sends every quarter of an hour lie within twice that (own choice)."""
AHEAD_DAYS_MAX = 400
"""Readings of older days are recordings that are played again, and no wrong clock (own choice)."""

PLACES_LOGGED_MAX = 100
"""The traceback of an unforeseen error is logged once for each place that it came from, and for so many places."""

log = logging.getLogger("redvest.decoding")


class Decoder:
    """Decodes blocks of messages for one fleet."""

    def __init__(self, fleet: Fleet, limits: Limits, decoders: Decoders | None = None) -> None:
        """Begin without an opinion on our clock. `decoders`: what is read beside Redvest's own format."""
        self._fleet = fleet
        self._decoders = decoders or Decoders()
        self._usual = limits
        self._ahead_us: NDArray[np.float64] = np.full(len(fleet), np.nan)
        """By how much each transformer's last reading was measured after we had it; NaN: not known."""
        self._places_logged: set[tuple[str, str, int | None]] = set()
        self.behind_minutes = 0.0
        """How far our clock is behind most of the fleet; 0 as long as that is within what is usual."""

        self.ahead_minutes = 0.0
        """How far our clock seems ahead of most of the fleet, whose moments agree with each other; else 0.

        Readings that waited somewhere look the same as long as they come.
        """

    def decode(self, messages: Sequence[Message]) -> Decoded:
        """Return readings and rejects of a block, in order of arrival."""
        sessions = self._decoders.mark()
        decoded = self._isolating(messages, self._limits(self.behind_minutes, self.ahead_minutes))
        refused = Counter(reject.reason for reject in decoded.rejects)
        if max(refused[Reason.TIME_IN_FUTURE], refused[Reason.TIME_TOO_OLD]) <= len(decoded.readings):
            self._note(decoded.readings)
            return decoded
        before = self.behind_minutes, self.ahead_minutes
        self._decoders.go_back(sessions)
        self._note(self._isolating(messages, self._limits(np.inf, np.inf)).readings)
        self.estimate()
        if (self.behind_minutes, self.ahead_minutes) == before:
            return decoded
        self._decoders.go_back(sessions)
        return self._isolating(messages, self._limits(self.behind_minutes, self.ahead_minutes))

    def decode_of_any_age(self, messages: Sequence[Message]) -> Decoded:
        """Return readings and rejects of messages that were refused before; none is refused for its age."""
        return self._isolating(messages, replace(self._usual, measured_age_hours_max=None))

    def estimate(self) -> None:
        """See how far our clock is off: the median of the fleet, where enough of it has a say."""
        known = self._ahead_us[~np.isnan(self._ahead_us)]
        ahead_minutes = float(np.median(known)) / MINUTE_US if len(known) >= FLEET_MIN else 0.0
        usual = self._usual.measured_ahead_minutes_max
        self.behind_minutes = 0.0 if usual is None or ahead_minutes <= usual else ahead_minutes
        is_off = self._usual.measured_age_hours_max is not None and -ahead_minutes >= AHEAD_MINUTES_MIN
        self.ahead_minutes = -ahead_minutes if is_off and _agree(known) else 0.0

    def forget(self) -> None:
        """Forget how the fleet's clocks stood to ours: ours was set."""
        self._ahead_us[:] = np.nan

    def _isolating(self, messages: Sequence[Message], limits: Limits) -> Decoded:
        """Decode a block; of one that cannot be decoded, each message that can. Raises MemoryError alone."""
        before = self._decoders.mark()
        try:
            if self._decoders:
                return self._decoders.decode(messages, self._fleet, limits)
            return decode_block(messages, self._fleet, limits)
        except MemoryError:
            raise  # no message is at fault
        except Exception as error:  # noqa: BLE001 - counted as a reject and logged, whatever it is
            self._decoders.go_back(before)
            if len(messages) == 1:
                return self._put_aside(messages[0], error)
        half = len(messages) // 2
        return Decoded.join([self._isolating(messages[:half], limits), self._isolating(messages[half:], limits)])

    def _put_aside(self, message: Message, error: Exception) -> Decoded:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = type(error).__name__, frame.filename, frame.lineno
        if place not in self._places_logged and len(self._places_logged) < PLACES_LOGGED_MAX:
            self._places_logged.add(place)
            log.error(
                "a message on %s made the decoder fail; it is in quarantine, the reading goes on. Further ones that "
                "fail at the same place are counted, not logged",
                shown(message.topic),
                exc_info=error,
            )
        fault = Fault(Reason.UNEXPECTED, "", f"{type(error).__name__}: {shown(str(error))}")
        return Decoded(ReadingBatch.empty(), (reject_message(message, fault),))

    def _note(self, readings: ReadingBatch) -> None:
        self._ahead_us[readings.transformer] = readings.measured_at_us - readings.received_at_us

    def _limits(self, behind_minutes: float, ahead_minutes: float) -> Limits:
        limits = self._usual
        if limits.measured_ahead_minutes_max is not None and behind_minutes:
            limits = replace(limits, measured_ahead_minutes_max=limits.measured_ahead_minutes_max + behind_minutes)
        if limits.measured_age_hours_max is not None and ahead_minutes:
            limits = replace(limits, measured_age_hours_max=limits.measured_age_hours_max + ahead_minutes / 60.0)
        return limits


def _agree(ahead_us: NDArray[np.float64]) -> bool:
    """Return whether half of the fleet lies close together, and no further off than a clock is ever set."""
    low, high = np.percentile(ahead_us, (25.0, 75.0))
    return bool(high - low <= AGREE_MINUTES_MAX * MINUTE_US and -low <= AHEAD_DAYS_MAX * DAY_US)
