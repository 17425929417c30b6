"""Signers and keys to and from securesystemslib, for tuf and in-toto.

Rule: nothing of theirs is loaded or changed before one of these is called.

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

# Not `sim`: a simulated key's mark is lost on their verifiers.
REGISTERED: Final = ("file", "pkcs11")


def register() -> None:
    """Let `securesystemslib.signer.Signer.from_priv_key_uri` open `file:` and `pkcs11:` URIs with our signers.

    It sets `SIGNER_FOR_URI_SCHEME["file"]` and `["pkcs11"]`, whoever had them. Theirs are `file2` and `hsm`, and stay.
    A signer that is opened so connects at once, because its key must be the public key that it is given; that key's
    scheme must be the one that the URI leads to. The secrets handler is asked for a PIN or passphrase when one is
    needed. Errors are ours, as `open_signer` and `Signer.sign` raise them, and `key-mismatch` or
    `key-algorithm-mismatch`. Without `close()` a token's sessions are held until the process ends.
    """
    from securesystemslib.signer import SIGNER_FOR_URI_SCHEME  # type: ignore[attr-defined]

    from attest.interop._securesystemslib import BridgedSigner

    SIGNER_FOR_URI_SCHEME.update(dict.fromkeys(REGISTERED, BridgedSigner))


def to_securesystemslib(signer: Signer, *, keyid: str | None = None) -> BridgedSigner:
    """`signer` as a securesystemslib `Signer`; it connects for the public key. The caller closes either of the two.

    `keyid` as in `key_to_securesystemslib`. An ML-DSA key signs as `ml-dsa-65/1` and so on, TAP 21: a hash, which is
    not what `ml-dsa-65` means here. Raises SignerError as `signer.public_key` does, and InputError `simulated-key` or
    `algorithm-unsupported`.
    """
    from attest.interop._securesystemslib import BridgedSigner, write_key

    return BridgedSigner(signer, write_key(signer.public_key, keyid, for_signing=True))


def key_to_securesystemslib(key: PublicKey, *, keyid: str | None = None) -> SSlibKey:
    """`key` as a securesystemslib key, which accepts the same signatures.

    `keyid` is what signatures are looked up by there. Without it it is the one that securesystemslib computes, SHA-256
    of the key as canonical JSON, which in-toto's programs compute too when they read a key from a file. To check one of
    our envelopes give `key.keyid`, because that is what stands in it.

    Raises InputError `simulated-key`, or `algorithm-unsupported` for ML-DSA.
    """
    from attest.interop._securesystemslib import write_key

    return write_key(key, keyid)


def key_from_securesystemslib(key: Key) -> PublicKey:
    """A securesystemslib key as ours, pinned to its scheme; its keyid and what else it carries stay behind.

    Raises InputError: `key-unsupported`, `algorithm-unsupported` (also for their ML-DSA), `key-invalid`,
    `key-too-weak`, `key-algorithm-mismatch`.
    """
    from attest.interop._securesystemslib import read_key

    return read_key(key)
