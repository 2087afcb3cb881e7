"""Files of other systems: which column is which, and how their cells are written."""
