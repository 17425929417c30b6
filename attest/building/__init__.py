"""What statements are made from: subjects, packages, reports (evidence), CI systems and commands.

Rule: a statement says what was found, and nothing that was not.
"""
