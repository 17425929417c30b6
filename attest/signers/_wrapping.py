"""Wrapped keys: a software key in a file that only a key in a token opens.

Rule: what the file says about itself is authenticated with the key in it, and read only after that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attest._base.json import b64decode, b64encode, dumps, loads_object
from attest.errors import InputError
from attest.signers import _keyfiles, _software

if TYPE_CHECKING:
    from attest.keys import PublicKey
    from attest.signers._base import BaseSigner

MEDIA_TYPE: Final = "application/vnd.attest.wrapped-key.v1+json"


def is_wrapped(data: bytes) -> bool:
    """Whether a file is meant as a wrapped key."""
    return data.lstrip().startswith(b"{") and MEDIA_TYPE.encode() in data


def wrap(pem: bytes, key: PublicKey, wrapping: BaseSigner) -> bytes:
    """The file that holds a PKCS#8 PEM encrypted by `wrapping`; raises SignerError as `encrypt` does."""
    sealed = wrapping.encrypt(pem, _associated(key.keyid))
    document = {"mediaType": MEDIA_TYPE, "keyid": key.keyid, "ciphertext": b64encode(sealed)}
    return dumps(document, indent=2) + b"\n"


def unwrap(data: bytes, wrapping: BaseSigner) -> bytes:
    """The PKCS#8 PEM in a wrapped key.

    Raises InputError `wrapped-invalid` or what reading JSON and base64 raises, and SignerError as `decrypt` does.
    """
    document = loads_object(data, what="the wrapped key")
    keyid = document.get("keyid")
    if document.get("mediaType") != MEDIA_TYPE or not isinstance(keyid, str):
        raise InputError("wrapped-invalid", "the file is not a wrapped key", hint="Create one with `attest key wrap`.")
    pem = wrapping.decrypt(b64decode(document.get("ciphertext"), where="/ciphertext"), _associated(keyid))
    found = _software.SoftwareKey.of(_keyfiles.read(pem, lambda: None, where=keyid).private, None).public_key
    if found.keyid != keyid:
        raise InputError("wrapped-invalid", f"the file names key {keyid}, but contains key {found.keyid}")
    return pem


def _associated(keyid: str) -> bytes:
    return f"{MEDIA_TYPE} {keyid}".encode()
