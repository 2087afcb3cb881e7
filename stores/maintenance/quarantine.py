"""Moving a damaged journal out of the way, with all its files, so that a new one can begin. Nothing is deleted."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from grid.errors import StoreError
from grid.os_reasons import os_reason
from grid.text import Text
from stores.journal.file import WriterLock
from stores.sqlite_errors import READ_ONLY_REMEDY

DAMAGED_FOLDER = "damaged"
"""In the data folder. While anything lies in it, the collector says so."""
_GROUP_SIZE = ("", "-wal", "-shm", "-journal")


def quarantine(journal: Path, now_us: int) -> Path:
    """Move a journal and its neighbours into a folder of their own, and return that. Raises StoreError."""
    at = datetime.fromtimestamp(now_us // 1_000_000, UTC)
    folder = journal.parent / DAMAGED_FOLDER / f"journal-{at:%Y%m%dT%H%M%SZ}"
    lock = WriterLock(journal.with_name(journal.name + ".lock"))
    try:
        folder.mkdir(parents=True)
        for ending in _GROUP_SIZE:
            file = journal.with_name(journal.name + ending)
            if file.exists():
                file.rename(folder / file.name)
        lock.mark_log(holds_commits=False)
    except OSError as error:
        what = Text(f"无法移走（{os_reason(error).zh}）", f"cannot be moved aside ({error.strerror})")
        raise StoreError(what, where=str(journal), remedy=READ_ONLY_REMEDY) from error
    finally:
        lock.free()
    return folder


def what_was_quarantined(data_folder: Path) -> tuple[Path, ...]:
    """Return the folders in which damaged journals lie, the oldest first."""
    folder = data_folder / DAMAGED_FOLDER
    return tuple(sorted(path for path in folder.iterdir() if path.is_dir())) if folder.is_dir() else ()
