"""Files with personal data: readable by their owner alone, and there whole or not at all.

Where two services with a user each share a data folder, its group owns what both use.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

_OWNER, _OWNER_AND_GROUP = 0o600, 0o660


def private_mode(folder: Path) -> int:
    """Return the rights of a new file in a folder: its group has them too where the folder hands its group on.

    That is `chmod g+ws`: an administrator's word that the group shares the folder. A folder that is not there: 0600.
    """
    mode = folder.stat().st_mode if folder.is_dir() else 0
    return _OWNER_AND_GROUP if mode & stat.S_ISGID and mode & stat.S_IWGRP else _OWNER


def write_owner_file(path: Path, content: bytes) -> None:
    """Put a file in place in one step. Raises OSError."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
