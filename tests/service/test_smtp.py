"""Mail, against a server on loopback that takes it, refuses it, or hangs."""

from __future__ import annotations

import socketserver
import ssl
import threading
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from grid.errors import SettingsError
from grid.text import Language, Text
from service.notify.channels.notice import NotDelivered, Notice
from service.notify.channels.smtp import MailServer, SmtpNotifier
from tests.support.certificates import Authority

NOTICE = Notice(
    number=42,
    kind="incident_opened",
    station_id="ST01",
    incident_id="YX06-1",
    text=Text("【严重重载】YX06\r\nBcc: evil@example.org\n负载率 95.33%", ""),
    link="http://desk.example/?incident=YX06-1",
    created_at_us=1_627_094_520_000_000,
)


class MailHost:
    """Speaks as much SMTP as a client needs; `answers` replaces what it says to a command."""

    def __init__(self) -> None:
        """Listen on any free loopback port."""
        self.answers: dict[str, str] = {}
        self.mails: list[bytes] = []
        self.logins: list[str] = []
        self.tls: ssl.SSLContext | None = None
        self._ending = threading.Event()
        self._server = Server(("127.0.0.1", 0), Conversation)
        self._server.owner = self
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        """Stop listening."""
        self._ending.set()
        self._server.shutdown()
        self._server.server_close()


class Conversation(socketserver.StreamRequestHandler):
    """One client's."""

    @property
    def host(self) -> MailHost:
        """Return whose it is."""
        owner: MailHost = self.server.owner  # type: ignore[attr-defined]
        return owner

    def handle(self) -> None:
        self.say("220 mail.example ESMTP")
        while line := self.rfile.readline():
            command = line.decode().strip()
            word = command.split(" ")[0].upper()
            if word == "HANG" or self.host.answers.get(word) == "hang":
                self.host._ending.wait(60.0)
                return
            if word in self.host.answers:
                self.say(self.host.answers[word])
                continue
            if not self.answer(word, command):
                return

    def answer(self, word: str, command: str) -> bool:
        match word:
            case "EHLO":
                self.say("250-mail.example\r\n250-AUTH PLAIN" + ("\r\n250 STARTTLS" if self.host.tls else "\r\n250 OK"))
            case "STARTTLS" if self.host.tls:
                self.say("220 go ahead")
                self.request = self.host.tls.wrap_socket(self.request, server_side=True)
                self.rfile = self.request.makefile("rb")
                self.wfile = self.request.makefile("wb")
            case "AUTH":
                self.host.logins.append(command)
                self.say("235 welcome")
            case "DATA":
                self.say("354 go on")
                body = b""
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    body += line
                self.host.mails.append(body)
                self.say(self.host.answers.get("END", "250 taken"))
            case "QUIT":
                self.say("221 bye")
                return False
            case _:
                self.say("250 OK")
        return True

    def say(self, words: str) -> None:
        self.wfile.write(words.encode() + b"\r\n")
        self.wfile.flush()


class Server(socketserver.ThreadingTCPServer):
    """Talks to several clients at once."""

    owner: MailHost
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what some tests want."""


@pytest.fixture
def host() -> Iterator[MailHost]:
    made = MailHost()
    yield made
    made.stop()


def notifier(host: MailHost, *, security: str = "none", username: str = "", ca: Path | None = None) -> SmtpNotifier:
    server = MailServer("127.0.0.1", host.port, security, username, "hunter2", 1.0, ca)
    return SmtpNotifier(server, "redvest@example.org", ("desk@example.org", "head@example.org"), Language.ZH)


def test_a_mail_has_number_link_and_an_id_that_stays_the_same(host: MailHost) -> None:
    notifier(host).send(NOTICE)
    notifier(host).send(NOTICE)
    first, second = (message_from_bytes(mail, policy=policy.default) for mail in host.mails)
    assert first["To"] == "desk@example.org, head@example.org"
    assert "严重重载" in first["Subject"] and first["Bcc"] is None, "no header comes from the words"
    assert first["Message-ID"] == second["Message-ID"]
    assert first["Date"] == second["Date"]
    text = first.get_content()
    assert "负载率 95.33%" in text and "#42 http://desk.example/?incident=YX06-1" in text


@pytest.mark.parametrize(
    ("command", "answer", "reason"),
    [
        ("MAIL", "550 sender unknown", "550"),
        ("RCPT", "550 no such user", "no recipient"),
        ("DATA", "451 try later", "451"),
        ("END", "554 spam", "554"),
        ("EHLO", "hang", "no answer within 1 s"),
        ("DATA", "hang", "no answer within 1 s"),
    ],
)
def test_what_a_mail_server_refuses_is_not_delivered(host: MailHost, command: str, answer: str, reason: str) -> None:
    host.answers[command] = answer
    with pytest.raises(NotDelivered, match=reason):
        notifier(host).send(NOTICE)


def test_a_login_goes_over_tls_only_to_a_server_that_is_vouched_for(host: MailHost, tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    signed = authority.signs("mail")
    host.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    host.tls.load_cert_chain(signed.certificate, signed.key)
    with pytest.raises(NotDelivered, match=r"(?i)certificate"):
        notifier(host, security="starttls", username="redvest").send(NOTICE)
    assert host.logins == []
    notifier(host, security="starttls", username="redvest", ca=authority.certificate).send(NOTICE)
    assert len(host.logins) == len(host.mails) == 1


def test_a_server_without_tls_gets_no_password(host: MailHost) -> None:
    with pytest.raises(NotDelivered, match="STARTTLS"):
        notifier(host, security="starttls", username="redvest").send(NOTICE)
    assert host.logins == []


@pytest.mark.parametrize("address", ["desk", "a@b\nBcc: x@y", "a b@c", "<a@b>", "a@b,c@d"])
def test_an_address_that_is_none_is_refused_at_once(address: str) -> None:
    with pytest.raises(SettingsError, match="mail address"):
        SmtpNotifier(MailServer("h", 25, "none", "", "", 1.0), "redvest@example.org", (address,), Language.ZH)
