"""The one error tree. A message to a person says what was wrong, where, and what to do.

RedvestError
├── SettingsError   a setting is missing, unknown or impossible          exit 2
│   └── PortTakenError  another program listens there              exit 1
├── UsageError      a command was called with words that do not fit      exit 2
├── LedgerError     a ledger sheet cannot be taken as it is              exit 1
├── RuleError       a rule-set file is faulty                            exit 2
├── StoreError      a store did not take or give what was asked          exit 1
│   ├── DamagedError  its file is damaged                               exit 1
│   └── DiskFullError  its disk is full                                 exit 1
└── BrokerError     the MQTT broker cannot be reached or refuses         exit 1
"""

from __future__ import annotations

from grid.text import Text, same

NOTHING = Text("", "")


class RedvestError(Exception):
    """What was wrong, where, and how to mend it, in both languages. A log line is in English, as `str` gives it."""

    exit_code = 1

    def __init__(self, what: Text, *, where: Text | str = "", remedy: Text = NOTHING) -> None:
        super().__init__(what.en)
        self.what = what
        self.where = same(where) if isinstance(where, str) else where
        """A file, a key or an option; names are the same in every language."""
        self.remedy = remedy

    def __str__(self) -> str:
        """Return one line in English: `where: what; remedy`."""
        return self.line.en

    @property
    def line(self) -> Text:
        """Return one line for people: where, what, how to mend it."""
        zh, en = self.what.zh, self.what.en
        if self.where != NOTHING:
            zh, en = f"{self.where.zh}：{zh}", f"{self.where.en}: {en}"
        if self.remedy != NOTHING:
            zh, en = f"{zh}；{self.remedy.zh}", f"{en}; {self.remedy.en}"
        return Text(zh, en)


class SettingsError(RedvestError):
    """A setting is missing, unknown or impossible."""

    exit_code = 2


class PortTakenError(SettingsError):
    """A port of the settings is in use; it may be free at the next attempt, so a service manager should try again."""

    exit_code = 1


class UsageError(RedvestError):
    """A command was called with words that do not fit."""

    exit_code = 2


class LedgerError(RedvestError):
    """A ledger sheet cannot be taken as it is."""


class RuleError(RedvestError):
    """A rule-set file is faulty."""

    exit_code = 2


class StoreError(RedvestError):
    """A store did not take or give what was asked of it."""


class DamagedError(StoreError):
    """A store's file is damaged: what it holds cannot be relied on."""


class DiskFullError(StoreError):
    """The store's disk is full: what is asked may be given when somebody has made room."""


class BrokerError(RedvestError):
    """The MQTT broker cannot be reached or refuses us."""
