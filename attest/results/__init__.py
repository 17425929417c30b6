"""Results of verification: the report, its parts, the decisions of policies, and `Verified`.

Rule: a result only tells; `attest.verify` alone makes a `Verified`.
"""
