"""Fleet mode: any number of simulated transformers, and a ledger of what the broker took."""
