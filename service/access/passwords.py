"""Passwords: what is taken for one, and how it is kept. Argon2id, two at a time.

A hash takes 64 MiB and some tens of milliseconds on purpose; two at a time keep a flood of guesses from taking the
machine. Numbers: argon2-cffi's defaults, which are RFC 9106's second recommended option.
"""

from __future__ import annotations

import threading
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from grid.errors import UsageError
from grid.text import Text

LETTERS_MIN = 8
LETTERS_MAX = 256
_HASHES_AT_A_TIME = threading.BoundedSemaphore(2)
_HASHER = PasswordHasher()
_OF_OUR_TRADE = ("redvest", "hongmajia", "password", "transformer")
"""A password may not be made of these and digits alone."""


def hash_of(password: str) -> str:
    """Return what is kept of a password."""
    with _HASHES_AT_A_TIME:
        return _HASHER.hash(password)


def is_right(password: str, kept: str) -> bool:
    """Return whether a password is the one that is kept. Without one (`kept` empty) it takes as long, and is wrong."""
    with _HASHES_AT_A_TIME:
        try:
            return _HASHER.verify(kept or _nobodys_hash(), password) and bool(kept)
        except (VerificationError, InvalidHashError):
            return False


def refuse_weak(password: str, name: str) -> None:
    """Raise UsageError for a password that is too short, one of the commonest, or made of the account's name."""
    if len(password) < LETTERS_MIN:
        raise _weak(
            Text(f"密码太短，至少 {LETTERS_MIN} 位", f"the password is too short: at least {LETTERS_MIN} characters")
        )
    if len(password) > LETTERS_MAX:
        raise _weak(Text("密码太长", f"the password is longer than {LETTERS_MAX} characters"))
    plain = password.casefold()
    without_digits = plain.strip("0123456789!@#$%^&*()_+-=.?")
    if plain in _commonest() or len(set(plain)) < 3 or without_digits in (*_OF_OUR_TRADE, name.casefold()):
        raise _weak(
            Text(
                "这个密码太常见，别人第一批就会试它",
                "this password is among the first that others try",
            )
        )


def _weak(what: Text) -> UsageError:
    remedy = Text("请用几个不相干的词，或由密码本生成", "take some words that do not belong together, or have one made")
    return UsageError(what, where=Text("密码", "password"), remedy=remedy)


@cache
def _commonest() -> frozenset[str]:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset(word for word in FREQUENCY_LISTS["passwords"] if len(word) >= LETTERS_MIN)


@cache
def _nobodys_hash() -> str:
    return _HASHER.hash("nobody has this password")
