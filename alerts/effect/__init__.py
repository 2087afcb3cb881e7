"""Effect: what a time without load would have been like, and whether a drop below it can be shown."""
