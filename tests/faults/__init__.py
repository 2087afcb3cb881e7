"""Faults done to the real parts on purpose: the promises of docs/reliability.md, each with a build that must fail."""
