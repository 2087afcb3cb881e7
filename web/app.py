"""The one ASGI app: Streamlit's pages, our own routes, and the gate in front of all of it."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import streamlit
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from grid.errors import RedvestError
from service.container import Container
from service.streamlit_flags import app_file
from web.acknowledge import AcknowledgePages
from web.addresses import Site
from web.exports import export_routes
from web.gate import PAGES, Gate
from web.headers import streamlit_policy
from web.login import Login
from web.phone.routes import Phone

Answer = Callable[[Request], Awaitable[Response]]
_FOLDER = Path(__file__).parent
_OWN_PAGES = frozenset({"/session", "/m", "/m/"})
_HEALTH_KEPT_SECONDS = 1.0
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.S)


def make_app(container: Container) -> streamlit.App:
    """Return the app of one process. The container stays open as long as it runs."""
    site = Site.of(container.settings)
    shell = _streamlit_shell()
    live = (app_file().parent / "live.js").read_text(encoding="utf-8")
    inline = (*_INLINE_SCRIPT.findall(shell), live)
    gate = Middleware(Gate, sessions=container.sessions, site=site, streamlit_policy=streamlit_policy(inline))
    routes = [
        *Login(container, site).routes(),
        *export_routes(container, site.base),
        *AcknowledgePages(container, site).routes(),
        *Phone(container, site.base).routes(),
        *(Route(f"{site.base}{path}", _document(shell, "text/html")) for path in sorted(PAGES - _OWN_PAGES)),
        Route(f"{site.base}/healthz", _health(container)),
        Route(f"{site.base}/login.css", _document(_text("login.css"), "text/css")),
        Route(f"{site.base}/gate.js", _document(_text("gate.js"), "text/javascript")),
    ]
    return streamlit.App(app_file(), routes=routes, middleware=[gate])


def _streamlit_shell() -> str:
    """Return Streamlit's page with our script in front of its own, and without its agent's address."""
    index = Path(streamlit.__file__).parent / "static" / "index.html"
    text = index.read_text(encoding="utf-8")
    text = re.sub(r"<!--.*?-->|<noscript>.*?</noscript>|<link rel=\"service-desc\"[^>]*>", "", text, flags=re.S)
    text = text.replace("<title>Streamlit</title>", "<title>红马甲 Redvest</title>")
    return text.replace("<head>", '<head>\n    <script src="./gate.js"></script>', 1)


def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _document(text: str, media_type: str) -> Answer:
    async def answer(_: Request) -> Response:
        return Response(text, media_type=media_type)

    return answer


def _health(container: Container) -> Answer:
    kept: list[float | str] = [-_HEALTH_KEPT_SECONDS, "ok"]

    def look() -> str:
        try:
            container.records.ledger_version()
            state = container.queries.collector_state()
        except RedvestError:
            return "degraded"
        return "ok" if state is None or (state.answers and state.healthy) else "degraded"

    async def answer(_: Request) -> Response:
        if time.monotonic() - float(kept[0]) >= _HEALTH_KEPT_SECONDS:
            kept[:] = time.monotonic(), await asyncio.to_thread(look)
        return JSONResponse({"status": kept[1]})

    return answer
