"""Files with personal data: readable by their owner alone, and there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


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
