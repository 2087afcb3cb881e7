"""Ledger sheets as files (CSV in a folder, or one XLSX) to and from the ledger, with every fault named."""

from stores.ledger_files.difference import Entry, LedgerDifference, difference
from stores.ledger_files.faults import Fault
from stores.ledger_files.reading import read_ledger
from stores.ledger_files.writing import formula_safe, write_ledger

__all__ = ["Entry", "Fault", "LedgerDifference", "difference", "formula_safe", "read_ledger", "write_ledger"]
