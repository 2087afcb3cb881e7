"""The settings: sections, checks, and faults in one line."""
