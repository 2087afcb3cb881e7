"""Words made fit for a chat: nobody is called by what data say, no link hides in it, and it is not too long."""

from __future__ import annotations

import re
from collections.abc import Sequence

from grid.text import Language, Text
from service.notify.channels.notice import Mention, Notice
from service.plain_text import one_line

_CHAT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+-]{0,63}")
_EVERYBODY = ("all", "everyone", "here", "channel")
_ACKNOWLEDGE = Text("{name}：我来处理", "{name}: I have it")
_PLAIN = str.maketrans({"<": "＜", ">": "＞", "@": "＠"})
CUT = "…"


def chat_ids(mentions: Sequence[Mention]) -> tuple[str, ...]:
    """Return the ids to call, each once; one that would call everybody, or is none, is left out."""
    fit = (m.chat_id for m in mentions if _CHAT_ID.fullmatch(m.chat_id))
    return tuple(dict.fromkeys(each for each in fit if each.lower().lstrip("@") not in _EVERYBODY))


def plain(words: str) -> str:
    """Return words that no chat program reads as a mark-up, a mention or a link of its own."""
    lines = (one_line(line).translate(_PLAIN) for line in words.split("\n"))
    return re.sub(r"(?i)(https?|ftp):(?=//)", r"\1：", "\n".join(line for line in lines if line.strip()))


def body_text(notice: Notice, language: Language, bytes_max: int, called: str = "") -> str:
    """Return a notice as one text: what, who is called, number and link, and the links to acknowledge.

    Only the words are cut where it is too long [bytes of UTF-8]: number and link are always there.
    """
    tail = f"\n{called}" if called else ""
    tail += f"\n#{notice.number} {notice.link}"
    for mention in notice.mentions:
        if mention.acknowledge_url:
            label = _ACKNOWLEDGE.to(language).format(name=plain(mention.name or mention.person_id))
            line = f"\n{label} {mention.acknowledge_url}"
            if len((tail + line).encode()) < bytes_max // 2:
                tail += line
    return cut(plain(notice.text.to(language)), bytes_max - len(tail.encode())) + tail


def cut(words: str, bytes_max: int) -> str:
    """Return words of at most so many bytes of UTF-8, cut between letters, with a mark where something is missing.

    >>> cut("台区重载", 12), cut("台区重载", 11)
    ('台区重载', '台区…')
    """
    if len(words.encode()) <= bytes_max:
        return words
    room = bytes_max - len(CUT.encode())
    return words.encode()[: max(room, 0)].decode(errors="ignore") + CUT
