"""Backups of the embedded stores while they are written, and their way back. A copy is whole or not there.

Records are copied before the journal: so every incident of the copy finds its readings in it, and readings that
came in between are judged when the copy is put to use.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from grid.errors import DamagedError, StoreError
from grid.os_reasons import os_reason
from grid.text import Text
from grid.timestamps import as_datetime, format_utc, parse_timestamp_us
from stores.journal.file import WriterLock
from stores.sqlite_errors import READ_ONLY_REMEDY, telling

MANIFEST = "backup.json"
RECORDS_FILE, JOURNAL_FILE = "records.sqlite", "journal.sqlite"
REPLACED_FOLDER = "replaced"
"""In the data folder: what was there before a restore."""
_PAGES_AT_ONCE = 2048
_HASHED_AT_ONCE = 2**20
_GROUP_SIZE = ("", "-wal", "-shm", "-journal")


@dataclass(frozen=True)
class CopiedFile:
    """One store in a backup."""

    file: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Backup:
    """What a backup folder holds."""

    made_at_us: int
    files: tuple[CopiedFile, ...]


def back_up(
    stores: Sequence[Path], folder: Path, now_us: int, progress: Callable[[int], None] = lambda _: None
) -> Backup:
    """Copy store files, in this order, into a folder that is new or empty. Raises StoreError; then nothing is left.

    `progress` is told how many bytes are done.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise StoreError(
                Text("不是空的", "is not empty"),
                where=str(folder),
                remedy=Text("每次备份请用新的文件夹", "name a new folder for each backup"),
            )
    except OSError as error:
        raise StoreError(
            Text(f"无法建立（{os_reason(error).zh}）", f"cannot be made ({error.strerror})"),
            where=str(folder),
            remedy=READ_ONLY_REMEDY,
        ) from error
    copied: list[CopiedFile] = []
    try:
        for store in stores:
            done = sum(one.bytes for one in copied)
            target = folder / store.name
            _copy_database(store, target, lambda at, done=done: progress(done + at))  # type: ignore[misc]
            copied.append(CopiedFile(store.name, target.stat().st_size, _sha256(target)))
        backup = Backup(now_us, tuple(copied))
        _write_manifest(folder / MANIFEST, backup)
    except BaseException:
        for one in folder.iterdir():
            one.unlink()
        raise
    return backup


def read_backup(folder: Path) -> Backup:
    """Return what a backup folder holds, each file checked. Raises StoreError or DamagedError."""
    try:
        told = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        backup = Backup(parse_timestamp_us(told["made_at"]), tuple(CopiedFile(**one) for one in told["files"]))
    except OSError as error:
        what = Text(f"不是备份（{MANIFEST}：{os_reason(error).zh}）", f"is no backup ({MANIFEST}: {error.strerror})")
        raise StoreError(
            what,
            where=str(folder),
            remedy=Text("请指定由 redvest backup 建立的文件夹", "name a folder that redvest backup made"),
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError(
            Text(f"{MANIFEST} 无法读取（{error}）", f"{MANIFEST} cannot be read ({error})"),
            where=str(folder),
            remedy=Text("请换一个", "try another one"),
        ) from error
    for one in backup.files:
        file = folder / Path(one.file).name
        if not file.exists() or file.stat().st_size != one.bytes or _sha256(file) != one.sha256:
            raise DamagedError(
                Text(f"{one.file} 与备份时不同", f"{one.file} is not what was backed up"),
                where=str(folder),
                remedy=Text("请换一个备份", "try another backup"),
            )
    return backup


def restore(backup: Backup, folder: Path, data_folder: Path, now_us: int) -> Path | None:
    """Put the files of a checked backup in the place of those in the data folder; return where those went, if any.

    Raises StoreError when a collector runs there, or the folder cannot be written.
    """
    aside = data_folder / REPLACED_FOLDER / f"{as_datetime(now_us):%Y%m%dT%H%M%SZ}"
    try:
        data_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = WriterLock(data_folder / f"{JOURNAL_FILE}.lock")
        try:
            for one in backup.files:
                shutil.copyfile(folder / one.file, _draft(data_folder / one.file))
            moved = [_move_aside(data_folder / one.file, aside) for one in backup.files]
            lock.mark_log(holds_commits=False)
            for one in backup.files:
                _put_in_place(data_folder / one.file)
        finally:
            lock.free()
    except OSError as error:
        raise StoreError(
            Text(f"无法写入（{error}）", f"cannot be written ({error})"),
            where=str(data_folder),
            remedy=READ_ONLY_REMEDY,
        ) from error
    return aside if any(moved) else None


def refuse_half_restored(data_folder: Path) -> None:
    """Raise StoreError when a restore was cut off: files of two ages may lie there."""
    drafts = [file for name in (RECORDS_FILE, JOURNAL_FILE) if (file := _draft(data_folder / name)).exists()]
    if drafts:
        raise StoreError(
            Text("恢复在中途被打断", "a restore was cut off in the middle"),
            where=str(drafts[0]),
            remedy=Text(
                "请重新运行 redvest restore（原有内容在 replaced 文件夹里）",
                "run redvest restore again (what was there before is in the folder replaced)",
            ),
        )


def _copy_database(source: Path, target: Path, progress: Callable[[int], None]) -> None:
    with (
        telling(source),
        closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True, timeout=20.0)) as original,
        closing(sqlite3.connect(target)) as copy,
    ):
        # One reading transaction for all of it: what is written meanwhile neither shows nor makes it begin again.
        original.execute("BEGIN")
        page_bytes = original.execute("PRAGMA page_size").fetchone()[0]
        original.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        original.backup(copy, pages=_PAGES_AT_ONCE, progress=lambda _, left, all_: progress((all_ - left) * page_bytes))
        copy.execute("PRAGMA journal_mode = DELETE")
        found = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise DamagedError(
            Text(f"副本已损坏（{found}）", f"the copy is damaged ({found})"),
            where=str(source),
            remedy=Text("原件完好吗？", "is the original whole?"),
        )
    target.chmod(0o600)
    _sync(target)


def _write_manifest(file: Path, backup: Backup) -> None:
    told = {"made_at": format_utc(backup.made_at_us), "files": [asdict(one) for one in backup.files]}
    file.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    _sync(file)
    _sync(file.parent)


def _move_aside(file: Path, aside: Path) -> bool:
    there = [neighbour for ending in _GROUP_SIZE if (neighbour := file.with_name(file.name + ending)).exists()]
    if there:
        aside.mkdir(mode=0o700, parents=True, exist_ok=True)
    for neighbour in there:
        neighbour.rename(aside / neighbour.name)
    return bool(there)


def _draft(file: Path) -> Path:
    return file.with_name(f".{file.name}.restored")


def _put_in_place(file: Path) -> None:
    draft = _draft(file)
    draft.chmod(0o600)
    _sync(draft)
    draft.replace(file)
    _sync(file.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sha256(file: Path) -> str:
    found = hashlib.sha256()
    with file.open("rb") as opened:
        while part := opened.read(_HASHED_AT_ONCE):
            found.update(part)
    return found.hexdigest()
