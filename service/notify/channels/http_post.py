"""One POST with an end: a deadline for the whole exchange, no redirects, no proxies, TLS checked."""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from grid.errors import SettingsError
from grid.text import Text
from service.notify.channels.notice import NotDelivered
from service.plain_text import one_line

_ANSWER_BYTES_MAX = 64 * 1024
JSON_HEADERS = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "redvest"}


@dataclass(frozen=True)
class Answer:
    """What a receiver said."""

    status: int
    retry_after: str
    content_type: str
    body: bytes


class HttpPost:
    """Posts to one server. A reason never holds the address: its path or query may be a secret."""

    def __init__(self, timeout_seconds: float, tls_ca_file: Path | None = None, key: str = "tls_ca_file") -> None:
        """Give up an exchange after the timeout in all. Raises SettingsError, naming `key`, for a bad certificate."""
        self._timeout_seconds = timeout_seconds
        self._tls = tls_context(tls_ca_file, key)

    def send(self, address: str, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """Return the answer, whatever it says. Raises NotDelivered where there is none, or half of one."""
        url = urlsplit(address)
        connection = self._connection(url)
        late = threading.Event()
        hang_up = threading.Timer(self._timeout_seconds, _hang_up, [connection, late])
        hang_up.daemon = True
        hang_up.start()
        try:
            connection.request("POST", _target(url), body, {**JSON_HEADERS, **(headers or {})})
            response = connection.getresponse()
            answer = response.read(_ANSWER_BYTES_MAX)
        except (OSError, http.client.HTTPException, AttributeError, ValueError) as error:
            if late.is_set() or isinstance(error, TimeoutError):
                raise self._too_late() from error
            raise NotDelivered(one_line(f"{type(error).__name__}: {_without_address(error)}")) from error
        finally:
            hang_up.cancel()
            connection.close()
        if late.is_set():
            raise self._too_late()
        if response.length and len(answer) < _ANSWER_BYTES_MAX:
            raise NotDelivered(f"HTTP {response.status}, but the answer was cut off")
        headers_of = response.headers
        return Answer(response.status, headers_of.get("Retry-After", ""), headers_of.get("Content-Type", ""), answer)

    def _connection(self, url: SplitResult) -> http.client.HTTPConnection:
        host = url.hostname or ""
        if url.scheme == "https":
            return http.client.HTTPSConnection(host, url.port, timeout=self._timeout_seconds, context=self._tls)
        return http.client.HTTPConnection(host, url.port, timeout=self._timeout_seconds)

    def _too_late(self) -> NotDelivered:
        return NotDelivered(f"no answer within {self._timeout_seconds:g} s")


def tls_context(tls_ca_file: Path | None, key: str) -> ssl.SSLContext:
    """Return the rules of TLS: certificates are checked. Raises SettingsError, naming `key`, for a bad file."""
    try:
        return ssl.create_default_context(cafile=tls_ca_file)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            Text(f"{tls_ca_file} 不是证书文件（{error}）", f"{tls_ca_file} is no certificate file ({error})"),
            where=key,
            remedy=Text(
                "请指定 PEM 文件；使用公共机构时留空", "name a PEM file, or leave it empty for the public authorities"
            ),
        ) from error


def _target(url: SplitResult) -> str:
    return (url.path or "/") + (f"?{url.query}" if url.query else "")


def _without_address(error: Exception) -> str:
    """Return an error's words; those of `http.client` about an unusable address repeat it."""
    is_about_it = isinstance(error, ValueError | http.client.InvalidURL) and not isinstance(error, OSError)
    return "the address cannot be used" if is_about_it else str(error)


def _hang_up(connection: http.client.HTTPConnection, late: threading.Event) -> None:
    """End an exchange that drips on: the timeout of a socket starts anew with every byte."""
    late.set()
    with suppress(OSError):
        if connection.sock is not None:
            connection.sock.shutdown(2)
