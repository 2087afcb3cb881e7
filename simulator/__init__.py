"""A hot town that stands in for the hardware: load is a result of weather, rooms, people and what is asked of them.

The town is built from ledger sheets and a scenario file; it publishes over a real broker like any device,
and it obeys visits. Everything it says is simulated.
"""
