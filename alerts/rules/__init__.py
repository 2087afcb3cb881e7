"""Rule sets: named, versioned lines that a load rate crosses, and the runs above them."""
