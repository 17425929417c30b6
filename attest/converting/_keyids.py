"""Keyids of signatures in another format, as far as it is known whose key it is.

Rule: a keyid is never guessed; without the key, one format only becomes another where both are the same digest.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from attest._base.json import b64encode, pointer
from attest.certificates.chain import spki_of
from attest.converting._material import material_in
from attest.errors import InputError
from attest.keys import PublicKey, keyid_in
from attest.keys.keyids import hex_keyid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest.envelope import Envelope, Signature
    from attest.keys import KeyidFormat

_HEX: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


def apply(envelope: Envelope, form: KeyidFormat | None, keys: Sequence[PublicKey], *, for_hints: bool) -> Envelope:
    """The envelope with keyids in `form`; with None, a digest as it stands in an envelope or, `for_hints`, in a hint.

    Raises InputError `not-convertible` for a signature whose key is not known and must be.
    """
    data = envelope.pae()
    changed = []
    for index, signature in enumerate(envelope.signatures):
        key = next((key for key in keys if key.accepts(signature.sig, data)), None)
        if form is None:
            keyid = _digest(signature.keyid if key is None else key.keyid, for_hints=for_hints)
        elif form == "none":
            keyid = ""
        else:
            keyid = _in(signature, index, form, key)
        changed.append(_renamed(signature, keyid))
    return replace(envelope, signatures=tuple(changed), raw=None)


def _in(signature: Signature, index: int, form: KeyidFormat, key: PublicKey | None) -> str:
    key = key or _certified(signature)
    if key is not None:
        return keyid_in(key, form)
    keyid = _digest(signature.keyid, for_hints=False)
    if form == "spki" and _HEX.fullmatch(keyid):
        return keyid
    raise InputError(
        "not-convertible",
        f"the key of the signature is not known, so it cannot have a keyid in the format {form}",
        where=pointer("signatures", index),
        hint="Give its public key with --key FILE.",
    )


def _certified(signature: Signature) -> PublicKey | None:
    from cryptography.exceptions import UnsupportedAlgorithm

    material = material_in(signature)
    try:
        return None if material is None else PublicKey.parse(spki_of(material.certificate))
    except (InputError, UnsupportedAlgorithm, ValueError, TypeError):
        return None  # of a type that is not supported


def _digest(keyid: str, *, for_hints: bool) -> str:
    """The keyid; if it is the SHA-256 of a key, in base64 for a hint (as cosign has it) and otherwise in hex."""
    if for_hints and _HEX.fullmatch(keyid):
        return b64encode(bytes.fromhex(keyid))
    return keyid if for_hints else hex_keyid(keyid)


def _renamed(signature: Signature, keyid: str) -> Signature:
    if keyid == signature.keyid:
        return signature
    fields = {name: value for name, value in signature.to_dict().items() if name != "keyid"}
    return replace(signature, keyid=keyid, fields={"keyid": keyid, **fields} if keyid else fields)
