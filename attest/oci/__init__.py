"""Images: manifests, layouts and registries, and the attestations stored beside images.

Rule: a document is its exact bytes, and nothing is used before its digest is checked.
"""

from __future__ import annotations

from attest._base import lazy

__getattr__, __dir__ = lazy.attach(__name__, __file__)
