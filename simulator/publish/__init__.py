"""How simulated devices reach the broker: publishers, replay, terminals, the broker of the demo."""
