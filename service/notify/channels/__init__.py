"""Ways for a message to reach people: terminal, file, webhook, chat robots, mail. No personal data in any."""
