"""Periodic watches beside the reading: silence, gaps, clocks, disk."""
