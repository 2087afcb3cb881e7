"""Recorded readings from files, screened as the wire is."""
