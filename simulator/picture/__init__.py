"""Pictures of a simulated day."""
