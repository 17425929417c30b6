"""Keys in a token: found, generated, checked by their attributes, and the mechanisms that use them.

Rule: what a token says about a key is checked before the key is used.
"""
