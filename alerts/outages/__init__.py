"""Outages: transformers without voltage, and whether it is the transformer, a part of its feeder or all of it."""
