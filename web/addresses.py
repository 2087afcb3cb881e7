"""Where a request comes from and where it is for: hosts, origins, client addresses, paths. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from service.settings.checks import is_loopback
from service.settings.settings import Settings

Header = tuple[bytes, bytes]
_IDENTITY_PREFIXES = (b"x-forwarded-", b"x-auth-", b"x-authenticated-", b"x-remote-", b"x-redvest-", b"x-webauth-")
_IDENTITY = frozenset(
    (b"forwarded", b"x-real-ip", b"remote-user", b"x-user", b"x-email", b"x-original-url", b"x-rewrite-url")
)


@dataclass(frozen=True)
class Site:
    """Under which addresses people may reach this server."""

    hosts: frozenset[str]
    any_ip: bool
    """An address in digits is taken too: it cannot be the name of an attacker's own site."""
    origins: frozenset[str]
    proxies: frozenset[str]
    base: str
    """Path in front of all of ours, without a slash at its end; empty for none."""
    https: bool
    """Whether browsers reach us by https: directly, or through a proxy."""

    @staticmethod
    def of(settings: Settings) -> Site:
        """Build it from the settings."""
        values = settings.dashboard
        public = urlsplit(values.public_url)
        names = {"127.0.0.1", "::1", "localhost", values.host.casefold(), *(h.casefold() for h in values.allowed_hosts)}
        if public.hostname:
            names.add(public.hostname)
        origins = {f"{public.scheme}://{public.netloc}".casefold()} if public.netloc else set()
        return Site(
            hosts=frozenset(names - {"0.0.0.0", "::"}),
            any_ip=not is_loopback(values.host),
            origins=frozenset(origins),
            proxies=frozenset(values.proxy_addresses),
            base=public.path.rstrip("/"),
            https=settings.https,
        )

    def host_is_ours(self, host: str | None) -> bool:
        """Return whether a Host header names this server: else a foreign page's own name was bent to our address."""
        try:
            parts = urlsplit(f"//{host or ''}")
            name, _ = (parts.hostname or "").rstrip("."), parts.port
        except ValueError:
            return False
        if not name or parts.username is not None or parts.path or parts.query or parts.fragment:
            return False
        return name in self.hosts or (self.any_ip and _is_ip(name))

    def origin_is_ours(self, origin: str | None, host: str | None, scheme: str) -> bool:
        """Return whether a request was sent by a page of ours, or by no page at all (no Origin)."""
        if origin is None:
            return True
        asked = origin.casefold()
        schemes = {scheme.replace("ws", "http"), "https" if self.https else "http"}
        return asked in self.origins or asked in {f"{each}://{(host or '').casefold()}" for each in schemes}

    def client(self, peer: str, headers: Iterable[Header]) -> str:
        """Return the address of who asks: of the connection, or what our own proxy says of it."""
        if peer not in self.proxies:
            return peer
        forwarded = [value for name, value in headers if name == b"x-forwarded-for"]
        last = forwarded[-1].decode("latin-1").rpartition(",")[2].strip() if forwarded else ""
        return last if _is_ip(last) else peer


def header(headers: Iterable[Header], name: bytes) -> str | None:
    """Return the value of a header that may stand once; None where it is missing. Twice is as good as foreign."""
    found = [value for key, value in headers if key == name]
    return None if not found else found[0].decode("latin-1") if len(found) == 1 else "\0"


def without_identity(headers: Iterable[Header]) -> list[Header]:
    """Return the headers without those by which a proxy may say who somebody is: nobody outside says that here."""
    return [(n, v) for n, v in headers if n not in _IDENTITY and not n.startswith(_IDENTITY_PREFIXES)]


def safe_next(asked: str) -> str:
    """Return where to go after the login: a path of ours, and nothing else.

    >>> [safe_next(asked) for asked in ("/incident?incident=1", "//evil.example", "https://evil.example/", "")]
    ['/incident?incident=1', '/', '/', '/']
    """
    plain = "".join(c for c in asked if c.isprintable() and c not in "\\ ")
    parts = urlsplit(plain) if plain == asked and len(asked) < 2000 else None
    if parts is None or not asked.startswith("/") or asked.startswith("//") or parts.scheme or parts.netloc:
        return "/"
    return asked


def _is_ip(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
