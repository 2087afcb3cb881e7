"""A server before the server of the InfluxDB copy: it answers what a test says, hangs, or is not there."""

from __future__ import annotations

import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Front:
    """It may pass the lines on before it answers. Its faults are attributes and methods; a new one is without fault."""

    def __init__(self, port: int = 0) -> None:
        """Listen on a loopback port, any free one by default."""
        self.behind: str | None = None
        """URL of the server that the lines are passed on to."""
        self.share_on_error = 1.0
        """Of the lines, how many it passes on when it answers with an error."""
        self.answers: list[tuple[int, dict[str, str]]] = []
        """Statuses and headers of the next answers; afterwards everything is taken."""
        self.lines_max = 10**9
        self.delay_seconds = 0.0
        self.taken: list[list[str]] = []
        self.requests = 0
        self._goes_on = threading.Event()
        self._goes_on.set()
        self._server: ThreadingHTTPServer | None = None
        self._port = port
        self.listen()

    @property
    def url(self) -> str:
        """Return where it listens."""
        return f"http://127.0.0.1:{self._port}"

    def listen(self) -> None:
        """Be there, after `refuse` on the same port."""
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), self._handler())
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def refuse(self) -> None:
        """Be not there: connections are refused."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def hang(self) -> None:
        """Take requests and answer none."""
        self._goes_on.clear()

    def go_on(self) -> None:
        """Answer again."""
        self._goes_on.set()

    def close(self) -> None:
        """End it."""
        self.go_on()
        self.refuse()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        front = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                lines = body.decode().splitlines()
                front.requests += 1
                front._goes_on.wait()
                threading.Event().wait(front.delay_seconds)
                status, headers = front.answers.pop(0) if front.answers else (204, {})
                if len(lines) > front.lines_max:
                    status = 413
                if front.behind:
                    passed = lines if status == 204 else lines[: round(len(lines) * front.share_on_error)]
                    to = urllib.request.Request(front.behind + self.path, "\n".join(passed).encode())
                    urllib.request.urlopen(to, timeout=5).close()
                if status == 204:
                    front.taken.append(lines)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        return Handler
