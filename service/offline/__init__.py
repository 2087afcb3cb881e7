"""`judge`: verdicts on a file of readings, with neither broker nor store."""
