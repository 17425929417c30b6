"""Helpers that are not about attestations: JSON, files, git, globs, registries, threads, processes.

Rule: nothing in here knows what an attestation is.
"""
