"""Commands that are run and attested: the process, its trace, the files before and after, and the record of it.

Rule: a command runs as it would without attest.
"""
