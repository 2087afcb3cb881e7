"""Payloads of other makers' devices."""
