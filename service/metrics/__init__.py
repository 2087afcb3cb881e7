"""What the collector measures of itself, what each figure means, and the health page."""
