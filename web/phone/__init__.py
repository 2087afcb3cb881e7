"""The phone page of the team in the street, and its small API."""
