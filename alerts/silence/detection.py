"""Silence is not health: who sends nothing any more, what of it is one lost line, and whether we see anything at all.

Freshness is told by when the collector received a valid, stored reading, never by the device's own time. What
is said to people is one sentence for the whole stream, else one for each feeder; single transformers turn grey, and are
told together.
Devices send at different seconds, so a whole stream falls silent, and comes back, one transformer after another:
a feeder is lost by itself only where others were heard meanwhile, and is told of only when all had time to come back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grid.assets import Ledger
from grid.fleet import Fleet
from grid.timestamps import MINUTE_US

NEVER_RECEIVED = -1
"""`last_received_us` of a transformer that has not sent a valid reading since it was registered."""

FEEDER_SLOTS = 2
"""A feeder, and the whole stream, is looked at after so many slots without a reading (reliability promise)."""
FEEDER_SILENT_PERCENT = 20
FEEDER_SILENT_MIN = 5
"""A feeder is lost when at least this share and this number of its transformers send nothing; one that has fewer of
them when all do that were ever heard."""
FEEDER_TRANSFORMERS_MIN = 2
"""A single transformer is no feeder: it is silent by itself."""
PAUSE_SLOTS = 1.25
"""Nothing from anybody for longer is a pause of the stream. Devices that all send at the same minute leave one slot
between two readings, give or take what the network does to them; the quarter is for that (own choice)."""


@dataclass(frozen=True)
class SilenceSettings:
    """How long without a reading is silence."""

    slot_minutes: float = 15.0
    """How often a transformer sends."""
    silent_slots: int = 3
    """A transformer is silent after more than so many slots without a reading."""

    @property
    def slot_us(self) -> int:
        """Return how often a transformer sends [µs]."""
        return round(self.slot_minutes * MINUTE_US)

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
    """The f feeders, by station and name."""
    station_ids: tuple[str, ...]
    """Of the f feeders."""
    feeder: NDArray[np.int32]
    """(n,) row of its feeder, -1 where the ledger names none."""
    in_service: NDArray[np.bool_]
    """(n,) False for a row without a transformer: nothing is expected of it."""

    @staticmethod
    def of(
        transformer_ids: Sequence[str], feeder_ids: Sequence[str], station_ids: Sequence[str] | None = None
    ) -> Watched:
        """Number the feeders. `feeder_ids` and `station_ids` (n,) belong to `transformer_ids` (n,).

        Rows with an empty transformer id are not in service; an empty feeder id is none. Two stations may call
        different feeders by the same id. Without stations all are of one.
        """
        lines = list(zip(station_ids or [""] * len(feeder_ids), feeder_ids, strict=True))
        named = sorted({(station, feeder) for station, feeder in lines if feeder})
        number = {line: i for i, line in enumerate(named)}
        return Watched(
            tuple(transformer_ids),
            tuple(feeder for _, feeder in named),
            tuple(station for station, _ in named),
            np.fromiter((number.get(line, -1) for line in lines), np.int32, len(lines)),
            np.fromiter((bool(i) for i in transformer_ids), np.bool_, len(transformer_ids)),
        )

    @staticmethod
    def of_ledger(fleet: Fleet, ledger: Ledger) -> Watched:
        """Return the transformers of a fleet with the feeders and stations that the ledger names."""
        known = {t.transformer_id: t for t in ledger.transformers}
        of = [known.get(i) for i in fleet.transformer_ids]
        feeder_ids, station_ids = [t.feeder_id if t else "" for t in of], [t.station_id if t else "" for t in of]
        return Watched.of(fleet.transformer_ids, feeder_ids, station_ids)


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
    station_id: str = ""

    @property
    def key(self) -> str:
        """Return what names this loss: the same as long as it lasts, also after a restart."""
        where = f"{self.station_id}/{self.feeder_id}" if self.station_id else self.feeder_id
        return f"silence/feeder/{where}/{self.since_us}"

    @property
    def line(self) -> tuple[str, str]:
        """Return which feeder it is: its station and its id there."""
        return self.station_id, self.feeder_id


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
    told: tuple[LostFeeder, ...]
    """Those of them that people are told of: none while the stream is blind, no new ones when it has just come back."""
    blind: BlindStream | None
    newest_us: int
    """When anything was last received from anybody; `NEVER_RECEIVED` for never."""
    told_from_us: int
    """From when on people are told of a feeder that is lost now."""

    @property
    def single(self) -> NDArray[np.bool_]:
        """Return which transformers (n,) are silent by themselves."""
        return self.silent & ~self.covered


def look(
    watched: Watched,
    last_received_us: NDArray[np.int64],
    now_us: int,
    settings: SilenceSettings | None = None,
    before: Silence | None = None,
) -> Silence:
    """Return who is silent. `last_received_us` (n,) is when the collector last stored a reading of each transformer.

    It is `NEVER_RECEIVED` for none. A moment after `now_us` (a clock that was set back) is no silence. `before` is
    the look before, for those who tell people; without it everything that is lost counts as told.
    """
    settings = settings or SilenceSettings()
    seen = watched.in_service & (last_received_us != NEVER_RECEIVED)
    newest_us = int(last_received_us[seen].max()) if seen.any() else NEVER_RECEIVED
    waited_us = now_us - last_received_us
    silent = seen & (waited_us > settings.silent_us)
    overdue = seen & (waited_us > settings.overdue_us)
    feeders, lost = _lost_feeders(watched, seen, overdue, last_received_us, settings, newest_us)
    blind = None
    if seen.any() and (overdue[seen].all() or silent[seen].all()):
        blind = BlindStream(int(seen.sum()), newest_us)
    told_from_us = _told_from(before, newest_us, now_us, settings)
    known = {feeder.line for feeder in before.told} if before else set()
    return Silence(
        now_us=now_us,
        last_received_us=last_received_us.copy(),
        silent=silent,
        never_seen=watched.in_service & ~seen,
        covered=silent & (lost | (blind is not None)),
        feeders=feeders,
        told=() if blind else tuple(f for f in feeders if f.line in known or now_us >= told_from_us),
        blind=blind,
        newest_us=newest_us,
        told_from_us=told_from_us,
    )


def _told_from(before: Silence | None, newest_us: int, now_us: int, settings: SilenceSettings) -> int:
    """Return from when on a lost feeder is told of: two slots after a pause of the stream, so that all can come back.

    A clock that is set back in the meantime makes it no longer than two slots from now.
    """
    if before is None:
        return NEVER_RECEIVED
    if newest_us - before.newest_us > PAUSE_SLOTS * settings.slot_us:
        return now_us + settings.overdue_us
    return min(before.told_from_us, now_us + settings.overdue_us)


def _lost_feeders(
    watched: Watched,
    seen: NDArray[np.bool_],
    overdue: NDArray[np.bool_],
    last_received_us: NDArray[np.int64],
    settings: SilenceSettings,
    newest_us: int,
) -> tuple[tuple[LostFeeder, ...], NDArray[np.bool_]]:
    """Return the lost feeders, and which transformers (n,) hang on one.

    A feeder that counts as lost more than a slot after anybody was last heard is not lost by itself: where everybody
    sends once a slot, that is the whole stream falling silent, and it is blind within another slot.
    """
    count = len(watched.feeder_ids)
    on_feeder = watched.feeder >= 0
    heard = np.bincount(watched.feeder[on_feeder & seen], minlength=count)
    silent = np.bincount(watched.feeder[on_feeder & overdue], minlength=count)
    size = np.bincount(watched.feeder[on_feeder & watched.in_service], minlength=count)
    least = np.where(size < FEEDER_SILENT_MIN, heard, FEEDER_SILENT_MIN)
    enough = np.maximum(-(-heard * FEEDER_SILENT_PERCENT // 100), least)
    is_lost = (silent >= enough) & (heard >= FEEDER_TRANSFORMERS_MIN)
    if not is_lost.any():
        return (), np.zeros(len(watched.feeder), bool)
    rows = np.flatnonzero(on_feeder & is_lost[watched.feeder] & overdue)
    rows = rows[np.lexsort((last_received_us[rows], watched.feeder[rows]))]
    numbers = np.flatnonzero(is_lost)
    # The loss began when as many as it takes had fallen silent, not with the first of them.
    deciding = rows[np.searchsorted(watched.feeder[rows], numbers) + enough[numbers] - 1]
    began_us = last_received_us[deciding] + settings.overdue_us
    by_itself = began_us <= newest_us + settings.slot_us
    is_lost[numbers[~by_itself]] = False
    found = zip(numbers[by_itself].tolist(), began_us[by_itself].tolist(), strict=True)
    return tuple(
        LostFeeder(
            watched.feeder_ids[number], int(silent[number]), int(heard[number]), began, watched.station_ids[number]
        )
        for number, began in found
    ), on_feeder & is_lost[watched.feeder]


def silent_key(transformer_id: str, last_received_us: int) -> str:
    """Return what names one transformer's silence: the same as long as it lasts, also after a restart."""
    return f"silence/transformer/{transformer_id}/{last_received_us}"
