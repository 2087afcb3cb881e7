"""HTML of the pages. Everything that is not ours is escaped here."""
