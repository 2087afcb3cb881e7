"""Outside programs that the tests drive. One that is missing makes a test fail with the line that installs it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

INSTALL_LINE = (
    "apt-get update && apt-get install -y --no-install-recommends "
    "mosquitto chromium fonts-noto-cjk victoria-metrics strace poppler-utils systemd postgresql nginx-light"
)
"""What `make test` installs, as one line for root."""

_SYSTEM_FOLDERS = (Path("/usr/sbin"), Path("/usr/local/sbin"))


def tool(*names: str) -> Path:
    """Return the first program of that name on the path or in a system folder; fail the test when there is none."""
    for name in names:
        found = shutil.which(name)
        if found:
            return Path(found)
        for folder in _SYSTEM_FOLDERS:
            if os.access(folder / name, os.X_OK):
                return folder / name
    pytest.fail(f"this test needs {names[0]}; install it as root: {INSTALL_LINE}", pytrace=False)
