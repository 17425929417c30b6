"""Signers and keys to and from securesystemslib, for tuf and in-toto.

Rule: securesystemslib is neither imported nor changed before one of these functions is called.

>>> import attest
>>> from attest import interop
>>> with attest.generate_key("file:interop.pem") as signer:
...     theirs = interop.to_securesystemslib(signer)
...     signature = theirs.sign(b"data")
...     theirs.public_key.verify_signature(signature, b"data")
...     interop.key_from_securesystemslib(theirs.public_key) == signer.public_key
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from securesystemslib.signer import Key, SSlibKey  # type: ignore[attr-defined]

    from attest.interop._securesystemslib import BridgedSigner
    from attest.keys import PublicKey
    from attest.signers import Signer

# Not `sim`: their verifiers do not know the mark of a simulated key.
REGISTERED: Final = ("file", "pkcs11")


def register() -> None:
    """Let `securesystemslib.signer.Signer.from_priv_key_uri` open `file:` and `pkcs11:` URIs with signers of attest.

    Sets `SIGNER_FOR_URI_SCHEME["file"]` and `["pkcs11"]`, also if they are set already. The schemes of
    securesystemslib, `file2` and `hsm`, do not change. Such a signer connects when it is opened, because its key and
    algorithm must be those of the given public key. It calls the secrets handler if it needs a PIN or passphrase. The
    errors are those of `open_signer` and `Signer.sign`, and `key-mismatch` or `key-algorithm-mismatch`. Without
    `close()`, the sessions of a token stay open until the process ends.
    """
    from securesystemslib.signer import SIGNER_FOR_URI_SCHEME  # type: ignore[attr-defined]

    from attest.interop._securesystemslib import BridgedSigner

    SIGNER_FOR_URI_SCHEME.update(dict.fromkeys(REGISTERED, BridgedSigner))


def to_securesystemslib(signer: Signer, *, keyid: str | None = None) -> BridgedSigner:
    """`signer` as a securesystemslib `Signer`. Connects, to get the public key. The caller closes either of the two.

    `keyid` is as in `key_to_securesystemslib`. An ML-DSA key signs a hash, as `ml-dsa-65/1` and so on (TAP 21); in
    attest, `ml-dsa-65` signs the data itself. Raises SignerError as `signer.public_key` does, and InputError
    `simulated-key` or `algorithm-unsupported`.
    """
    from attest.interop._securesystemslib import BridgedSigner, write_key

    return BridgedSigner(signer, write_key(signer.public_key, keyid, for_signing=True))


def key_to_securesystemslib(key: PublicKey, *, keyid: str | None = None) -> SSlibKey:
    """`key` as a securesystemslib key, which verifies the same signatures.

    securesystemslib finds the key of a signature by `keyid`. The default is the keyid that securesystemslib computes:
    SHA-256 of the key as canonical JSON. The programs of in-toto compute the same when they read a key from a file. To
    verify an envelope of attest, use `key.keyid`, because the envelope contains that keyid.

    Raises InputError `simulated-key`, or `algorithm-unsupported` for ML-DSA.
    """
    from attest.interop._securesystemslib import write_key

    return write_key(key, keyid)


def key_from_securesystemslib(key: Key) -> PublicKey:
    """A securesystemslib key as a PublicKey, pinned to its scheme; its keyid and other fields are not used.

    Raises InputError: `key-unsupported`, `algorithm-unsupported` (also for their ML-DSA), `key-invalid`,
    `key-too-weak`, `key-algorithm-mismatch`.
    """
    from attest.interop._securesystemslib import read_key

    return read_key(key)
