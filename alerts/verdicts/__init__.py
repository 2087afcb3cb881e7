"""Verdicts: what the levels of all rule sets say of each transformer, and how a verdict comes about."""
