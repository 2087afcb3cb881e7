"""Ledger sheets as files (CSV in a folder, or one XLSX) to and from the ledger, with every fault named."""

from stores.ledger_files.difference import Entry, LedgerDifference, Retired, difference, much_retired
from stores.ledger_files.faults import Fault
from stores.ledger_files.reading import read_ledger
from stores.ledger_files.writing import formula_safe, write_ledger

__all__ = [
    "Entry",
    "Fault",
    "LedgerDifference",
    "Retired",
    "difference",
    "formula_safe",
    "much_retired",
    "read_ledger",
    "write_ledger",
]
