"""Node.js and the npm packages that the peers need: installed once, pinned, into a cache outside the repository."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

PEERS = Path(__file__).with_name("peers")
_INSTALL_SECONDS_MAX = 900.0
_NAMES = ("package.json", "package-lock.json")


def node_modules() -> Path | str:
    """Return the folder with the peers' packages, installing them when they are not there; or why there is none."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return f"{'node' if node is None else 'npm'} not found (apt-get install nodejs npm)"
    pinned = b"".join((PEERS / name).read_bytes() for name in _NAMES)
    place = _cache() / hashlib.sha256(pinned + node_version().encode()).hexdigest()[:16]
    modules = place / "node_modules"
    if (place / "complete").exists():
        return modules
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for name in _NAMES:
        shutil.copy(PEERS / name, place / name)
    surroundings = dict(os.environ)
    if Path("/usr/include/node/node.h").exists():  # compiling needs Node's headers; npm would fetch them elsewhere
        surroundings["npm_config_nodedir"] = "/usr"
    command = [npm, "ci", "--omit=optional", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(
            command,
            cwd=place,
            env=surroundings,
            capture_output=True,
            text=True,
            timeout=_INSTALL_SECONDS_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"npm ci took more than {_INSTALL_SECONDS_MAX:.0f} s"
    loads = [node, "-e", "new (require('better-sqlite3'))(':memory:'); require('mqtt')"]
    if done.returncode or subprocess.run(loads, cwd=place, capture_output=True, check=False).returncode:
        return f"npm ci failed: {(done.stderr.strip().splitlines() or ['better-sqlite3 does not load'])[-1]}"
    (place / "complete").touch()
    return modules


def node_version() -> str:
    """Return what node calls itself; empty when there is none."""
    node = shutil.which("node")
    return (
        ""
        if node is None
        else subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    )


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "redvest-bench"
