"""The figures and pictures of docs/simulator-proof.md."""
