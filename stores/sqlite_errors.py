"""What an sqlite error means for a person: what was wrong, in which file, and what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from grid.errors import NOTHING, DamagedError, DiskFullError, StoreError
from grid.text import Text

DAMAGED_REMEDY = Text(
    "请停止所有 redvest 进程，把该文件（及旁边的 -wal 和 -shm）移走，恢复最近的备份或从新文件开始；"
    "移走的文件请保留，其中部分内容可以找回",
    "stop every redvest process, move the file (and its -wal and -shm neighbours) aside, restore the last backup "
    "or start with a new file; keep what was moved, parts of it can be read back",
)
READ_ONLY_REMEDY = Text(
    "请让运行 redvest 的用户可以写该文件夹和文件，或把 [data] folder 设到别处",
    "make the folder and the file writable for the user redvest runs as, or set [data] folder elsewhere",
)
_NOT_WRITABLE = Text("文件无法写入", "the file cannot be written")

# Primary result codes: https://www.sqlite.org/rescode.html. The extended codes have them in their low byte.
_MEANING = {
    sqlite3.SQLITE_FULL: (
        Text("磁盘已满", "the disk is full"),
        Text(
            "请在该磁盘上腾出空间；没有存下的读数没有确认",
            "free space on that disk; what was not stored was not acknowledged",
        ),
    ),
    sqlite3.SQLITE_IOERR: (
        Text("磁盘读写失败", "the disk did not take or give the data"),
        Text(
            "请检查磁盘的剩余空间和健康状况（df -h、dmesg）；没有存下的读数没有确认",
            "look at the disk's free space and health (df -h, dmesg); what was not stored was not acknowledged",
        ),
    ),
    sqlite3.SQLITE_READONLY: (_NOT_WRITABLE, READ_ONLY_REMEDY),
    sqlite3.SQLITE_PERM: (_NOT_WRITABLE, READ_ONLY_REMEDY),
    sqlite3.SQLITE_CANTOPEN: (Text("文件无法打开", "the file cannot be opened"), READ_ONLY_REMEDY),
    sqlite3.SQLITE_BUSY: (
        Text("另一个进程占用文件太久", "another process held the file for too long"),
        Text(
            "请查找卡住的 redvest 进程或锁住该文件的备份工具，然后再试",
            "look for a stuck redvest process or a backup tool that locks the file, then try again",
        ),
    ),
    sqlite3.SQLITE_LOCKED: (
        Text("另一个读写者占用表太久", "another reader or writer held a table for too long"),
        Text("请再试一次", "try again"),
    ),
    sqlite3.SQLITE_CORRUPT: (Text("文件已损坏", "the file is damaged"), DAMAGED_REMEDY),
    sqlite3.SQLITE_NOTADB: (Text("文件已损坏或不是数据库", "the file is damaged or no database"), DAMAGED_REMEDY),
}
_UNKNOWN = Text("数据库出错", "the database failed")


_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def store_error(error: sqlite3.Error, where: Path | str) -> StoreError:
    """Return the StoreError that tells an sqlite error to a person."""
    code = getattr(error, "sqlite_errorcode", None)
    meaning = _MEANING.get(code & 0xFF) if isinstance(code, int) else None
    what, remedy = meaning or (_UNKNOWN, NOTHING)
    primary = code & 0xFF if isinstance(code, int) else None
    kind = DamagedError if primary in _DAMAGED else DiskFullError if primary == sqlite3.SQLITE_FULL else StoreError
    said = Text(f"{what.zh}（{error}）", f"{what.en} ({error})")
    return kind(said, where=str(where), remedy=remedy)


@contextmanager
def telling(where: Path | str) -> Iterator[None]:
    """Turn every sqlite error inside into a StoreError about `where`."""
    try:
        yield
    except sqlite3.Error as error:
        raise store_error(error, where) from error
