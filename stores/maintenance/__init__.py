"""Keeping the stores: backup, quarantine of damaged files, the disk reserve, checkpoint files."""
