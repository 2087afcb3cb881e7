"""Silence is not health: transformers, feeders and streams that send nothing, and gaps in what was received."""
