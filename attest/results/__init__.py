"""Results of verification: `Report` and its parts, and `Verified`.

Rule: a result only tells; `attest.verify` alone makes a `Verified`.
"""
