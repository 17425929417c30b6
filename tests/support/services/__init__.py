"""Servers on loopback for tests, and what stands between them and their clients."""
