"""Benchmarks: each module prints ratios measured in one run, for machines whose absolute speed nobody knows."""
