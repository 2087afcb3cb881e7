"""The readings journal: every reading once, on disk before it is acknowledged. The truth."""
