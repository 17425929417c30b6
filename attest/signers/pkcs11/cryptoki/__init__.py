"""The PKCS #11 API (Cryptoki) of one module: loaded, initialised, called with a deadline, and what its answers mean.

Rule: no caller waits for a module that hangs, and a child of fork finds nothing half done.
"""
