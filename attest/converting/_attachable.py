"""The form in which an attestation is attached to an image: a Sigstore bundle if that holds all of it, or an envelope.

Rule: nothing that belongs to a signature is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from attest._base.json import loads_object
from attest.converting._convert import convert
from attest.converting._cosign import cosign_layer
from attest.errors import InputError
from attest.oci.attachable import Attachable
from attest.oci.attaching import SIGSTORE
from attest.oci.layers import DSSE

if TYPE_CHECKING:
    from attest.envelope import Envelope

Form = Literal["sigstore", "dsse"]
FORMS: Final[tuple[Form, ...]] = ("sigstore", "dsse")


def attachable(envelope: Envelope, form: Form | None = None, *, name: str = "attestation") -> Attachable:
    """What `attest.oci.attaching.attach` stores; `name` is for messages. Nothing is verified.

    `sigstore` is a Sigstore bundle v0.3, which cosign and gh read, and which has one signature. `dsse` is the envelope.
    None is a bundle if it can hold everything, and otherwise the envelope.

    Raises InputError as `attest.converting.convert`, and `not-convertible` for a bundle that cannot hold everything.
    """
    data, media_type = envelope.to_json(), DSSE
    if form != "dsse":
        try:
            data, media_type = _bundle(envelope), SIGSTORE
        except InputError as error:
            if form is not None or error.code != "not-convertible":
                raise error.at(name) from None
    return Attachable(name, envelope, data, media_type, cosign_layer(envelope))


def _bundle(envelope: Envelope) -> bytes:
    documents, lost = convert(envelope, "sigstore")
    why = None
    if len(documents) != 1:
        why = f"a Sigstore bundle has one signature, and the envelope has {len(documents)}"
    elif lost:
        why = f"a Sigstore bundle cannot hold {', '.join(lost)}"
    elif loads_object(documents[0], what="the bundle")["mediaType"] != SIGSTORE:
        why = "its certificates need a Sigstore bundle before v0.3, which other programs do not read from a registry"
    if why is not None:
        raise InputError("not-convertible", why, hint="Attach the envelope as it is: --container dsse.")
    return documents[0]
