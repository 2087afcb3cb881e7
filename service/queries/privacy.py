"""Personal data as it may be shown: enough to recognise, not enough to use."""

from __future__ import annotations

from dataclasses import replace

from grid.assets import Person

_DIGITS_SHOWN_FROM = 11
_WORDS_MASK = "*"


def mask_phone(phone: str) -> str:
    """Return a phone number with its middle hidden, `138****5678`; short ones keep two digits at most.

    >>> mask_phone("13812345678")
    '138****5678'
    >>> mask_phone("+86 138-1234-5678")
    '138****5678'
    """
    digits = "".join(c for c in phone if c.isascii() and c.isdigit())
    if not digits:
        return ""
    if len(digits) >= _DIGITS_SHOWN_FROM:
        local = digits[-_DIGITS_SHOWN_FROM:]
        return f"{local[:3]}****{local[-4:]}"
    return "****" + digits[-2:] if len(digits) > 4 else "****"


def mask_name(name: str) -> str:
    """Return a person's name with everything after the first letter hidden, `王**`.

    >>> mask_name("王小明")
    '王**'
    """
    name = name.strip()
    return name[:1] + _WORDS_MASK * min(max(len(name) - 1, 1), 3) if name else ""


def masked(person: Person) -> Person:
    """Return one of our people as pages may show them."""
    return replace(person, phone=mask_phone(person.phone), chat_id="")
