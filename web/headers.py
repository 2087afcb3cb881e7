"""The response headers that tell browsers what a page of ours may do."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

OWN_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; "
    "manifest-src 'self'; worker-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""Of pages and scripts of our own."""
_SHORT_LIVED = b"no-store"
_HSTS_SECONDS = 31_536_000


def streamlit_policy(inline_scripts: tuple[str, ...]) -> str:
    """Return the content security policy of Streamlit's pages; of inline scripts only those given run."""
    hashes = " ".join(f"'sha256-{b64encode(sha256(each.encode()).digest()).decode()}'" for each in inline_scripts)
    return (
        f"default-src 'self'; script-src 'self' {hashes} 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
        "media-src 'self'; object-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'self'"
    )


def security_headers(policy: str, *, https: bool, cacheable: bool) -> list[tuple[bytes, bytes]]:
    """Return the headers of one response, beside its own. `cacheable`: nothing in it is about anybody."""
    found = [
        (b"content-security-policy", policy.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"referrer-policy", b"same-origin"),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ]
    if not cacheable:
        found.append((b"cache-control", _SHORT_LIVED))
    if https:
        found.append((b"strict-transport-security", f"max-age={_HSTS_SECONDS}".encode()))
    return found
