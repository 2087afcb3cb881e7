"""Notifiers: a message is delivered, or it is not delivered with a reason; never success on a doubt."""

from __future__ import annotations

import io
import json
import socket
import ssl
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from grid.errors import SettingsError
from grid.text import Language, Text
from grid.timestamps import parse_timestamp_us
from service.notify.channels.local import FileNotifier, TerminalNotifier
from service.notify.channels.make import make_notifiers
from service.notify.channels.notice import NotDelivered, Notice
from service.notify.channels.webhook import WebhookNotifier
from service.notify.dispatcher import RetryPolicy
from service.settings.settings import Settings
from tests.support.tools import tool
from tests.support.webhook_receiver import HANGS_SECONDS, Receiver

NOTICE = Notice(
    number=42,
    kind="incident_opened",
    station_id="ST01",
    incident_id="YX06-20210724T0242Z-80d10d",
    text=Text("YX06 严重重载，负载率 95.33 %", "YX06 at severe heavy load, 95.33 %"),
    link="http://127.0.0.1:8501/?incident=YX06-20210724T0242Z-80d10d",
    created_at_us=parse_timestamp_us("2021-07-24T02:42:00Z"),
)
AS_JSON = {
    "number": 42,
    "kind": "incident_opened",
    "station_id": "ST01",
    "incident_id": "YX06-20210724T0242Z-80d10d",
    "text": "YX06 at severe heavy load, 95.33 %",
    "link": "http://127.0.0.1:8501/?incident=YX06-20210724T0242Z-80d10d",
    "created_at": "2021-07-24T02:42:00Z",
    "mentions": [],
}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.stop()


def webhook(url: str, timeout_seconds: float = 5.0) -> WebhookNotifier:
    return WebhookNotifier(url, Language.EN, timeout_seconds)


def answer(words: str) -> str:
    return f"/answer?{words.encode().hex()}"


def test_a_webhook_gets_number_kind_text_and_link(receiver: Receiver) -> None:
    webhook(f"{receiver.url}/ok").send(NOTICE)
    assert receiver.bodies == [AS_JSON]


@pytest.mark.parametrize(
    "good",
    [
        "/ok",
        "/status/204",
        answer("ok"),
        answer('{"errcode": 0, "errmsg": "ok"}'),
        answer('{"code": "0"}'),
        answer('{"code": 200, "msg": "success"}'),
        answer("[" * 5000),
    ],
)
def test_what_is_delivered(good: str, receiver: Receiver) -> None:
    webhook(receiver.url + good).send(NOTICE)
    assert len(receiver.bodies) == 1


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("/status/500", "HTTP 500"),
        ("/status/404", "HTTP 404"),
        ("/status/429", "HTTP 429"),
        (answer('{"errcode": 93000, "errmsg": "invalid webhook"}'), "errcode 93000 invalid webhook"),
        (answer('{"code": 19024, "msg": "Key Words Not Found"}'), "code 19024 Key Words Not Found"),
        (answer('{"code": "InvalidKey"}'), "code InvalidKey"),
        ("/redirect", "not followed"),
        ("/cut", "RemoteDisconnected"),
        ("/short", "cut off"),
    ],
)
def test_what_is_not_delivered(bad: str, reason: str, receiver: Receiver) -> None:
    with pytest.raises(NotDelivered, match=reason):
        webhook(receiver.url + bad).send(NOTICE)
    assert receiver.paths == [bad.partition("?")[0]], "sent once, and nowhere else"


def test_the_receiver_may_ask_us_to_wait(receiver: Receiver) -> None:
    with pytest.raises(NotDelivered) as raised:
        webhook(f"{receiver.url}/status/429").send(NOTICE)
    assert raised.value.wait_seconds == 7.0


@pytest.mark.parametrize("path", ["/hang", "/drip"])
def test_an_answer_that_does_not_end_is_given_up(path: str, receiver: Receiver) -> None:
    began = time.monotonic()
    with pytest.raises(NotDelivered, match="no answer within"):
        webhook(receiver.url + path, timeout_seconds=0.4).send(NOTICE)
    assert time.monotonic() - began < HANGS_SECONDS / 2.0


