"""Tests of Redvest: a real broker, real stores, a real browser, and no mocks of our own code."""
