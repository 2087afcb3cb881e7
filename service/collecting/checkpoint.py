"""A checkpoint of the verdict engine: what spares a start evaluating a day of readings. Only a cache.

It is taken where everything judged is recorded, written by a thread of its own, and used only where it fits: whole, of
the same ledger, rules and software, of this very journal, and no further than the records. Else the engine is built
from the journal, as if there had never been one.
"""

from __future__ import annotations

import importlib.metadata
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alerts.quality.grading import QualityGraderState, QualitySettings
from alerts.rules.rule_set import RuleSet
from alerts.rules.threshold_runs import OPEN_RUN
from alerts.verdicts.engine import UNKNOWN_AFTER_HOURS, VerdictState
from alerts.verdicts.level_state import LevelEngineState
from alerts.verdicts.supply_state import SupplyState
from grid.errors import DamagedError, StoreError
from grid.fleet import Fleet
from grid.readings import ReadingBatch
from service.verdicts.incremental import IncrementalVerdictsState
from stores.journal.journal import Journal
from stores.maintenance.checkpoint_file import CheckpointFile, Column, read_checkpoint, write_checkpoint

FORMAT = 2
"""Goes up with every change of what the engine remembers, or of what follows from it."""
TAKEN_EVERY_SECONDS = 300.0
TAKEN_AFTER_READINGS, BUSY_EVERY_SECONDS = 500_000, 60.0
"""Where so many readings come between two, the next one is taken sooner: a start evaluates them all (practice)."""

_FOLDS = ("levels", "phases", "outages")
"""Columns of `VerdictState` that are the memory of levels."""
_RAISES = ("raised_rule", "raised_transformer", "raised_at_us", "raised_level")

log = logging.getLogger("redvest.checkpoint")


@dataclass(frozen=True)
class Checkpoint:
    """What judging remembered behind a block of the journal."""

    block_no: int
    mark: str
    """`mark_of` the block's readings: another journal's block of that number has another one."""
    fingerprint: str
    """`fingerprint_of` what it was judged by."""
    state: IncrementalVerdictsState


def mark_of(readings: ReadingBatch) -> str:
    """Return what tells a block's readings, in any order, from another block's: when they came, and what they say."""
    order = np.lexsort((readings.measured_at_us, readings.transformer))
    digest = sha256()
    for timestamps in (readings.transformer, readings.measured_at_us, readings.received_at_us):
        digest.update(timestamps[order].tobytes())
    for values in (readings.active_power_kw, readings.reactive_power_kvar, readings.voltage_v, readings.current_amp):
        # Of a missing number and of zero there are several in memory, and one each in the journal.
        digest.update(np.where(np.isnan(values), np.inf, values + 0.0)[order].tobytes())
    return digest.hexdigest()


def fingerprint_of(
    fleet: Fleet, rule_sets: Sequence[RuleSet], gap_minutes: float, unknown_after_hours: float = UNKNOWN_AFTER_HOURS
) -> str:
    """Return what tells one set of things that verdicts follow from, besides readings, from another."""
    software = f"{FORMAT} {importlib.metadata.version('redvest')} {OPEN_RUN.descr} {QualitySettings()}"
    digest = sha256(f"{software}\n{tuple(rule_sets)}\n{gap_minutes}\n{unknown_after_hours}\n".encode())
    digest.update("\n".join(fleet.transformer_ids).encode())
    digest.update("\n".join(map(str, fleet.zones)).encode())
    digest.update(fleet.rated_power_kva.tobytes())
    digest.update(fleet.ct_ratio.tobytes())
    for row in sorted(fleet.dated):
        dated = fleet.dated[row]
        digest.update(f"{row} ".encode())
        for column in (dated.valid_from_us, dated.rated_power_kva, dated.ct_ratio):
            digest.update(column.tobytes())
    return digest.hexdigest()


