"""The relational records: ledger, incidents, lists, visits, outbox, audit."""
