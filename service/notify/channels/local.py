"""Messages on this computer: one line on the collector's terminal, one JSON line in a file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TextIO

from grid.text import Language
from grid.timestamps import format_utc
from service.notify.channels.notice import NotDelivered, Notice, notice_json
from service.plain_text import one_line


class TerminalNotifier:
    """Writes each message as one line on a terminal."""

    def __init__(self, stream: TextIO, language: Language) -> None:
        """Write to `stream`, in one language."""
        self._stream = stream
        self._language = language

    def send(self, notice: Notice) -> None:
        """Write one line: time, number, what."""
        words = one_line(notice.text.to(self._language))
        try:
            self._stream.write(
                f"{format_utc(notice.created_at_us)} #{notice.number} {words} {notice.link}\n".rstrip(" ")
            )
            self._stream.flush()
        except (OSError, ValueError) as error:
            raise NotDelivered(f"the terminal does not take it: {error}") from error


class FileNotifier:
    """Appends each message as a JSON line to a file that only its owner reads."""

    def __init__(self, path: Path, language: Language) -> None:
        """Append to `path`, made when it is not there."""
        self._path = path
        self._language = language

    def send(self, notice: Notice) -> None:
        """Append one line."""
        line = json.dumps(notice_json(notice, self._language), ensure_ascii=False) + "\n"
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                written = os.write(file, line.encode())
            finally:
                os.close(file)
        except OSError as error:
            raise NotDelivered(f"{self._path.name} cannot be written: {error.strerror or error}") from error
        if written != len(line.encode()):
            raise NotDelivered(f"{self._path.name} took only a part of the line: is the disk full?")
