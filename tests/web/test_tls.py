"""The dashboard over https: by itself, and behind the nginx of deploy/."""

from __future__ import annotations

import http.client
import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlencode

import pytest

from service.access.rights import AccountRole
from service.container import Container
from service.settings.settings import load_settings
from tests.support.dashboard import PASSWORD, dashboard_of
from tests.support.tools import tool
from tests.support.town import Town
from tests.support.waiting import pause

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a certificate of localhost and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    files = folder / "dashboard.crt", folder / "dashboard.key"
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    command = [tool("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    out = ["-out", str(files[0]), "-keyout", str(files[1])]
    subprocess.run([*map(str, command), "-addext", names, *out], check=True, capture_output=True)
    return files


@pytest.fixture(scope="module", autouse=True)
def account(town: Town) -> None:
    """Let somebody on duty have a password."""
    container = Container(load_settings(town.config))
    container.accounts.add("desk", AccountRole.DUTY, "test", person_id="P4", password=PASSWORD)
    container.close()


@pytest.fixture(params=["by itself", "behind nginx"])
def port(
    request: pytest.FixtureRequest,
    town: Town,
    free_port: Callable[[], int],
    certificate: tuple[Path, Path],
    tmp_path: Path,
) -> Iterator[int]:
    """Return the port of a dashboard over https."""
    own, outside = free_port(), free_port()
    if request.param == "by itself":
        tls = {
            "REDVEST_DASHBOARD__TLS_CERTIFICATE_FILE": str(certificate[0]),
            "REDVEST_DASHBOARD__TLS_KEY_FILE": str(certificate[1]),
        }
        with dashboard_of(town.config, own, environment=tls, scheme="https"):
            yield own
        return
    values = {
        "REDVEST_DASHBOARD__PUBLIC_URL": f"https://localhost:{outside}",
        "REDVEST_DASHBOARD__PROXY_ADDRESSES": "127.0.0.1",
    }
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    for site, here in (
        ("listen 443", f"listen 127.0.0.1:{outside}"),
        ("redvest.example", "localhost"),
        ("127.0.0.1:8501", f"127.0.0.1:{own}"),
        ("/etc/redvest/", f"{certificate[0].parent}/"),
    ):
        text = text.replace(site, here)
    folders = "".join(
        f"{name}_temp_path {tmp_path};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{\naccess_log off;\n{folders}{text}}}\n"
    (tmp_path / "nginx.conf").write_text(whole, encoding="utf-8")
    with dashboard_of(town.config, own, environment=values):
        command = [
            str(tool("nginx")),
            "-c",
            str(tmp_path / "nginx.conf"),
            "-e",
            str(tmp_path / "error.log"),
            "-g",
            "daemon off;",
        ]
        proxy = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield outside
        finally:
            proxy.terminate()
            proxy.wait(30)


def ask(
    port: int, certificate: Path, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, list[tuple[str, str]]]:
    """Send one request over https; return status and headers of the answer."""
    context = ssl.create_default_context(cafile=certificate)
    for _ in range(300):
        connection = http.client.HTTPSConnection("localhost", port, timeout=30, context=context)
        try:
            connection.request("POST" if body is not None else "GET", path, body, dict(headers or {}))
            answer = connection.getresponse()
            if answer.status != 502:
                return answer.status, answer.getheaders()
        except (TimeoutError, ConnectionError):
            pass
        finally:
            connection.close()
        pause(0.2)
    pytest.fail("nothing answers over https")


def test_over_https_cookies_are_bound_to_the_host_and_live_pages_work(
    port: int, certificate: tuple[Path, Path]
) -> None:
    status, headers = ask(port, certificate[0], "/login")
    assert status == 200
    assert any(name.lower() == "strict-transport-security" for name, _ in headers)
    form = urlencode({"name": "desk", "password": PASSWORD}).encode()
    origin, kind = f"https://localhost:{port}", "application/x-www-form-urlencoded"
    status, headers = ask(port, certificate[0], "/login", form, {"Content-Type": kind, "Origin": origin})
    assert status == 303
    cookie = next(v for n, v in headers if n.lower() == "set-cookie" and v.startswith("__Host-redvest_session="))
    assert "Secure" in cookie and "Path=/" in cookie
    token = cookie.partition(";")[0]
    assert ask(port, certificate[0], "/me", headers={"Cookie": token})[0] == 200
    assert ask(port, certificate[0], "/me", headers={"Cookie": token.removeprefix("__Host-")})[0] == 401
    upgrade = {
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Origin": origin,
        "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==", "Sec-WebSocket-Protocol": "streamlit",
    }  # fmt: skip
    assert ask(port, certificate[0], "/_stcore/stream", headers={**upgrade, "Cookie": token})[0] == 101
    assert ask(port, certificate[0], "/_stcore/stream", headers=upgrade)[0] == 403
