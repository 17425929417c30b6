"""Keys and signers of attest in the form of securesystemslib, for `interop`. Importing it loads securesystemslib.

Rule: a signature is returned only if securesystemslib itself verifies it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, Self

from cryptography.hazmat.primitives.serialization import load_der_public_key
from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import KEY_FOR_TYPE_AND_SCHEME, Key, SSlibKey  # type: ignore[attr-defined]
from securesystemslib.signer import Signature as TheirSignature  # type: ignore[attr-defined]
from securesystemslib.signer import Signer as TheirSigner  # type: ignore[attr-defined]

from attest._base.json import dumps
from attest.errors import InputError, SignerError
from attest.keys import ALGORITHMS, PublicKey
from attest.signers import open_signer
from attest.signers._adapter import adapt

if TYPE_CHECKING:
    from attest.signers import Secrets, Signer

# Their ML-DSA schemes sign a hash, TAP 21. The keys are those of pure ML-DSA and the signatures are not.
_OF_A_HASH: Final = {name: f"{name}/1" for name, algorithm in ALGORITHMS.items() if algorithm.family == "ml-dsa"}
_PURE: Final = {theirs: ours for ours, theirs in _OF_A_HASH.items()}


class BridgedSigner(TheirSigner):
    """A signer of attest as tuf and in-toto use one; closing it, or leaving its `with`, closes the signer of attest.

    Every method raises errors of attest: securesystemslib defines only ValueError for wrong arguments, and tuf wraps
    every exception.
    """

    def __init__(self, signer: Signer, public_key: Key) -> None:
        self._signer = adapt(signer)
        self._public_key = public_key

    @classmethod
    def from_priv_key_uri(cls, priv_key_uri: str, public_key: Key, secrets_handler: Secrets | None = None) -> Self:
        """Open the signer at `priv_key_uri` and check that it has `public_key`; securesystemslib calls this.

        It connects. Raises SignerError as the signer does, `key-mismatch`, or `key-algorithm-mismatch` for an RSA key
        with another scheme; InputError as `read_key` does.
        """
        expected = read_key(public_key, _PURE.get(public_key.scheme))
        signer = open_signer(priv_key_uri, secrets=secrets_handler)
        where = str(signer.uri)
        try:
            held = signer.public_key
            _refuse_simulated(held)
            if held.spki != expected.spki:
                message = f"expected key {expected.keyid}, found {held.keyid} in the signer"
                raise SignerError("key-mismatch", message, where=where)
            if held.algorithm != expected.algorithm:
                raise SignerError(
                    "key-algorithm-mismatch",
                    f"expected algorithm {expected.algorithm.name}, as in the public key, found {held.algorithm.name}",
                    where=where,
                    hint="Name the algorithm in the URI: `algorithm=` for file:, `x-algorithm=` for pkcs11:.",
                )
        except BaseException:
            signer.close()
            raise
        return cls(signer, public_key)

    @property
    def public_key(self) -> Key:
        """The public key in their form, with the keyid of its signatures."""
        return self._public_key

    def sign(self, payload: bytes) -> TheirSignature:
        """Sign `payload` with the scheme of the public key. The signature is in hex; an ECDSA signature is DER.

        Raises SignerError as the signer does, or `signature-faulty` if securesystemslib does not verify the signature.
        """
        hashed = self._public_key.scheme in _PURE
        made = self._signer.sign(_tap21(payload) if hashed else payload)
        signature = TheirSignature(self._public_key.keyid, made.sig.hex())
        try:
            self._public_key.verify_signature(signature, payload)
        except UnverifiedSignatureError:
            raise SignerError(
                "signature-faulty",
                "the signer returned a signature that securesystemslib does not verify",
                where=str(self._signer.uri),
            ) from None
        return signature

    def close(self) -> None:
        """Close the signer behind it."""
        self._signer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._signer!r})"


def write_key(key: PublicKey, keyid: str | None, *, for_signing: bool = False) -> SSlibKey:
    """Our key in their form; only `for_signing` is an ML-DSA key one of TAP 21. Raises InputError."""
    _refuse_simulated(key)
    name = key.algorithm.name
    scheme = _OF_A_HASH.get(name, name)
    if scheme != name and not for_signing:
        raise InputError(
            "algorithm-unsupported",
            f"securesystemslib does not support {name}: its {scheme} signs a hash",
            where=key.keyid,
        )
    return SSlibKey.from_crypto(load_der_public_key(key.spki), keyid, scheme)


def read_key(theirs: Key, algorithm: str | None = None) -> PublicKey:
    """Their key as ours, pinned to its scheme or to `algorithm`. Raises InputError."""
    pair = (theirs.keytype, theirs.scheme)
    if not isinstance(theirs, SSlibKey) or pair not in KEY_FOR_TYPE_AND_SCHEME:
        raise InputError("key-unsupported", f"the key type {'/'.join(pair)} is not supported", where=theirs.keyid)
    document = {"scheme": algorithm or theirs.scheme, "keyval": {"public": theirs.keyval["public"]}}
    try:
        return PublicKey.parse(dumps(document))
    except InputError as error:
        raise error.at(theirs.keyid) from None


def _refuse_simulated(key: PublicKey) -> None:
    if key.simulated:
        raise InputError(
            "simulated-key",
            "a simulated key cannot be converted: its mark would be lost",
            where=key.keyid,
            hint="Use a key in a file for tests: `attest key generate file:PATH`.",
        )


def _tap21(payload: bytes) -> bytes:
    """The input of version 1 of TUF's ML-DSA schemes (TAP 21)."""
    return b"tuf\x01" + hashlib.sha512(payload).digest()
