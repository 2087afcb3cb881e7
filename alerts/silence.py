"""Silence is not health: who sends nothing any more, what of it is one lost line, and whether we see anything at all.

Freshness is told by when the collector received a valid, stored reading, never by the device's own time. What
is said to people is one sentence for the whole stream, else one for each feeder; single transformers turn grey.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grid.moments import MINUTE_US

NEVER_RECEIVED = -1
"""`last_received_us` of a transformer that has not sent a valid reading since it was registered."""

FEEDER_SLOTS = 2
"""A feeder, and the whole stream, is looked at after so many slots without a reading (reliability promise)."""
FEEDER_SILENT_PERCENT = 20
FEEDER_SILENT_MIN = 5
"""A feeder is lost when at least this share and this number of its transformers send nothing."""


@dataclass(frozen=True)
class SilenceSettings:
    """How long without a reading is silence."""

    slot_minutes: float = 15.0
    """How often a transformer sends."""
    silent_slots: int = 3
    """A transformer is silent after more than so many slots without a reading."""

    @property
    def silent_us(self) -> int:
        """Return how long a transformer may be without a reading [µs]."""
        return round(self.silent_slots * self.slot_minutes * MINUTE_US)

    @property
    def overdue_us(self) -> int:
        """Return how long it may be, for a feeder and the whole stream to be judged [µs]."""
        return round(FEEDER_SLOTS * self.slot_minutes * MINUTE_US)


@dataclass(frozen=True, eq=False)
class Watched:
    """The transformers that are to send readings, and which feeder each hangs on; row i is row i of the fleet."""

    transformer_ids: tuple[str, ...]
    feeder_ids: tuple[str, ...]
    """The f feeders by name."""
    feeder: NDArray[np.int32]
    """(n,) row of its feeder, -1 where the ledger names none."""
    in_service: NDArray[np.bool_]
    """(n,) False for a row without a transformer: nothing is expected of it."""

    @staticmethod
    def of(transformer_ids: Sequence[str], feeder_ids: Sequence[str]) -> Watched:
        """Number the feeders. `feeder_ids` (n,) belongs to `transformer_ids` (n,); an empty text is none.

        Rows with an empty transformer id are not in service. A feeder is named within one ledger: give the ids of
        two stations' feeders different names where they are different lines.
        """
        named = sorted({feeder for feeder in feeder_ids if feeder})
        number = {feeder: i for i, feeder in enumerate(named)}
        return Watched(
            tuple(transformer_ids),
            tuple(named),
            np.fromiter((number.get(feeder, -1) for feeder in feeder_ids), np.int32, len(feeder_ids)),
            np.fromiter((bool(i) for i in transformer_ids), np.bool_, len(transformer_ids)),
        )


@dataclass(frozen=True)
class LostFeeder:
    """Communication with one feeder is lost."""

    feeder_id: str
    silent: int
    """How many of its transformers have sent nothing for two slots."""
    transformers: int
    """How many of its transformers were ever heard."""
    since_us: int
    """When so many had fallen silent that the feeder counts as lost."""

    @property
    def key(self) -> str:
        """Return what names this loss: the same as long as it lasts, also after a restart."""
        return f"silence/feeder/{self.feeder_id}/{self.since_us}"


@dataclass(frozen=True)
class BlindStream:
    """Nothing comes in at all."""

    transformers: int
    """How many transformers were ever heard."""
    last_received_us: int

    @property
    def key(self) -> str:
        """Return what names this blindness: the same as long as it lasts, also after a restart."""
        return f"silence/stream/{self.last_received_us}"


@dataclass(frozen=True, eq=False)
class Silence:
    """Who is silent at one moment; columns (n,) have a row for each transformer of the fleet."""

    now_us: int
    last_received_us: NDArray[np.int64]
    silent: NDArray[np.bool_]
    """Was heard once, and sends nothing any more."""
    never_seen: NDArray[np.bool_]
    """In service, and was never heard."""
    covered: NDArray[np.bool_]
    """Is silent, and a lost feeder or a blind stream says so already."""
    feeders: tuple[LostFeeder, ...]
    """The lost feeders, by name."""
    blind: BlindStream | None

    @property
    def single(self) -> NDArray[np.bool_]:
        """Return which transformers (n,) are silent by themselves."""
        return self.silent & ~self.covered


@dataclass(frozen=True, eq=False)
class SilenceChanges:
    """What began and what ended between two looks."""

    started: tuple[BlindStream | LostFeeder, ...]
    ended: tuple[BlindStream | LostFeeder, ...]
    """As they stood at the look before."""
    fell_silent: NDArray[np.intp]
    """Rows of transformers that are silent now and were not, whether or not something covers them."""
    came_back: NDArray[np.intp]
    """Rows of transformers that were silent and are not any more."""

    def __bool__(self) -> bool:
        """Return whether anything changed."""
        return bool(self.started or self.ended or len(self.fell_silent) or len(self.came_back))


def look(
    watched: Watched, last_received_us: NDArray[np.int64], now_us: int, settings: SilenceSettings | None = None
) -> Silence:
    """Return who is silent. `last_received_us` (n,) is when the collector last stored a reading of each transformer.

    It is `NEVER_RECEIVED` for none. A moment after `now_us` (a clock that was set back) is no silence.
    """
    settings = settings or SilenceSettings()
    seen = watched.in_service & (last_received_us != NEVER_RECEIVED)
    waited_us = now_us - last_received_us
    silent = seen & (waited_us > settings.silent_us)
    overdue = seen & (waited_us > settings.overdue_us)
    feeders, lost = _lost_feeders(watched, seen, overdue, last_received_us, settings.overdue_us)
    blind = None
    if seen.any() and (overdue[seen].all() or silent[seen].all()):
        blind = BlindStream(int(seen.sum()), int(last_received_us[seen].max()))
    return Silence(
        now_us=now_us,
        last_received_us=last_received_us.copy(),
        silent=silent,
        never_seen=watched.in_service & ~seen,
        covered=silent & (lost | (blind is not None)),
        feeders=feeders,
        blind=blind,
    )


def _lost_feeders(
    watched: Watched,
    seen: NDArray[np.bool_],
    overdue: NDArray[np.bool_],
    last_received_us: NDArray[np.int64],
    overdue_us: int,
) -> tuple[tuple[LostFeeder, ...], NDArray[np.bool_]]:
    """Return the lost feeders, and which transformers (n,) hang on one."""
    count = len(watched.feeder_ids)
    on_feeder = watched.feeder >= 0
    heard = np.bincount(watched.feeder[on_feeder & seen], minlength=count)
    silent = np.bincount(watched.feeder[on_feeder & overdue], minlength=count)
    enough = np.maximum(-(-heard * FEEDER_SILENT_PERCENT // 100), FEEDER_SILENT_MIN)
    is_lost = silent >= enough
    if not is_lost.any():
        return (), np.zeros(len(watched.feeder), bool)
    lost_row = on_feeder & is_lost[watched.feeder]
    rows = np.flatnonzero(lost_row & overdue)
    rows = rows[np.lexsort((last_received_us[rows], watched.feeder[rows]))]
    numbers = np.flatnonzero(is_lost)
    # The loss began when as many as it takes had fallen silent, not with the first of them.
    deciding = rows[np.searchsorted(watched.feeder[rows], numbers) + enough[numbers] - 1]
    found = zip(numbers.tolist(), (last_received_us[deciding] + overdue_us).tolist(), strict=True)
    return tuple(
        LostFeeder(watched.feeder_ids[number], int(silent[number]), int(heard[number]), began_us)
        for number, began_us in found
    ), lost_row


def changes(before: Silence | None, now: Silence) -> SilenceChanges:
    """Return what began and ended since the look before; None is a look at which all was well.

    While the stream is blind, feeders neither begin nor end: one sentence says it all. When it sees again, a feeder
    that is still lost begins, under the key it had, and any other is over without a word of its own.
    """
    was_blind, is_blind = before.blind if before else None, now.blind
    feeders_before = {} if before is None or was_blind else {f.feeder_id: f for f in before.feeders}
    feeders_now = {} if is_blind else {f.feeder_id: f for f in now.feeders}
    started: list[BlindStream | LostFeeder] = [f for name, f in feeders_now.items() if name not in feeders_before]
    ended: list[BlindStream | LostFeeder] = []
    if not is_blind:
        ended += [f for name, f in feeders_before.items() if name not in feeders_now]
    if is_blind and not was_blind:
        started.append(is_blind)
    if was_blind and not is_blind:
        ended.append(was_blind)
    silent_before = np.zeros(len(now.silent), bool)
    if before:
        # A ledger that was imported in between may have brought new rows; the old ones keep their places.
        known = min(len(before.silent), len(now.silent))
        silent_before[:known] = before.silent[:known]
    return SilenceChanges(
        tuple(started),
        tuple(ended),
        np.flatnonzero(now.silent & ~silent_before),
        np.flatnonzero(silent_before & ~now.silent),
    )


def silent_key(transformer_id: str, last_received_us: int) -> str:
    """Return what names one transformer's silence: the same as long as it lasts, also after a restart."""
    return f"silence/transformer/{transformer_id}/{last_received_us}"
