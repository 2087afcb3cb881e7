"""The one reader of the broker: connection, packets, queue, and what can be wrong with them."""
