"""The heads of the audit record, noted outside the database and signed: what shows rows cut off at its end.

Whoever can write the database can seal its chain anew, or cut off its last rows, and the chain still looks whole. So
after each row its number and hash go into a file of their own, with a code by a key that the database does not hold.
"""

from __future__ import annotations

import hmac
import json
import logging
import os
import secrets
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from stores.owner_file import write_owner_file

ANCHORS_FILE = "audit-anchors.jsonl"
KEY_FILE = "audit.key"
_KEY_BYTES = 32
_FILE_BYTES_MAX = 4 * 1024 * 1024
_log = logging.getLogger("redvest.records")


@dataclass(frozen=True)
class Head:
    """The last row of the audit record at some moment."""

    no: int
    hash: str


class AuditAnchors:
    """Notes heads and reads them back. Several processes may note at once: each head is a line of its own."""

    def __init__(self, folder: Path, key_file: Path | None = None) -> None:
        """Keep the anchors in a folder, signed by a key that is made where there is none."""
        self._file = folder / ANCHORS_FILE
        self._key_file = key_file or folder / KEY_FILE

    def note(self, head: Head) -> None:
        """Note a head. A file that cannot be written is said in the log: the row itself is recorded already."""
        try:
            line = self._line(head)
            if self._file.exists() and self._file.stat().st_size > _FILE_BYTES_MAX:
                write_owner_file(self._file, line)
                return
            descriptor = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(descriptor, line)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            _log.warning("the head of the audit record was not noted: %s", error)

    def heads(self) -> tuple[tuple[Head, ...], int]:
        """Return the noted heads in order of their numbers, and how many lines are none of ours."""
        if not self._file.exists():
            return (), 0
        found, foreign = [], 0
        for line in self._file.read_bytes().splitlines(keepends=True):
            try:
                said = json.loads(line)
                head = Head(int(said["no"]), str(said["hash"]))
                is_ours = hmac.compare_digest(str(said["code"]), self._code(head))
            except (ValueError, KeyError, TypeError):
                is_ours = False
            if is_ours:
                found.append(head)
            else:
                foreign += 1
        return tuple(sorted(found, key=lambda head: head.no)), foreign

    @property
    def ever_noted(self) -> bool:
        """Return whether heads were noted at some time: their key is there."""
        return self._key_file.exists()

    def _line(self, head: Head) -> bytes:
        return (json.dumps({"no": head.no, "hash": head.hash, "code": self._code(head)}) + "\n").encode()

    def _code(self, head: Head) -> str:
        return hmac.new(self._key(), f"{head.no} {head.hash}".encode(), sha256).hexdigest()

    def _key(self) -> bytes:
        try:
            descriptor = os.open(self._key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return self._key_file.read_bytes()
        with os.fdopen(descriptor, "wb") as made:
            made.write(secrets.token_bytes(_KEY_BYTES))
            made.flush()
            os.fsync(made.fileno())
        return self._key_file.read_bytes()
