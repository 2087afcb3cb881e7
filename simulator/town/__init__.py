"""The town: people, what they do when asked, and how a town is put together."""
