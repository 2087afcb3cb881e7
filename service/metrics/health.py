"""The collector's health page: /healthz for people and watchdogs, /metrics for Prometheus. Loopback by default."""

from __future__ import annotations

import errno
import http.client
import json
import threading
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from grid.errors import PortTakenError, StoreError
from grid.os_reasons import os_reason
from grid.text import Text
from service.metrics.metrics import Metrics
from service.queries.answers_system import CollectorState
from service.settings.settings import Settings

_FULL = (errno.ENOSPC, errno.EDQUOT)
_REQUEST_SECONDS_MAX = 5.0
_ASK_SECONDS_MAX = 1.0
_ANSWER_BYTES_MAX = 64 * 1024
ADDRESS_FILE = "collector-health.txt"
"""In the data folder: the port that the health page really has, for when the settings say "any"."""


class HealthServer:
    """Serves the health page from a thread of its own. `start` and `stop` it."""

    def __init__(self, metrics: Metrics, host: str, port: int, address_file: Path | None = None) -> None:
        """Take the port. Raises PortTakenError when it is in use. `address_file` will hold the real address."""
        try:
            self._server = _Server((host, port), _handler(metrics))
        except OSError as error:
            raise PortTakenError(
                Text(
                    f"健康页无法使用 {host} 的端口 {port}（{os_reason(error).zh}）",
                    f"the health page cannot use port {port} of {host} ({error.strerror or error})",
                ),
                where="collector.health_port",
                remedy=Text(
                    "是否已有采集程序在运行？否则请换一个端口，或写 0 任选空闲端口",
                    "is another collector running? Else set another port, or 0 for any free one",
                ),
            ) from error
        self._address_file = address_file
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.1], name="health", daemon=True)

    @property
    def port(self) -> int:
        """Return the port that it really listens on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to answer. Raises StoreError when the data folder cannot be written; a full disk is no reason."""
        if self._address_file is not None:
            try:
                self._address_file.write_text(f"{self.port}\n", encoding="ascii")
            except OSError as error:
                if error.errno not in _FULL:
                    self._server.server_close()
                    raise StoreError(
                        Text(f"无法写入（{os_reason(error).zh}）", f"cannot be written ({error.strerror})"),
                        where=str(self._address_file),
                        remedy=Text("请让采集程序可以写数据文件夹", "let the collector write in the data folder"),
                    ) from error
        self._thread.start()

    def stop(self) -> None:
        """Stop answering and give the port free."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join(_REQUEST_SECONDS_MAX)
        self._server.server_close()
        if self._address_file is not None:
            self._address_file.unlink(missing_ok=True)


def ask_collector(settings: Settings) -> CollectorState:
    """Return what the collector of these settings says of itself; `answers` is False when nobody is there."""
    values = settings.collector
    port = values.health_port or _port_written(settings.data.folder / ADDRESS_FILE)
    if not port:
        return CollectorState(answers=False, healthy=False, details=())
    connection = http.client.HTTPConnection(values.health_host, port, timeout=_ASK_SECONDS_MAX)
    try:
        connection.request("GET", "/healthz")
        response = connection.getresponse()
        report = json.loads(response.read(_ANSWER_BYTES_MAX))
    except (OSError, http.client.HTTPException, ValueError):
        return CollectorState(answers=False, healthy=False, details=())
    finally:
        connection.close()
    if not isinstance(report, dict) or "healthy" not in report:
        return CollectorState(answers=False, healthy=False, details=())
    return CollectorState(
        answers=True,
        healthy=response.status == 200,
        details=tuple((str(name), _words(value)) for name, value in report.items()),
    )


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name} {part}" for name, part in value.items())
    return "; ".join(str(part) for part in value) if isinstance(value, list) else str(value)


def _port_written(file: Path) -> int:
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 16

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no error of ours."""


def _handler(metrics: Metrics) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        server_version = "redvest"
        sys_version = ""
        timeout = _REQUEST_SECONDS_MAX

        def do_GET(self) -> None:
            match self.path.partition("?")[0]:
                case "/healthz":
                    report = metrics.report()
                    body = json.dumps(asdict(report), ensure_ascii=False).encode() + b"\n"
                    self._answer(200 if report.healthy else 503, "application/json; charset=utf-8", body)
                case "/metrics":
                    self._answer(200, CONTENT_TYPE_LATEST, generate_latest(metrics.registry))
                case _:
                    self._answer(404, "text/plain; charset=utf-8", b"/healthz or /metrics\n")

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Requests to the health page are not worth a line."""

    return Handler
