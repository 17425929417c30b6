"""Images: manifests, layouts and registries, and the attestations stored beside images.

Rule: a document is its exact bytes, and nothing is used before its digest is checked.
"""
