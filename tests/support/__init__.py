"""What tests share: a real broker, ports, stores, naive twins of the rules."""
