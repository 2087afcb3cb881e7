"""A receiver of webhooks that misbehaves in the ways that real ones do. A few lines, on loopback."""

from __future__ import annotations

import json
import socketserver
import threading
import time
from http.server import BaseHTTPRequestHandler
from typing import Any

HANGS_SECONDS = 120.0
"""How long a receiver that does not answer keeps silent [s]."""


class Receiver:
    """Answers POST by the path: /ok, /status/429, /answer?<hex of the body>, /redirect, /hang, /drip, /cut, /short."""

    def __init__(self) -> None:
        """Listen on any free loopback port."""
        self.bodies: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self._ending = threading.Event()
        self._server = Server(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Return the address without a path."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        """Stop listening and let hanging answers end."""
        self._ending.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:  # noqa: C901 - one branch per way to fail
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                path, _, query = self.path.partition("?")
                receiver.paths.append(path)
                receiver.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                match path.split("/")[1:]:
                    case ["status", code]:
                        self._answer(int(code), b"", {"Retry-After": "7"})
                    case ["answer"]:
                        self._answer(200, bytes.fromhex(query))
                    case ["redirect"]:
                        self._answer(302, b"", {"Location": f"{receiver.url}/ok"})
                    case ["hang"]:
                        receiver._ending.wait(HANGS_SECONDS)
                    case ["drip"]:
                        self._drip()
                    case ["short"]:
                        self._answer(200, b"{", {"Content-Length": "100"})
                    case ["cut"]:
                        self.connection.close()
                    case _:
                        self._answer(200, b"")

            def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def _drip(self) -> None:
                """Send a header that never ends, one byte at a time."""
                give_up_at = time.monotonic() + HANGS_SECONDS
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
                while not receiver._ending.wait(0.05) and time.monotonic() < give_up_at:
                    try:
                        self.wfile.write(b"x")
                        self.wfile.flush()
                    except OSError:
                        return

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        return Handler


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is what some tests want."""
