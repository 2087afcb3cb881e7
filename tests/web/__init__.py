"""Tests of what is served over HTTP beside the pages."""
