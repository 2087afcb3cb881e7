"""A reserve of disk space beside the stores: given free when the disk is full, so that some things can be written.

On a full disk SQLite cannot even delete. With the reserve given free, visits, messages and their delivery are
still recorded; readings are not, they wait at the broker until somebody has made room.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from grid.errors import StoreError
from grid.text import Text

RESERVE_FILE = "disk-reserve"
"""In the data folder."""
_FORMER_FILE = "ballast"
"""What it was called up to version 0.1."""
NEEDED_RATIO = 2
"""How many times the reserve must be free before it is taken (again): it may not fill the disk itself."""


class DiskReserve:
    """The reserve of one data folder. A size of 0 keeps none, and never stops anything."""

    def __init__(self, file: Path, size_bytes: int) -> None:
        """Keep the reserve in `file`; `tend` takes it."""
        self._file = file
        self._size_bytes = size_bytes

    @property
    def held(self) -> bool:
        """Return whether the reserve is there in full."""
        try:
            return self._file.stat().st_blocks * 512 >= self._size_bytes
        except OSError:
            return self._size_bytes == 0

    @property
    def free_bytes(self) -> int:
        """Return what is free on the disk, beside the reserve."""
        return shutil.disk_usage(self._file.parent).free

    def tend(self) -> bool:
        """Take the reserve where there is room for it. Return whether it is held."""
        if self.held:
            return True
        with suppress(OSError):
            self._file.with_name(_FORMER_FILE).unlink()
        if self.free_bytes < NEEDED_RATIO * self._size_bytes:
            return False
        try:
            self._take()
        except OSError:
            with suppress(OSError):
                self._file.unlink()
            return False
        return True

    def refuse_folders(self) -> None:
        """Raise StoreError where a folder stands in the reserve's place: it is not ours to remove."""
        for name in (self._file.name, _FORMER_FILE):
            if self._file.with_name(name).is_dir():
                raise StoreError(
                    Text("这里应是文件，却是一个文件夹", "is a folder where a file should be"),
                    where=str(self._file.with_name(name)),
                    remedy=Text("请把它移走或改名", "move it away, or rename it"),
                )

    def release(self) -> bool:
        """Give the reserve free if the disk is full. Return whether it was."""
        if self._size_bytes == 0 or not self.held or self.free_bytes >= self._size_bytes // 2:
            return False
        self._file.unlink(missing_ok=True)
        return True

    def require(self) -> None:
        """Raise StoreError while the reserve is given free: what is left of the disk is not for readings."""
        if not self.tend():
            free, needed = self.free_bytes / 2**20, NEEDED_RATIO * self._size_bytes / 2**20
            raise StoreError(
                Text(
                    f"磁盘已满（剩余 {free:.0f} MiB，需要 {needed:.0f} MiB）",
                    f"the disk is full ({free:.0f} MiB are left, {needed:.0f} are needed)",
                ),
                where=str(self._file.parent),
                remedy=Text(
                    "请在该磁盘上腾出空间；没有存下的读数没有确认",
                    "free space on that disk; what was not stored was not acknowledged",
                ),
            )

    def _take(self) -> None:
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, self._size_bytes)
        finally:
            os.close(descriptor)
