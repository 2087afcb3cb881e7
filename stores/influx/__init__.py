"""The copy of readings and verdicts to InfluxDB, written from the journal."""
