"""Pure rules: load-rate rules and episodes, incidents, whom to ask, what to say. No I/O and no clock."""
