"""The members of a signer: one key in one or more tokens, connected again after a loss, while another token signs.

Rule: a signature leaves only after it was verified with the public key.
"""
