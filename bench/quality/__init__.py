"""How often readings are doubted that are right, and how often those that are wrong."""
