"""The envelope in an attachment of an image.

Rule: the media type of the layer decides how it is read; what cannot be read so is not tried in another way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest.errors import InputError
from attest.sources._containers import read_single
from attest.sources.cosign_image import checked_type, read_layer

if TYPE_CHECKING:
    from attest.limits import Limits
    from attest.oci.attachments import Attachment
    from attest.sources._document import UnverifiedEnvelope


def envelope_in(data: bytes, attachment: Attachment, limits: Limits | None = None) -> UnverifiedEnvelope:
    """The envelope in `data`, the content of an attachment, with the verification material that is stored with it.

    Raises InputError as `read_single` and `read_layer`, and `container-unsupported` for an attachment that is no
    envelope, such as an unsigned statement.
    """
    if not attachment.is_envelope or attachment.layer is None or attachment.manifest is None:
        what = "an unsigned statement" if attachment.kind == "statement" else "not an attestation"
        raise InputError("container-unsupported", f"the attachment is {what}", hint="Only signed attestations count.")
    if attachment.kind == "dsse":
        found = read_layer(data, attachment.layer.annotations, limits)
    else:
        found = read_single(data, limits)
    return checked_type(found, {**attachment.manifest.annotations, **attachment.layer.annotations})
