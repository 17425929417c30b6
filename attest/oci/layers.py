"""What the layer of a manifest is, by its media type.

Rule: only the media type decides; the content is not looked at.
"""

from __future__ import annotations

from typing import Final, Literal

LayerKind = Literal["sigstore-bundle", "dsse", "statement", "other"]

SIGSTORE: Final = "application/vnd.dev.sigstore.bundle"
DSSE: Final = "application/vnd.dsse.envelope.v1+json"
STATEMENT: Final = "application/vnd.in-toto+json"
# What docker/attest writes: application/vnd.in-toto.provenance+dsse and others.
_DOCKER_DSSE: Final = ("application/vnd.in-toto.", "+dsse")


def kind_of(media_type: str) -> LayerKind:
    """The kind of a layer: a `statement` is unsigned, and `other` is no attestation."""
    if media_type.startswith(SIGSTORE):
        return "sigstore-bundle"
    beginning, end = _DOCKER_DSSE
    if media_type == DSSE or (media_type.startswith(beginning) and media_type.endswith(end)):
        return "dsse"
    return "statement" if media_type == STATEMENT else "other"
