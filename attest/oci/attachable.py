"""An attestation in the forms in which it is stored beside an image.

Rule: each form holds the same payload and signatures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from attest.oci.documents import NO_ANNOTATIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attest.envelope import Envelope


class CosignLayer(NamedTuple):
    """What is stored under cosign's tag: a DSSE envelope, and in annotations what belongs to its signature.

    `lost` are the parts that the annotations do not hold, so that cosign v2 does not see them.
    """

    data: bytes
    annotations: Mapping[str, str] = NO_ANNOTATIONS
    lost: tuple[str, ...] = ()


class Attachable(NamedTuple):
    """An attestation to attach: `data` are its bytes as a referrer has them, a Sigstore bundle or a DSSE envelope.

    `layer` is what cosign's tag has. `name` is for messages.
    """

    name: str
    envelope: Envelope
    data: bytes
    media_type: str
    layer: CosignLayer
