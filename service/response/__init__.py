"""What verdicts set in motion: incidents, lists, visits, follow-ups."""
