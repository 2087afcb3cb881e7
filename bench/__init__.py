"""Benchmarks: what the collector costs, told in ratios to the bare parts of the same run."""
