"""Where attestations come from: files, lines of a file, directories, Sigstore bundles.

Rule: nothing that is read here is verified yet.
"""
