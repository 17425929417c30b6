"""Tokens: found by what a URI names, logged in once in a process, and used through a pool of sessions.

Rule: a PIN is sent only to the token that it belongs to, and a refused PIN is never sent again.
"""
