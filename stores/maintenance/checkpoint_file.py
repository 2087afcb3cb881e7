"""A file of named columns that is there whole or not at all: what can be built again, kept to save the building.

Its bytes: `MAGIC`; the length of the head (8 bytes, little end first); the head, a JSON object of what is told and the
columns' names, types and shapes; the columns' bytes, one after another; the SHA-256 of everything before it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grid.errors import DamagedError, StoreError
from grid.text import Text

MAGIC = b"RedvestCheckpt1\n"
TYPES = frozenset({"<i8", "<i4", "<i2", "|i1", "|u1", "<f8"})
"""Types that a column may have; none of them can hold an object."""
ROOM_TIMES = 4
"""A checkpoint is kept only where so many times its size is free: the journal needs the room more (practice)."""
_LENGTH_BYTES, _DIGEST_BYTES = 8, 32
_SYNCED_BYTES = 8 * 2**20

Column = NDArray[np.generic]


@dataclass(frozen=True)
class CheckpointFile:
    """What a file holds."""

    told: Mapping[str, str | int]
    columns: Mapping[str, Column]
    """Of any shape."""


def write_checkpoint(path: Path, content: CheckpointFile) -> int:
    """Put the file in place in one step, on disk when this returns; return its size [bytes].

    Raises StoreError when it cannot be written or has too little room; what was there before then stays.
    """
    arrays = {name: np.ascontiguousarray(column) for name, column in content.columns.items()}
    described = [[name, column.dtype.str, column.shape] for name, column in arrays.items()]
    if any(kind not in TYPES for _, kind, _ in described):
        raise ValueError(f"a column of a type that no checkpoint holds: {described}")
    head = json.dumps({"told": dict(content.told), "columns": described}).encode()
    parts: list[bytes | memoryview] = [MAGIC, len(head).to_bytes(_LENGTH_BYTES, "little"), head]
    parts += [_bytes_of(column) for column in arrays.values()]
    digest = hashlib.sha256()
    draft = path.with_name(f".{path.name}.draft")
    size = sum(column.nbytes for column in arrays.values()) + len(head)
    try:
        if shutil.disk_usage(path.parent).free < ROOM_TIMES * size:
            raise StoreError(
                Text("空间不足", "too little room"),
                where=str(path),
                remedy=Text("请在该磁盘上腾出空间", "free space on that disk"),
            )
        with draft.open("wb") as out:
            for part in parts:
                digest.update(part)
                for at in range(0, len(part), _SYNCED_BYTES):
                    # A little at a time: a commit of the journal does not have to wait for all of it.
                    out.write(part[at : at + _SYNCED_BYTES])
                    out.flush()
                    os.fsync(out.fileno())
            out.write(digest.digest())
            out.flush()
            os.fsync(out.fileno())
            written = out.tell()
        draft.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise StoreError(
            Text(f"无法写入（{error}）", f"cannot be written ({error})"),
            where=str(path),
            remedy=Text("请检查该文件夹", "look at that folder"),
        ) from error
    return written


def read_checkpoint(path: Path) -> CheckpointFile | None:
    """Return what a file holds, None where there is none. Raises DamagedError when it is not whole."""
    try:
        raw = np.fromfile(path, np.uint8)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DamagedError(
            Text(f"无法读取（{error}）", f"cannot be read ({error})"),
            where=str(path),
            remedy=Text("请删除", "remove it"),
        ) from error
    body = raw[: max(len(raw) - _DIGEST_BYTES, 0)]
    if hashlib.sha256(body.data).digest() != raw[len(body) :].tobytes() or body[: len(MAGIC)].tobytes() != MAGIC:
        raise DamagedError(
            Text("不完整", "is not whole"),
            where=str(path),
            remedy=Text("请删除，它会重新生成", "remove it, it is made anew"),
        )
    # From here on the bytes are those that `write_checkpoint` wrote.
    at = len(MAGIC) + _LENGTH_BYTES
    head_end = at + int.from_bytes(body[len(MAGIC) : at].tobytes(), "little")
    head: dict[str, Any] = json.loads(body[at:head_end].tobytes())
    columns: dict[str, Column] = {}
    at = head_end
    for name, kind, shape in head["columns"]:
        column = np.empty(shape, kind)
        end = at + column.nbytes
        _bytes_of(column)[:] = body[at:end].data
        columns[name], at = column, end
    return CheckpointFile(head["told"], columns)


def _bytes_of(column: Column) -> memoryview:
    return column.reshape(-1).view(np.uint8).data


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
