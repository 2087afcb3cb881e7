"""A whole province on one machine."""
