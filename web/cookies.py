"""Our cookies: the session's, and the one by which a browser is known that signed in before."""

from __future__ import annotations

from collections.abc import Iterable

from service.access.sessions import HOST_PREFIX, session_cookie
from web.addresses import Header

_DEVICE_SECONDS = 180 * 86_400
_COOKIE_BYTES_MAX = 8_192


class Cookies:
    """Names and forms of the cookies; over https they are bound to this host and never sent in the clear."""

    def __init__(self, *, https: bool) -> None:
        """Keep how browsers reach us."""
        self.session = session_cookie(https=https)
        self.device = f"{HOST_PREFIX if https else ''}redvest_device"
        self._secure = "; Secure" if https else ""

    def value(self, headers: Iterable[Header], name: str) -> str:
        """Return what a request's cookie says, empty where it says nothing, or says it twice."""
        found = []
        for key, raw in headers:
            if key != b"cookie" or len(raw) > _COOKIE_BYTES_MAX:
                continue
            for part in raw.decode("latin-1").split(";"):
                given, _, value = part.strip().partition("=")
                if given == name:
                    found.append(value)
        return found[0] if len(found) == 1 else ""

    def keep_session(self, token: str, device: str) -> list[Header]:
        """Return the headers that give a browser its session, and remember the browser."""
        lasting = f"; Max-Age={_DEVICE_SECONDS}"
        return [self._set(self.session, token, ""), self._set(self.device, device, lasting)]

    def drop_session(self) -> list[Header]:
        """Return the header that takes the session's cookie away."""
        return [self._set(self.session, "", "; Max-Age=0")]

    def _set(self, name: str, value: str, lasting: str) -> Header:
        return b"set-cookie", f"{name}={value}; Path=/; HttpOnly; SameSite=Lax{self._secure}{lasting}".encode()
