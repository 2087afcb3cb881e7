"""Ways for a message to reach people: the terminal, a file of JSON lines, a webhook. No message holds personal data.

A sender either delivers or raises `NotDelivered` with the reason; it never reports success on a doubt.
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TextIO
from urllib.parse import SplitResult, urlsplit

from grid.errors import SettingsError
from grid.text import Language, Text
from grid.timestamps import format_utc
from service.plain_text import one_line
from service.settings.sections import ChannelName
from service.settings.settings import Settings

_ANSWER_BYTES_MAX = 64 * 1024
_WAIT_SECONDS_MAX = 3600.0
_GOOD_CODES = ("", "0", "200", "ok", "success")


@dataclass(frozen=True)
class Notice:
    """A message as its receivers see it. `number` stays the same however often it is sent."""

    number: int
    kind: str
    station_id: str
    incident_id: str | None
    text: Text
    link: str
    created_at_us: int


class NotDelivered(Exception):
    """Why a message did not reach its receiver, and how long [s] the receiver asks us to wait, if it does."""

    def __init__(self, reason: str, wait_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait_seconds = wait_seconds


class Notifier(Protocol):
    """One way for messages to go."""

    def send(self, notice: Notice) -> None:
        """Deliver the message. Raises NotDelivered."""
        ...


class TerminalNotifier:
    """Writes each message as one line on a terminal."""

    def __init__(self, stream: TextIO, language: Language) -> None:
        """Write to `stream`, in one language."""
        self._stream = stream
        self._language = language

    def send(self, notice: Notice) -> None:
        """Write one line: time, number, what."""
        words = one_line(notice.text.to(self._language))
        try:
            self._stream.write(
                f"{format_utc(notice.created_at_us)} #{notice.number} {words} {notice.link}\n".rstrip(" ")
            )
            self._stream.flush()
        except (OSError, ValueError) as error:
            raise NotDelivered(f"the terminal does not take it: {error}") from error


class FileNotifier:
    """Appends each message as a JSON line to a file that only its owner reads."""

    def __init__(self, path: Path, language: Language) -> None:
        """Append to `path`, made when it is not there."""
        self._path = path
        self._language = language

    def send(self, notice: Notice) -> None:
        """Append one line."""
        line = json.dumps(notice_json(notice, self._language), ensure_ascii=False) + "\n"
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                written = os.write(file, line.encode())
            finally:
                os.close(file)
        except OSError as error:
            raise NotDelivered(f"{self._path.name} cannot be written: {error.strerror or error}") from error
        if written != len(line.encode()):
            raise NotDelivered(f"{self._path.name} took only a part of the line: is the disk full?")


class WebhookNotifier:
    """Posts each message as JSON to an address. Redirects are not followed; a code in the answer is read."""

    def __init__(self, url: str, language: Language, timeout_seconds: float, tls_ca_file: Path | None = None) -> None:
        """Post to `url`, http or https; an answer that takes longer than the timeout in all is a failure."""
        self._url = urlsplit(url)
        self._language = language
        self._timeout_seconds = timeout_seconds
        self._tls = _tls_context(tls_ca_file) if self._url.scheme == "https" else None

    def send(self, notice: Notice) -> None:
        """Post the message and judge the answer."""
        body = json.dumps(notice_json(notice, self._language), ensure_ascii=False).encode()
        connection = _connection(self._url, self._timeout_seconds, self._tls)
        late = threading.Event()
        hang_up = threading.Timer(self._timeout_seconds, _hang_up, [connection, late])
        hang_up.start()
        try:
            headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "redvest"}
            connection.request("POST", _target(self._url), body, headers)
            response = connection.getresponse()
            answer = response.read(_ANSWER_BYTES_MAX)
        except (OSError, http.client.HTTPException, AttributeError) as error:
            if late.is_set() or isinstance(error, TimeoutError):
                raise self._too_late() from error
            raise NotDelivered(one_line(f"{type(error).__name__}: {error}")) from error
        finally:
            hang_up.cancel()
            connection.close()
        if late.is_set():
            raise self._too_late()
        if response.length and len(answer) < _ANSWER_BYTES_MAX:
            raise NotDelivered(f"HTTP {response.status}, but the answer was cut off")
        _judge(response.status, response.headers.get("Retry-After", ""), answer)

    def _too_late(self) -> NotDelivered:
        return NotDelivered(f"no answer within {self._timeout_seconds:g} s")


def notice_json(notice: Notice, language: Language) -> dict[str, Any]:
    """Return what machines are sent: number, kind, ids, text, link and time."""
    return {
        "number": notice.number,
        "kind": notice.kind,
        "station_id": notice.station_id,
        "incident_id": notice.incident_id,
        "text": one_line(notice.text.to(language)),
        "link": notice.link,
        "created_at": format_utc(notice.created_at_us),
    }


def make_notifiers(settings: Settings, terminal: TextIO) -> Mapping[str, Notifier]:
    """Return the senders of the channels that the settings name. Raises SettingsError."""
    language, webhook = settings.language, settings.notify.webhook
    makers: Mapping[ChannelName, Callable[[], Notifier]] = {
        ChannelName.TERMINAL: lambda: TerminalNotifier(terminal, language),
        ChannelName.FILE: lambda: FileNotifier(settings.notifications_file, language),
        ChannelName.WEBHOOK: lambda: WebhookNotifier(
            settings.webhook_url(), language, webhook.timeout_seconds, webhook.tls_ca_file
        ),
    }
    return {channel.value: makers[channel]() for channel in settings.notify.channels}


def _tls_context(tls_ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=tls_ca_file)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            Text(f"{tls_ca_file} 不是证书文件（{error}）", f"{tls_ca_file} is no certificate file ({error})"),
            where="notify.webhook.tls_ca_file",
            remedy=Text(
                "请指定 PEM 文件；使用公共机构时留空", "name a PEM file, or leave it empty for the public authorities"
            ),
        ) from error


def _connection(url: SplitResult, timeout_seconds: float, tls: ssl.SSLContext | None) -> http.client.HTTPConnection:
    host = url.hostname or ""
    if tls is not None:
        return http.client.HTTPSConnection(host, url.port, timeout=timeout_seconds, context=tls)
    return http.client.HTTPConnection(host, url.port, timeout=timeout_seconds)


def _target(url: SplitResult) -> str:
    return (url.path or "/") + (f"?{url.query}" if url.query else "")


def _hang_up(connection: http.client.HTTPConnection, late: threading.Event) -> None:
    """End an exchange that drips on: the timeout of a socket starts anew with every byte."""
    late.set()
    with suppress(OSError):
        if connection.sock is not None:
            connection.sock.shutdown(2)


def _judge(status: int, retry_after: str, answer: bytes) -> None:
    wait = min(float(retry_after), _WAIT_SECONDS_MAX) if retry_after.isascii() and retry_after.isdigit() else None
    if 300 <= status < 400:
        raise NotDelivered(f"HTTP {status}: the address redirects, which is not followed", wait)
    if not 200 <= status < 300:
        raise NotDelivered(f"HTTP {status}", wait)
    try:
        told = json.loads(answer)
    except (ValueError, RecursionError):
        return
    if isinstance(told, dict):
        for name in ("errcode", "code"):
            if name in told and str(told[name]).lower() not in _GOOD_CODES:
                words = next((str(told[key]) for key in ("errmsg", "msg", "message") if key in told), "")
                raise NotDelivered(one_line(f"HTTP {status}, but {name} {told[name]} {words}")[:200], wait)
