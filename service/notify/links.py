"""One-time links by which a person says "I have it": signed, for one incident and one person, for some hours.

A link that is opened changes nothing: chat programs open links to preview them. Only what is sent from the page that
it opens counts, and only once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from grid.timestamps import HOUR_US
from stores.owner_file import private_mode

KEY_FILE = "acknowledge-links.key"
PATH = "/a/"
"""Below the address of the pages; the token stands behind it."""
VALID_US = 12 * HOUR_US
_KEY_BYTES = 32
_SIGNATURE_BYTES = 16
_TOKEN_LETTERS_MAX = 500


@dataclass(frozen=True)
class LinkFor:
    """What a valid link says."""

    incident_id: str
    person_id: str
    expires_at_us: int
    digest: str
    """Names the link, so that it is used once."""


class AcknowledgeLinks:
    """Makes and reads links with a key that stays in the data folder."""

    def __init__(self, key: bytes) -> None:
        """Sign with `key`."""
        self._key = key

    @staticmethod
    def of_folder(folder: Path) -> AcknowledgeLinks:
        """Use the key of a data folder; it is made, for its owner alone, where there is none. Raises OSError."""
        path = folder / KEY_FILE
        try:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, private_mode(folder))
        except FileExistsError:
            pass
        else:
            with os.fdopen(file, "wb") as made:
                made.write(secrets.token_bytes(_KEY_BYTES))
        key = path.read_bytes()
        if len(key) < _KEY_BYTES:
            raise OSError(f"{path.name} is damaged: delete it, a new one is made")
        return AcknowledgeLinks(key)

    def token(self, incident_id: str, person_id: str, now_us: int) -> str:
        """Return the token of a link."""
        said = json.dumps([incident_id, person_id, now_us + VALID_US], ensure_ascii=False, separators=(",", ":"))
        return f"{_plain(said.encode())}.{_plain(self._signature(said.encode()))}"

    def read(self, token: str, now_us: int) -> LinkFor | None:
        """Return what a token says; None when it is not ours, damaged or too old."""
        said, _, signature = token[:_TOKEN_LETTERS_MAX].partition(".")
        try:
            text = _bytes(said)
            if not hmac.compare_digest(self._signature(text), _bytes(signature)):
                return None
            incident_id, person_id, expires_at_us = json.loads(text)
        except (ValueError, TypeError):
            return None
        if now_us > expires_at_us:
            return None
        return LinkFor(incident_id, person_id, expires_at_us, hashlib.sha256(text).hexdigest())

    def _signature(self, text: bytes) -> bytes:
        return hmac.new(self._key, b"acknowledge\n" + text, hashlib.sha256).digest()[:_SIGNATURE_BYTES]


def _plain(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
