"""Where attestations come from: files, lines of files, directories and Sigstore bundles.

Rule: nothing that is read here is verified yet.
"""
