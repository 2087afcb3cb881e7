"""How much memory this process holds."""

from __future__ import annotations

import resource
from pathlib import Path


def resident_mb() -> float:
    """Return the resident memory of this process [MB]."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * resource.getpagesize() / 1e6
