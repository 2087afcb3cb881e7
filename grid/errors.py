"""The one error tree. A message to a person says what was wrong, where, and what to do.

RedvestError
├── SettingsError   a setting is missing, unknown or impossible          exit 2
├── UsageError      a command was called with words that do not fit      exit 2
├── LedgerError     a ledger sheet cannot be taken as it is              exit 1
├── RuleError       a rule-set file is faulty                            exit 2
├── StoreError      a store did not take or give what was asked          exit 1
│   └── DamagedError  its file is damaged                               exit 1
└── BrokerError     the MQTT broker cannot be reached or refuses         exit 1
"""


class RedvestError(Exception):
    """What was wrong, where, and how to mend it."""

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        """Return one line: `where: what; remedy`."""
        line = f"{self.where}: {self.what}" if self.where else self.what
        return f"{line}; {self.remedy}" if self.remedy else line


class SettingsError(RedvestError):
    """A setting is missing, unknown or impossible."""

    exit_code = 2


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


class BrokerError(RedvestError):
    """The MQTT broker cannot be reached or refuses us."""
