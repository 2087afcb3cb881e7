"""Tests of documents, packaging, deployment, and the layout of the house."""
