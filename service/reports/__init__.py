"""Reports: what overran, what was asked and what it brought, for a day, a week or a season."""
