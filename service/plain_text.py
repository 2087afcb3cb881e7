"""Text from outside, made safe for a line on a terminal, in a log or in a message."""

from __future__ import annotations

import unicodedata


def one_line(text: str) -> str:
    """Return the text on one line, without control and direction characters: no ANSI, no CR/LF, no overrides."""
    kept = (" " if letter in "\r\n\t\v\f" else letter for letter in text)
    return "".join(letter for letter in kept if unicodedata.category(letter) not in ("Cc", "Cf", "Cs", "Zl", "Zp"))
