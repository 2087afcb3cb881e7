"""The wire format, version 1, and the formats beside it: topics, members, encoders. The contract, nothing else."""
