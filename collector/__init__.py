"""The edge inwards: the wire format, its decoding, files of readings, and the one reader of the broker."""
