"""Data quality: which readings can be trusted, by what measure, and what is said about it."""
