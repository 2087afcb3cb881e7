"""The gate, tried from outside with plain requests: without a session, with a forged one, from a foreign page."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import time
from collections.abc import Mapping
from urllib.parse import urlencode

import pytest

from service.access.rights import AccountRole
from service.access.sessions import SESSION_COOKIE
from service.container import Container
from service.settings.settings import load_settings
from tests.support.dashboard import PASSWORD, token_of
from tests.support.town import Town
from tests.support.waiting import pause
from web.gate import OPEN, PAGES


class Answer:
    """A response: status, headers in lower case, body."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        """Read it."""
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.cookies = [value for name, value in response.getheaders() if name.lower() == "set-cookie"]
        self.body = response.read()


def ask(
    address: str, path: str, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """Send one request as it stands, and return the answer."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=60)
    try:
        connection.request(method, path, body, dict(headers or {}))
        return Answer(connection.getresponse())
    finally:
        connection.close()


def with_session(token: str) -> dict[str, str]:
    """Return the header of a signed-in browser."""
    return {"Cookie": f"{SESSION_COOKIE}={token}"}


def sign_in(address: str, name: str, password: str, **headers: str) -> Answer:
    """Send the login form."""
    form = urlencode({"name": name, "password": password, "next": "/"}).encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    return ask(address, "/login", "POST", form, {**kind, **{k.replace("_", "-"): v for k, v in headers.items()}})


def handshake(address: str, headers: Mapping[str, str]) -> int:
    """Knock at the live socket; return the status of the answer (101: opened)."""
    key = base64.b64encode(b"0123456789abcdef").decode()
    host, port = address.removeprefix("http://").split(":")
    given = {
        "Host": f"{host}:{port}", "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": key, "Sec-WebSocket-Protocol": "streamlit", **headers,
    }  # fmt: skip
    with socket.create_connection((host, int(port)), 30) as plain:
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        plain.sendall(f"GET /_stcore/stream HTTP/1.1\r\n{lines}\r\n".encode())
        return int(plain.recv(4096).split(b" ", 2)[1])


@pytest.fixture(scope="module")
def duty(town: Town) -> str:
    """Return the token of somebody on duty."""
    return token_of(town.config, "duty", "P4")


@pytest.mark.parametrize("path", sorted(PAGES))
def test_a_page_without_a_session_leads_to_the_login_and_back(address: str, path: str) -> None:
    answer = ask(address, path)
    assert answer.status == 303
    assert answer.headers["location"].startswith("/login?next=")
    assert b"Streamlit" not in answer.body


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/media/0123456789abcdef.png"), ("GET", "/static/js/index.js"), ("GET", "/_stcore/health"),
        ("GET", "/_stcore/host-config"), ("GET", "/component/x/y.html"), ("GET", "/m/list"), ("GET", "/m/app.js"),
        ("PUT", "/m/answers/5d0b8c52-3d3c-4b0f-8a0e-0f6f1f5c0001"), ("GET", "/exports/x.xlsx"), ("POST", "/session"),
        ("POST", "/logout"), ("POST", "/"), ("GET", "/no-such-page"), ("GET", "/login/../wall"), ("GET", "//wall"),
        ("GET", "/_stcore/agent/openapi.json"), ("POST", "/_stcore/agent/interact"), ("GET", "/_stcore/metrics"),
        ("PUT", "/_stcore/upload_file/x/y"), ("GET", "/login%2f..%2fwall"), ("GET", "/me"), ("GET", "/gate.js"),
    ],
)  # fmt: skip
def test_anything_else_without_a_session_is_401(address: str, method: str, path: str) -> None:
    assert ask(address, path, method, b"" if method != "GET" else None).status == 401


def test_the_health_says_one_word_and_nothing_else(address: str) -> None:
    answer = ask(address, "/healthz")
    assert answer.status == 200
    assert list(json.loads(answer.body)) == ["status"]
    assert json.loads(answer.body)["status"] in ("ok", "degraded")


def test_a_socket_without_a_session_is_refused_before_it_is_accepted(address: str, duty: str) -> None:
    assert handshake(address, {}) == 403
    assert handshake(address, with_session("A" * 43)) == 403
    assert handshake(address, with_session(duty)) == 101


def test_a_socket_from_a_foreign_page_or_under_a_foreign_name_is_refused(address: str, duty: str) -> None:
    assert handshake(address, {**with_session(duty), "Origin": address}) == 101
    for origin in ("http://evil.example", "null", f"{address}.evil.example", address.replace("http", "ftp")):
        assert handshake(address, {**with_session(duty), "Origin": origin}) == 403, origin
    assert handshake(address, {**with_session(duty), "Host": "evil.example"}) == 403


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8501", "", "127.0.0.1.evil.example", "user@127.0.0.1"])
def test_a_foreign_host_is_turned_away(address: str, duty: str, host: str) -> None:
    for path in ("/", "/login", "/healthz"):
        assert ask(address, path, headers={**with_session(duty), "Host": host}).status == 421


def test_a_form_from_a_foreign_page_is_refused(address: str, duty: str) -> None:
    for origin in ("http://evil.example", "null"):
        assert sign_in(address, "duty-P4", PASSWORD, Origin=origin).status == 403
        assert ask(address, "/logout", "POST", b"", {**with_session(duty), "Origin": origin}).status == 403
    assert ask(address, "/me", headers=with_session(duty)).status == 200


