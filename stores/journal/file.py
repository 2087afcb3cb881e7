"""Opening the journal's file: one writing process, checked before use; readers that cannot write."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from pathlib import Path

from grid.errors import DamagedError, StoreError
from grid.os_reasons import os_reason
from grid.text import Text
from stores.journal.log import LogState, log_of, unreadable_commits
from stores.journal.schema import APPLICATION_ID, SCHEMA_VERSION, migrate, schema_version
from stores.owner_file import private_mode
from stores.sqlite_errors import DAMAGED_REMEDY, READ_ONLY_REMEDY, telling

BUSY_TIMEOUT_SECONDS = 15.0
CHECKED_BYTES_MAX = 128 * 1024 * 1024
"""A file up to this size is checked whole at each start; that takes under a second (practice)."""
_TOLD_BYTES = 32
_OPEN = "open"
"""Stands in the lock file while the log holds commits that are nowhere else."""
_CACHE_KIB = 64 * 1024
_PAGE_BYTES = 8192
"""Of a new file. Larger pages make seeks shorter and small blocks dearer; this one was best at both (practice)."""
_WAL_PAGES = 4096
"""Pages in the log before they are moved to the file: 32 MiB, so that a slot's pages are moved once, not often."""


class WriterLock:
    """The place of the one writing process. SQLite before 3.51.3 can damage a WAL file that two processes write."""

    def __init__(self, path: Path) -> None:
        """Take the place, or raise StoreError naming the process that has it. The system frees it when we die."""
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        told = os.pread(self._file, _TOLD_BYTES, 0).decode("ascii", "replace").split()
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = told[0] if told else ""
            os.close(self._file)
            raise StoreError(
                Text(
                    f"已有另一个进程{f'（{holder}）' if holder else ''}在写这个读数库",
                    f"another process{f' ({holder})' if holder else ''} writes this journal already",
                ),
                where=str(path),
                remedy=Text(
                    "请停止那个采集程序，或给这个程序单独的数据文件夹或分区",
                    "stop that collector, or give this one a data folder or partition of its own",
                ),
            ) from error
        self.log_state = LogState.SOUND
        self.log_holds_commits = _OPEN in told
        """The log has commits that are nowhere else, perhaps of a writer before us that was killed."""
        self._tell(_OPEN if self.log_holds_commits else "")

    def mark_log(self, *, holds_commits: bool) -> None:
        """Note on disk, before or after it becomes so, whether the log has commits that are nowhere else."""
        if holds_commits != self.log_holds_commits:
            self.log_holds_commits = holds_commits
            self._tell(_OPEN if holds_commits else "")

    def _tell(self, what: str) -> None:
        # Always as many bytes: on a full disk they still have their place.
        os.pwrite(self._file, f"{os.getpid()} {what}".ljust(_TOLD_BYTES - 1).encode() + b"\n", 0)
        os.fsync(self._file)

    def free(self) -> None:
        """Give the place free."""
        os.close(self._file)


def open_for_writing(path: Path) -> tuple[sqlite3.Connection, WriterLock]:
    """Open, check and bring up to date the journal file, making it where there is none. Raises StoreError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = WriterLock(path.with_name(path.name + ".lock"))
    except OSError as error:
        raise StoreError(
            Text(f"无法写入（{os_reason(error).zh}）", f"cannot be written ({error.strerror})"),
            where=str(path),
            remedy=READ_ONLY_REMEDY,
        ) from error
    connection: sqlite3.Connection | None = None
    log_is_there = log_of(path).exists() and log_of(path).stat().st_size > 0
    try:
        with telling(path):
            if path.exists():
                _refuse_unfit(path)
            else:
                path.touch(mode=private_mode(path.parent))
            connection = _connect(path.resolve().as_uri() + "?mode=rwc")
            connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
            connection.execute(f"PRAGMA journal_size_limit = {2 * _WAL_PAGES * _PAGE_BYTES}")
            if lock.log_holds_commits:
                lock.log_state = _log_state(connection, path) if log_is_there else LogState.MISSING
            if schema_version(connection) < SCHEMA_VERSION:
                migrate(connection)
    except StoreError:
        if connection is not None:
            connection.close()
        lock.free()
        raise
    return connection, lock


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Open the journal file read-only. Raises StoreError when it is not there, damaged, foreign or of another age."""
    if not path.exists():
        raise StoreError(
            Text("还没有读数库", "there is no journal yet"),
            where=str(path),
            remedy=Text("请启动采集程序，文件由它建立", "start the collector, it makes the file"),
        )
    with telling(path):
        connection = _connect(path.resolve().as_uri() + "?mode=ro")
        try:
            _refuse_foreign(connection, path)
            if schema_version(connection) < SCHEMA_VERSION:
                raise StoreError(
                    Text("读数库是旧版本的", "the journal is of an older version"),
                    where=str(path),
                    remedy=Text("请启动采集程序，由它转换", "start the collector, it converts it"),
                )
        except (StoreError, sqlite3.Error):
            connection.close()
            raise
    return connection


def _log_state(connection: sqlite3.Connection, path: Path) -> LogState:
    return LogState.DAMAGED if unreadable_commits(connection, log_of(path)) else LogState.SOUND


def _connect(uri: str) -> sqlite3.Connection:
    # Threads share the connection under the journal's own lock; transactions are begun by hand.
    return sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False)


def _refuse_unfit(path: Path) -> None:
    """Look at the file through a connection that cannot write: one that can would move its log into it at the end."""
    connection = _connect(path.resolve().as_uri() + "?mode=ro")
    try:
        _refuse_foreign(connection, path)
        _refuse_damaged(connection, path)
    finally:
        connection.close()


def _refuse_foreign(connection: sqlite3.Connection, path: Path) -> None:
    application_id = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if {"transformer", "block", "block_slot"} <= tables and application_id != APPLICATION_ID:
        raise DamagedError(Text("文件头已损坏", "the file's header is damaged"), where=str(path), remedy=DAMAGED_REMEDY)
    if tables and application_id != APPLICATION_ID:
        raise StoreError(
            Text("不是 Redvest 的读数库", "is no Redvest journal"),
            where=str(path),
            remedy=Text("请把 [data] folder 设为专用的文件夹", "set [data] folder to a folder of its own"),
        )
    if schema_version(connection) > SCHEMA_VERSION:
        raise StoreError(
            Text("由更新版本的 Redvest 写入", "was written by a newer Redvest"),
            where=str(path),
            remedy=Text("请安装该版本或更新的版本", "install that version or a later one"),
        )


def _refuse_damaged(connection: sqlite3.Connection, path: Path) -> None:
    # SQLite itself notices when whole pages are missing at the end, and damage in the pages that it happens to read.
    file_bytes = path.stat().st_size
    page_bytes = connection.execute("PRAGMA page_size").fetchone()[0]
    log = log_of(path)
    log_is_empty = not log.exists() or log.stat().st_size == 0
    problem: Text | None = None
    if log_is_empty and file_bytes % page_bytes:
        problem = Text(
            f"文件在一页中间断开，只有 {file_bytes} 字节",
            f"the file is cut off in the middle of a page, after {file_bytes} bytes",
        )
    elif file_bytes <= CHECKED_BYTES_MAX:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        problem = None if found == "ok" else Text(f"文件已损坏（{found}）", f"the file is damaged ({found})")
    if problem:
        raise DamagedError(problem, where=str(path), remedy=DAMAGED_REMEDY)
