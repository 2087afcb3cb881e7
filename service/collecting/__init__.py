"""The collector process: start-up, loop, pipeline, decoding, checkpoint, packing, copy."""
