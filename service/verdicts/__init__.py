"""Verdicts over the journal, reading by reading as they arrive."""
