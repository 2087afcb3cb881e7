"""Whom to ask: candidates, offers, acceptance, the shortest sufficient list, and what to do after each reading."""
