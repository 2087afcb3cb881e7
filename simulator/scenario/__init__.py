"""Scenario files: what they say, read strictly, every key checked."""
