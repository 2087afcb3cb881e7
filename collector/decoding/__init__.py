"""From messages to columns and rejects: strict reading, plausibility, reasons and remedies."""
