"""What verdicts cost, within a tick and at a start."""
