"""Words for people: every sentence exists in Chinese and English, or it does not exist."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Language(Enum):
    """The languages a person can choose; Chinese comes first."""

    ZH = "zh"
    EN = "en"


@dataclass(frozen=True)
class Text:
    """One sentence or label in both languages."""

    zh: str
    en: str

    def to(self, language: Language) -> str:
        """Return the sentence in one language."""
        match language:
            case Language.ZH:
                return self.zh
            case Language.EN:
                return self.en


def same(words: str) -> Text:
    """Return words that need no translation: names, numbers, what another program said."""
    return Text(words, words)
