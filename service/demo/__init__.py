"""The demo: a simulated day with the real parts, and who plays in it."""
