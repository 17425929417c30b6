"""Tokens for tests: servers with their own, what must hold of them, and what disturbs them."""
