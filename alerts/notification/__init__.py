"""What people are told, and how often: events, throttling, messages, and the audit of our own alarms."""
