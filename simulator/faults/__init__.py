"""What can be wrong with devices and their lines, at will."""
