"""The gate: every request and every socket passes here first, and nothing passes without a session.

It is plain ASGI, not a middleware of HTTP alone: such a one would let the session's socket through. It decides who
asks (cookie to session), from where (Host, Origin, client address), and whether the path is one of ours at all; what
the account may see is decided below, by `service.access.rights` and `stores.records.visible`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, MutableMapping
from typing import Any
from urllib.parse import quote

from grid.errors import StoreError
from service.access.accounts import token_hash
from service.access.rights import PHONE_ROLES
from service.access.sessions import Sessions, SignedIn
from service.notify.links import PATH as ACKNOWLEDGE_LINKS
from web.addresses import Header, Site, header, without_identity
from web.cookies import Cookies
from web.headers import OWN_POLICY, security_headers
from web.sockets import App, LiveSockets, Message, Receive, Send

OPEN = frozenset({"/login", "/login.css", "/healthz", "/enter", "/setup"})
"""What answers without a session: the login page, its style, the health; tokens are exchanged at the last two."""
PAGES = frozenset(
    {
        "/", "/wall", "/incidents", "/incident", "/transformer", "/my-list", "/alarms", "/system", "/accounts",
        "/channels", "/roster", "/find",
        "/audit", "/session", "/m", "/m/",
    }
)  # fmt: skip
"""What a person opens by its address: without a session one is sent to the login and back."""
STREAMLIT = ("/static/", "/media/", "/component/", "/_stcore/bidi-components/")
STREAMLIT_EXACT = frozenset({"/_stcore/health", "/_stcore/host-config", "/_stcore/stream", "/favicon.png"})
"""What of Streamlit is let through to who is signed in. Its uploads, metrics, agent and sign-in paths are not."""
OWN = ("/m/", "/exports/", "/assets/")
OWN_EXACT = frozenset({"/me", "/logout", "/gate.js"})
BODY_BYTES_MAX = 64 * 1024
_KEPT_SECONDS = 0.7
_KEPT_MAX = 4096
_WRITING = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class Gate:
    """The outermost layer of the app."""

    def __init__(self, app: App, *, sessions: Sessions, site: Site, streamlit_policy: str) -> None:
        """Keep what is behind the gate, and what it decides by."""
        self._app = app
        self._sessions = sessions
        self._site = site
        self._cookies = Cookies(https=site.https)
        self._sockets = LiveSockets(sessions)
        self._policy = streamlit_policy
        self._kept: dict[str, tuple[float, SignedIn | None]] = {}

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Let one request or socket through, or answer for what is behind."""
        match scope["type"]:
            case "http":
                await self._http(scope, receive, send)
            case "websocket":
                await self._websocket(scope, receive, send)
            case _:
                await self._app(scope, receive, send)

    async def _http(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        headers: list[Header] = scope["headers"]
        path, host = self._path(scope), header(headers, b"host")
        answering = self._secured(send, path)
        if not self._site.host_is_ours(host):
            return await _answer(answering, 421, "this server is not reached under that name")
        writes = scope["method"] in _WRITING
        if writes and not self._site.origin_is_ours(header(headers, b"origin"), host, scope["scheme"]):
            return await _answer(answering, 403, "sent by a page of another site")
        if writes and _length(headers) > BODY_BYTES_MAX:
            return await _answer(answering, 413, "too long")
        try:
            signed_in = await self._signed_in(headers)
        except StoreError:
            return await _answer(answering, 503, "the store does not answer")
        if path is None:
            return await _answer(answering, 404 if signed_in else 401, "nothing here")
        if signed_in is None and path not in OPEN and not path.startswith(ACKNOWLEDGE_LINKS):
            if path in PAGES and scope["method"] in ("GET", "HEAD"):
                return await self._to_login(scope, answering)
            return await _answer(answering, 401, "sign in first")
        if (
            signed_in is not None
            and (path == "/m" or path.startswith("/m/"))
            and signed_in.account.role not in PHONE_ROLES
        ):
            return await _answer(answering, 404, "nothing here")
        self._prepare(scope, headers, signed_in)
        return await self._app(scope, receive, answering)

    async def _websocket(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        headers: list[Header] = scope["headers"]
        host = header(headers, b"host")
        ours = self._site.host_is_ours(host)
        ours = ours and self._site.origin_is_ours(header(headers, b"origin"), host, scope["scheme"])
        try:
            signed_in = await self._signed_in(headers) if ours else None
        except StoreError:
            signed_in = None
        if signed_in is None or self._path(scope) != "/_stcore/stream":
            # Closing before accepting refuses the handshake: the server answers 403.
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        self._prepare(scope, headers, signed_in)
        await self._sockets.run(self._app, scope, receive, send)

    def _path(self, scope: Mapping[str, Any]) -> str | None:
        """Return the path without what stands in front of ours; None for one that nothing of ours has."""
        path: str = scope["path"]
        if self._site.base:
            if path != self._site.base and not path.startswith(f"{self._site.base}/"):
                return None
            path = path[len(self._site.base) :] or "/"
        if ".." in path.split("/") or "\\" in path or "\0" in path or "//" in path:
            return None
        known = path in OPEN or path in PAGES or path in OWN_EXACT or path in STREAMLIT_EXACT
        return path if known or path.startswith((*OWN, ACKNOWLEDGE_LINKS, *STREAMLIT)) else None

    async def _signed_in(self, headers: list[Header]) -> SignedIn | None:
        token = self._cookies.value(headers, self._cookies.session)
        if not token:
            return None
        key, now = token_hash(token), time.monotonic()
        kept = self._kept.get(key)
        if kept is not None and now - kept[0] < _KEPT_SECONDS:
            return kept[1]
        found = await asyncio.to_thread(self._sessions.find, token)
        if len(self._kept) >= _KEPT_MAX:
            self._kept.clear()
        self._kept[key] = (now, found)
        return found

    def forget(self) -> None:
        """Look sessions up anew from now on: one has just ended."""
        self._kept.clear()

    def _prepare(self, scope: MutableMapping[str, Any], headers: list[Header], signed_in: SignedIn | None) -> None:
        peer = (scope.get("client") or ("", 0))[0]
        forwarded = any(name == b"x-forwarded-for" for name, _ in headers)
        scope["state"] = {
            **scope.get("state", {}),
            "signed_in": signed_in,
            "client": self._site.client(peer, headers),
            "from_here": peer in ("127.0.0.1", "::1") and not forwarded,
            "gate": self,
        }
        scope["headers"] = without_identity(headers)

    async def _to_login(self, scope: Mapping[str, Any], send: Send) -> None:
        asked = scope["path"].removeprefix(self._site.base) or "/"
        if scope["query_string"]:
            asked += "?" + scope["query_string"].decode("latin-1")
        where = self._site.base + "/login" + (f"?next={quote(asked, safe='')}" if asked != "/" else "?next=%2F")
        await _answer(send, 303, "sign in first", [(b"location", where.encode())])

    def _secured(self, send: Send, path: str | None) -> Send:
        of_streamlit = path is not None and (path.startswith(("/_stcore", *STREAMLIT)) or path in PAGES)
        of_streamlit = of_streamlit and not _is_own(path or "")
        policy = self._policy if of_streamlit else OWN_POLICY
        cacheable = path is not None and (path.startswith("/static/") or path in ("/login.css", "/gate.js"))
        extra = security_headers(policy, https=self._site.https, cacheable=cacheable)
        names = {name for name, _ in extra}

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 304:
                # Of what has not changed nothing is said twice: a refresh in the street stays below 300 bytes.
                headers = [(n, v) for n, v in message.get("headers", []) if n.lower() == b"etag"]
                message = {**message, "headers": headers}
            elif message["type"] == "http.response.start":
                own = [(n, v) for n, v in message.get("headers", []) if n.lower() not in names]
                message = {**message, "headers": [*own, *extra]}
            await send(message)

        return sending


def _is_own(path: str) -> bool:
    return path in OPEN or path in ("/session", "/m") or path.startswith(("/m/", ACKNOWLEDGE_LINKS))


def _length(headers: list[Header]) -> int:
    said = header(headers, b"content-length") or "0"
    return int(said) if said.isdecimal() else BODY_BYTES_MAX + 1


async def _answer(send: Send, status: int, said: str, headers: list[Header] | None = None) -> None:
    body = f"{said}\n".encode()
    own = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*own, *(headers or [])]})
    await send({"type": "http.response.body", "body": body})
