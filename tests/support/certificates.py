"""Certificates made for a test: authorities, and what they sign for a broker."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.tools import tool

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@dataclass(frozen=True)
class Signed:
    """A certificate and its key."""

    certificate: Path
    key: Path

    @property
    def configuration(self) -> list[str]:
        """Return the lines of a mosquitto listener that shows it."""
        return [f"certfile {self.certificate}", f"keyfile {self.key}"]


class Authority:
    """Signs certificates of brokers."""

    def __init__(self, folder: Path, name: str) -> None:
        """Make the authority's own certificate, for two days."""
        self._folder = folder
        self.certificate = folder / f"{name}.crt"
        self._key = folder / f"{name}.key"
        _openssl(
            "req", "-x509", *_KEY, "-days", "2", "-subj", f"/CN={name}", "-keyout", self._key, "-out", self.certificate
        )

    def signs(self, name: str, *, subject: str = "IP:127.0.0.1", days: int = 2) -> Signed:
        """Return a certificate for a host; with negative days it has expired."""
        request, signed, key = (self._folder / f"{name}.{kind}" for kind in ("csr", "crt", "key"))
        named = ("-subj", f"/CN={name}", "-addext", f"subjectAltName={subject}")
        _openssl("req", *_KEY, *named, "-keyout", key, "-out", request)
        authority = ("-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial")
        _openssl("x509", "-req", "-in", request, *authority, "-days", days, "-copy_extensions", "copy", "-out", signed)
        return Signed(signed, key)


def _openssl(*words: object) -> None:
    subprocess.run([tool("openssl"), *map(str, words)], check=True, capture_output=True)
