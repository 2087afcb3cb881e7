"""The values that the rules speak in: episodes, incidents, doors and lists, and what each is called on screen."""