def test_identity_headers_from_outside_mean_nothing(address: str) -> None:
    for name in ("X-Forwarded-User", "Remote-User", "X-Remote-User", "X-Auth-Request-User", "X-Redvest-Account"):
        assert ask(address, "/me", headers={name: "duty-P4"}).status == 401


def test_the_right_password_opens_a_new_session_whatever_the_browser_had_before(address: str, town: Town) -> None:
    container = Container(load_settings(town.config))
    container.accounts.add("walker", AccountRole.MEMBER, "test", person_id="P2", password=PASSWORD)
    container.close()
    fixed = "B" * 43
    answer = sign_in(address, "walker", PASSWORD, Cookie=f"{SESSION_COOKIE}={fixed}", Origin=address)
    assert answer.status == 303
    cookie = next(each for each in answer.cookies if each.startswith(f"{SESSION_COOKIE}="))
    assert fixed not in cookie
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie
    token = cookie.partition("=")[2].partition(";")[0]
    assert len(base64.urlsafe_b64decode(token + "=")) == 32
    assert ask(address, "/me", headers=with_session(fixed)).status == 401
    assert json.loads(ask(address, "/me", headers=with_session(token)).body)["account"] == "walker"
    database = (town.folder / "data" / "records.sqlite").read_bytes()
    assert token.encode() not in database and PASSWORD.encode() not in database
    assert ask(address, "/logout", "POST", b"", with_session(token)).status == 303
    assert ask(address, "/me", headers=with_session(token)).status == 401


def test_guesses_slow_the_next_ones_down_and_lock_nobody_out(address: str, town: Town) -> None:
    container = Container(load_settings(town.config))
    container.accounts.add("victim", AccountRole.DUTY, "test", password=PASSWORD)
    began = time.monotonic()
    answers = [sign_in(address, "victim", f"wrong {n}") for n in range(8)]
    seconds = time.monotonic() - began
    assert {answer.status for answer in answers} <= {401, 429}
    assert seconds > 3.0, "eight guesses were as quick as one"
    kept = container.records.access.guesses(("account:victim",))
    assert kept["account:victim"].failures >= 6, "a restart would forget them"
    container.close()
    for _ in range(4):
        answer = sign_in(address, "victim", PASSWORD)
        if answer.status == 303:
            return
        pause(float(answer.headers.get("retry-after", "1")))
    pytest.fail("the right password was locked out")


def test_a_name_that_nobody_has_is_answered_like_one_that_somebody_has(address: str, duty: str) -> None:
    def processor_like(name: str) -> tuple[int, bytes, float]:
        began = time.monotonic()
        answer = sign_in(address, name, "wrong")
        return answer.status, answer.body.replace(name.encode(), b""), time.monotonic() - began

    known, unknown = processor_like("duty-P4"), processor_like("no-such-name")
    assert known[:2] == unknown[:2]
    assert unknown[2] > 0.01


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"name=a",
        b"name=a&name=b&password=c",
        b"\xff\xfe",
        b"&".join(b"f%d=1" % n for n in range(99)),
        b"x" * 60_000,
    ],
)
def test_a_malformed_form_is_refused_and_the_next_one_is_taken(address: str, body: bytes) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert ask(address, "/login", "POST", body, kind).status == 400


def test_an_oversized_body_is_refused(address: str, duty: str) -> None:
    path = "/m/answers/5d0b8c52-3d3c-4b0f-8a0e-0f6f1f5c0009"
    assert ask(address, path, "PUT", b"x" * 70_000, with_session(duty)).status == 413
    assert ask(address, "/login", "POST", b"x" * 70_000).status == 413


def test_where_to_go_after_the_login_is_a_path_of_ours(address: str, duty: str) -> None:
    for foreign in ("https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"):
        answer = ask(address, "/login?" + urlencode({"next": foreign}), headers=with_session(duty))
        assert (answer.status, answer.headers["location"]) == (303, "/")


@pytest.mark.parametrize(
    "path", ["/", "/login", "/m/", "/m/list", "/healthz", "/_stcore/health", "/no-such", "/session"]
)
def test_every_answer_carries_the_security_headers(address: str, duty: str, path: str) -> None:
    headers = ask(address, path, headers=with_session(duty)).headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "'unsafe-eval'" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert headers["x-frame-options"] == "DENY"


def test_what_streamlit_offers_to_agents_and_uploads_is_not_there(address: str, duty: str) -> None:
    for path in ("/_stcore/agent/openapi.json", "/_stcore/metrics", "/_stcore/script-health-check", "/auth/login"):
        assert ask(address, path, headers=with_session(duty)).status == 404
    assert ask(address, "/_stcore/upload_file/a/b", "PUT", b"x", with_session(duty)).status == 404


def test_only_the_login_its_style_the_health_and_the_two_exchanges_of_tokens_are_open() -> None:
    assert {"/login", "/login.css", "/healthz", "/enter", "/setup"} == OPEN


def test_a_demo_token_is_worthless_outside_a_demo_and_set_up_once_there_are_accounts(address: str, duty: str) -> None:
    assert ask(address, "/enter?token=AAAA").headers["location"].startswith("/login")
    assert ask(address, "/setup?token=AAAA").headers["location"] == "/login"
