"""What statements are made from: subjects, packages, reports (`evidence`), CI systems (`ci`), commands (`run`).

Rule: a statement says what was found, and nothing that was not.
"""
