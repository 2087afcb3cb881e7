"""Load-rate curves as charts."""
