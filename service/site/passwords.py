"""Passwords of the broker: made at random, and hashed as mosquitto keeps them.

The form is that of mosquitto_passwd since 2.0: `NAME:$7$iterations$salt$hash`, PBKDF2 with SHA-512.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import b64encode
from collections.abc import Iterable, Mapping

_ITERATIONS = 101
"""What mosquitto_passwd takes: a broker checks one at each connection, and these passwords cannot be guessed."""
_SALT_BYTES, _HASH_BYTES = 12, 64
_PASSWORD_BYTES = 18


def new_passwords(names: Iterable[str]) -> dict[str, str]:
    """Return a password for each name, of 24 letters, digits, - and _."""
    return {name: secrets.token_urlsafe(_PASSWORD_BYTES) for name in names}


def password_file(passwords: Mapping[str, str]) -> str:
    """Return the lines of mosquitto's password file."""
    return "".join(f"{name}:{_hashed(password)}\n" for name, password in passwords.items())


def _hashed(password: str) -> str:
    salt = secrets.token_bytes(_SALT_BYTES)
    made = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS, _HASH_BYTES)
    return f"$7${_ITERATIONS}${b64encode(salt).decode()}${b64encode(made).decode()}"