def test_a_refused_connection_is_a_reason() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
        with pytest.raises(NotDelivered, match="refused"):
            webhook(url).send(NOTICE)


def test_a_certificate_that_nobody_vouches_for_is_a_reason(tmp_path: Path) -> None:
    with TlsListener(tmp_path) as port, pytest.raises(NotDelivered, match=r"(?i)certificate"):
        webhook(f"https://localhost:{port}/").send(NOTICE)


def test_no_secret_of_the_address_is_in_the_reason(receiver: Receiver) -> None:
    with pytest.raises(NotDelivered) as raised:
        webhook(f"{receiver.url}/status/500?key=hunter2").send(NOTICE)
    assert "hunter2" not in raised.value.reason


def test_the_terminal_gets_one_line_that_cannot_be_forged() -> None:
    stream = io.StringIO()
    words = Text("a\r\nb\x1b[2Jc\u202ed", "")
    TerminalNotifier(stream, Language.ZH).send(Notice(7, "k", "ST01", None, words, "http://x", NOTICE.created_at_us))
    assert stream.getvalue() == "2021-07-24T02:42:00Z #7 a  b[2Jcd http://x\n"


def test_a_terminal_that_is_gone_is_a_reason() -> None:
    stream = io.StringIO()
    stream.close()
    with pytest.raises(NotDelivered, match="terminal"):
        TerminalNotifier(stream, Language.ZH).send(NOTICE)


def test_the_file_gets_json_lines_that_only_its_owner_reads(tmp_path: Path) -> None:
    path = tmp_path / "new" / "notifications.jsonl"
    notifier = FileNotifier(path, Language.EN)
    notifier.send(NOTICE)
    notifier.send(NOTICE)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [AS_JSON, AS_JSON]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_cannot_be_written_is_a_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotDelivered, match="cannot be written"):
        FileNotifier(tmp_path / "file" / "below", Language.EN).send(NOTICE)


def test_the_settings_name_the_channels(tmp_path: Path, receiver: Receiver) -> None:
    (tmp_path / "url").write_text(f"{receiver.url}/ok\n")
    settings = Settings.model_validate(
        {
            "language": "en",
            "data": {"folder": tmp_path},
            "notify": {"channels": ["webhook", "file"], "webhook": {"url_file": tmp_path / "url"}},
        }
    )
    notifiers = make_notifiers(settings, io.StringIO())
    assert list(notifiers) == ["webhook", "file"]
    for notifier in notifiers.values():
        notifier.send(NOTICE)
    assert receiver.bodies == [AS_JSON]
    assert json.loads((tmp_path / "notifications.jsonl").read_text(encoding="utf-8")) == AS_JSON


def test_a_certificate_file_that_is_none_is_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(SettingsError, match=r"notify\.webhook\.tls_ca_file.*no certificate file"):
        WebhookNotifier("https://localhost/", Language.EN, 1.0, tmp_path / "ca.pem")


def test_waits_double_up_to_the_longest_and_heed_the_receiver() -> None:
    policy = RetryPolicy(attempts_max=12, seconds_first=5.0, seconds_max=60.0)
    assert [policy.wait_seconds(n) for n in (1, 2, 3, 4, 5, 1000)] == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]
    assert policy.wait_seconds(1, 30.0) == 30.0
    assert policy.wait_seconds(5, 30.0) == 60.0


class TlsListener:
    """A TLS listener with a certificate of its own making."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> int:
        key, certificate = self._folder / "key.pem", self._folder / "certificate.pem"
        options = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost", "-batch"]
        files = ["-keyout", str(key), "-out", str(certificate)]
        subprocess.run([str(tool("openssl")), *options, *files], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, args=[context], daemon=True)
        self._thread.start()
        return int(self._listener.getsockname()[1])

    def _serve(self, context: ssl.SSLContext) -> None:
        connection, _ = self._listener.accept()
        try:
            context.wrap_socket(connection, server_side=True).close()
        except OSError:
            connection.close()

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self._thread.join(5)
