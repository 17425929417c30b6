"""RFC 3161 timestamps: authorities of a trust bundle, tokens, and the client that requests them.

Rule: a token is parsed only where there is one, so that an attestation without timestamps costs nothing more.
"""
