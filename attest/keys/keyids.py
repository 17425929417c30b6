"""Keyids of a public key in the formats of other programs.

Rule: a keyid only helps a verifier to find a key; attest itself trusts none of these.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

from attest._base.json import b64decode
from attest.errors import InputError
from attest.keys.openssh import blob_of, fingerprint
from attest.keys.public_key import SIMULATED_PREFIX

if TYPE_CHECKING:
    from attest.keys.public_key import PublicKey

KeyidFormat = Literal["spki", "sslib", "ssh", "none"]
KEYID_FORMATS: Final[tuple[KeyidFormat, ...]] = ("spki", "sslib", "ssh", "none")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=", re.ASCII)


def keyid_in(key: PublicKey, form: KeyidFormat) -> str:
    """The keyid of `key` in a format of docs/develop/interop.md, with the prefix `sim:` for a simulated key.

    `spki` is `key.keyid`; `sslib` that of securesystemslib for Python (hex SHA-256 over the key as canonical JSON);
    `ssh` the fingerprint of `ssh-keygen -l` (RFC 4253 section 6.6); `none` is empty. Raises InputError
    `algorithm-unsupported` for ML-DSA in `sslib` and `ssh`, which have no such keys, and `option-invalid` for another
    format.
    """
    if form not in KEYID_FORMATS:
        raise InputError(
            "option-invalid", f"expected one of {', '.join(KEYID_FORMATS)} as keyid format, found {form!r}"
        )
    if form == "none":
        return ""
    if form == "spki":
        return key.keyid
    if key.algorithm.family == "ml-dsa":
        raise InputError(
            "algorithm-unsupported",
            f"a key for {key.algorithm.name} cannot have a keyid in the format {form}",
            where=key.keyid,
            hint="Use --keyid-format spki or none.",
        )
    keyid = _sslib(key) if form == "sslib" else fingerprint(blob_of(key.spki))
    return (SIMULATED_PREFIX if key.simulated else "") + keyid


def hex_keyid(keyid: str) -> str:
    """A keyid in hex, if it is the SHA-256 of a key in base64, as cosign writes it; any other one unchanged."""
    return b64decode(keyid, where="").hex() if _BASE64.fullmatch(keyid) else keyid


def _sslib(key: PublicKey) -> str:
    from cryptography.hazmat.primitives.serialization import load_der_public_key
    from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]

    keyid: str = SSlibKey.from_crypto(load_der_public_key(key.spki), None, key.algorithm.name).keyid
    return keyid
