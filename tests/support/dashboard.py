"""The dashboard as a process, and sign-ins to it, for tests that look at it from outside.

with dashboard_of(town.config, port) as address:
cookie = cookie_of(town.config, "duty", "P4")     # for playwright's add_cookies
token = token_of(town.config, "member", "P2")     # for a Cookie header: f"{SESSION_COOKIE}={token}"
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError

from grid.errors import UsageError
from service.access.rights import AccountRole
from service.access.sessions import SESSION_COOKIE, Visitor
from service.container import Container
from service.settings.settings import CONFIG_VARIABLE, load_settings
from tests.support.waiting import pause

PASSWORD = "nine lives of a heron"
"""Of every account that a test gives a password."""


@contextmanager
def dashboard_of(
    config: Path, port: int, *, environment: Mapping[str, str] | None = None, scheme: str = "http"
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run a dashboard as `redvest dashboard` does; give its address and its process."""
    log = config.parent / f"dashboard-{port}.log"
    values = {**os.environ, CONFIG_VARIABLE: str(config), "REDVEST_DASHBOARD__PORT": str(port), **(environment or {})}
    with log.open("wb") as output:
        command = [sys.executable, "-m", "web.serve"]
        server = subprocess.Popen(command, env=values, stdout=output, stderr=subprocess.STDOUT)
        try:
            if scheme == "http":
                wait_for_health(port, log, server)
            yield f"{scheme}://127.0.0.1:{port}", server
        finally:
            server.send_signal(signal.SIGCONT)
            server.terminate()
            try:
                server.wait(30)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def wait_for_health(port: int, log: Path, server: subprocess.Popen[bytes]) -> None:
    """Wait until a dashboard answers."""
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1) as answer:
                if answer.status == 200:
                    return
        except (URLError, OSError):
            pause(0.2)
        if server.poll() is not None:
            break
    raise RuntimeError(f"the dashboard did not start: {log.read_text(encoding='utf-8')[-2000:]}")


def add_account(
    container: Container, role: str, person: str = "", *, name: str = "", stations: tuple[str, ...] = ()
) -> str:
    """Add an account without a password, unless it is there; return its name."""
    name = name or f"{role}-{person or 'nobody'}"
    try:
        container.accounts.add(name, AccountRole(role), "test", person_id=person, stations=stations)
    except UsageError:
        container.accounts.find(name)
    return name


def token_of(config: Path, role: str, person: str = "", *, name: str = "", stations: tuple[str, ...] = ()) -> str:
    """Return the token of a new session of an account, which is made where it is missing."""
    container = Container(load_settings(config))
    try:
        account = add_account(container, role, person, name=name, stations=stations)
        entered = container.sessions.enter(
            container.accounts.demo_token(account), Visitor("127.0.0.1", "test"), is_demo=True
        )
        assert entered is not None
        return entered
    finally:
        container.close()


def cookie_of(config: Path, role: str, person: str = "", **more: Any) -> dict[str, Any]:
    """Return a new session as a cookie for playwright."""
    token = token_of(config, role, person, **more)
    return {"name": SESSION_COOKIE, "value": token, "domain": "127.0.0.1", "path": "/"}
