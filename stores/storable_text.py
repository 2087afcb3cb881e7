"""Text that every database takes."""

from __future__ import annotations


def storable(text: str) -> str:
    """Return text without NUL, and with a question mark for each lone surrogate."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