class Checkpoints:
    """The checkpoint file of one journal: read at the start, written every few minutes while nothing waits for it."""

    def __init__(self, journal: Journal) -> None:
        """Use the file beside the journal."""
        self.path: Path = journal.path.with_suffix(".checkpoint")
        self._journal = journal
        self._writing: threading.Thread | None = None
        self._begun: float | None = None
        self._readings = 0
        self._written_block_no = 0

    def fitting(self, fingerprint: str, recorded_up_to_block: int) -> Checkpoint | None:
        """Return the checkpoint if it can be gone on from; a damaged or foreign one is left alone. Raises StoreError.

        `recorded_up_to_block`: verdicts of later blocks may not be recorded, so that they have to be found again.
        """
        self._wait()
        try:
            file = read_checkpoint(self.path)
        except DamagedError as error:
            log.warning("%s; the verdicts are made again from the journal", error)
            return None
        if file is None:
            return None
        if file.told.get("installation") != self._journal.installation():
            log.info("the checkpoint is of another installation: verdicts are made again")
            return None
        if file.told.get("fingerprint") != fingerprint:
            log.info("the checkpoint is of another ledger, other rules or another version: verdicts are made again")
            return None
        block_no = int(file.told["block_no"])
        block, last = self._journal.after(block_no - 1, rows_max=1)
        if block_no > recorded_up_to_block or last != block_no or mark_of(block) != file.told["mark"]:
            log.info("the checkpoint is not of these stores: verdicts are made again")
            return None
        self._written_block_no, self._begun = block_no, time.monotonic()
        return Checkpoint(block_no, str(file.told["mark"]), fingerprint, _state_of(file))

    def is_due(self, readings: int) -> bool:
        """Return whether it is time for the next one, now that so many readings more were judged.

        It is at once where the start found none to go on from.
        """
        self._readings += readings
        if self._begun is None or self._is_writing:
            return not self._is_writing
        many = self._readings >= TAKEN_AFTER_READINGS
        return time.monotonic() - self._begun >= (BUSY_EVERY_SECONDS if many else TAKEN_EVERY_SECONDS)

    def keep(self, take: Callable[[], Checkpoint]) -> None:
        """Take a checkpoint now and write it in the background; what hinders the writing is logged."""
        self._wait()
        self._begun, self._readings = time.monotonic(), 0
        checkpoint = take()
        if checkpoint.block_no != self._written_block_no:
            self._writing = threading.Thread(target=self._write, args=(checkpoint,), name="checkpoint")
            self._writing.start()

    def close(self) -> None:
        """Wait until the last one is written."""
        self._wait()

    @property
    def _is_writing(self) -> bool:
        return self._writing is not None and self._writing.is_alive()

    def _wait(self) -> None:
        if self._writing is not None:
            self._writing.join()
            self._writing = None

    def _write(self, checkpoint: Checkpoint) -> None:
        told: dict[str, str | int] = {
            "block_no": checkpoint.block_no,
            "mark": checkpoint.mark,
            "fingerprint": checkpoint.fingerprint,
            "installation": self._journal.installation(),
        }
        try:
            write_checkpoint(self.path, CheckpointFile(told, _columns_of(checkpoint.state)))
        except StoreError as error:
            log.warning("no checkpoint, the next start takes longer: %s", error)
            return
        self._written_block_no = checkpoint.block_no


def _columns_of(state: IncrementalVerdictsState) -> dict[str, Column]:
    verdicts = state.verdicts
    found: dict[str, Column] = {f"trust/{name}": column for name, column in state.quality.columns().items()}
    for of in _FOLDS:
        levels: LevelEngineState = getattr(verdicts, of)
        found |= {f"{of}/{c.name}": getattr(levels, c.name) for c in fields(LevelEngineState)}
        found[f"{of}/run"] = levels.run.view(np.uint8).reshape(len(levels.run), OPEN_RUN.itemsize)
    found |= {f"supply/{c.name}": getattr(verdicts.supply, c.name) for c in fields(SupplyState)}
    found |= {f"raises/{name}": getattr(verdicts, name) for name in _RAISES}
    return found


def _state_of(file: CheckpointFile) -> IncrementalVerdictsState:
    def columns(of: str, names: Iterable[str]) -> dict[str, NDArray[np.generic]]:
        return {name: file.columns[f"{of}/{name}"] for name in names}

    def names_of(kind: type) -> list[str]:
        return [c.name for c in fields(kind)]

    folds = {}
    for of in _FOLDS:
        levels = columns(of, names_of(LevelEngineState))
        levels["run"] = levels["run"].reshape(-1).view(OPEN_RUN)
        folds[of] = LevelEngineState(**levels)  # type: ignore[arg-type]
    supply = SupplyState(**columns("supply", names_of(SupplyState)))  # type: ignore[arg-type]
    return IncrementalVerdictsState(
        VerdictState(**folds, supply=supply, **columns("raises", _RAISES)),  # type: ignore[arg-type]
        QualityGraderState.of_columns({name.removeprefix("trust/"): column for name, column in file.columns.items()}),
    )
