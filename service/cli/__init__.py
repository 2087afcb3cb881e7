"""The commands: each asks the house for what it needs, and prints JSON lines or a table."""
