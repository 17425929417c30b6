"""Where attestations come from: files, lines of files, directories and Sigstore bundles.

Rule: nothing that is read here is verified yet.

A container, such as a Sigstore bundle, is one file in this folder. Other packages add containers through the entry
point group `attest.sources`: a Container, under any name. They are asked only about what is not ours to read.
"""

from __future__ import annotations

from attest.sources._containers import read
from attest.sources._document import Container, Document, UnverifiedEnvelope
from attest.sources._reading import ReadEnvelope, read_all

__all__ = ["Container", "Document", "ReadEnvelope", "UnverifiedEnvelope", "read", "read_all"]
