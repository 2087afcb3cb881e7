"""Where things are kept: readings journal, ledger and records, outbox, audit, sheets, and the copy to InfluxDB."""
