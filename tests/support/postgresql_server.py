"""A PostgreSQL server of the tests' own: Debian's programs, a folder that is thrown away, a free port of loopback."""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path

import pytest

from tests.support.tools import INSTALL_LINE
from tests.support.waiting import pause

_START_SECONDS_MAX = 120.0
_PROGRAMS = "/usr/lib/postgresql"


@cache
def server_url() -> str:
    """Return the URL of this process's server; it is started when first asked for, and ends with the process."""
    folder = Path(tempfile.mkdtemp(prefix="redvest-postgresql-"))
    owner = None
    if os.geteuid() == 0:
        # The server refuses to run as root; Debian's package has made a user for it.
        owner = pwd.getpwnam("postgres").pw_uid
        os.chown(folder, owner, -1)
    data = folder / "data"
    _run(
        [_program("initdb"), "--auth=trust", "--username=redvest", "--encoding=UTF8", "--no-sync", data], folder, owner
    )
    port = _free_port()
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
    command: list[str | Path] = [_program("postgres"), "-D", data, *options.split()]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, user=owner, stdout=log, stderr=log)
    atexit.register(_end, server, folder)
    give_up_at = time.monotonic() + _START_SECONDS_MAX
    while b"ready to accept connections" not in (folder / "log").read_bytes():
        if server.poll() is not None or time.monotonic() > give_up_at:
            raise RuntimeError((folder / "log").read_text(errors="replace"))
        pause(0.05)
    return f"postgresql+psycopg://redvest@127.0.0.1:{port}/postgres"


def _program(name: str) -> Path:
    found = sorted(Path(_PROGRAMS).glob(f"*/bin/{name}"))
    if not found:
        pytest.fail(f"this test needs {name}; install it as root: {INSTALL_LINE}", pytrace=False)
    return found[-1]


def _run(command: list[str | Path], folder: Path, owner: int | None) -> None:
    done = subprocess.run(command, cwd=folder, user=owner, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end(server: subprocess.Popen[bytes], folder: Path) -> None:
    server.terminate()
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
    shutil.rmtree(folder, ignore_errors=True)
