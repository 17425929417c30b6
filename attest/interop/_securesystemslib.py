"""Keys and signers of ours in securesystemslib's form, for `interop`; only importing it loads securesystemslib.

Rule: what is handed over is what their own verification accepts, or it isn't handed over.
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
    """A signer of ours as tuf and in-toto use one; closing it, or leaving its `with`, closes ours.

    Every method raises our errors: theirs names none but ValueError for wrong arguments, and tuf wraps whatever comes.
    """

    def __init__(self, signer: Signer, public_key: Key) -> None:
        self._signer = adapt(signer)
        self._public_key = public_key

    @classmethod
    def from_priv_key_uri(cls, priv_key_uri: str, public_key: Key, secrets_handler: Secrets | None = None) -> Self:
        """Open the signer at `priv_key_uri` and make sure that `public_key` is its own; `Signer` of theirs calls it.

        It connects for that. Raises SignerError as the signer does, `key-mismatch`, or `key-algorithm-mismatch` for an
        RSA key with another scheme; InputError as `read_key` does.
        """
        expected = read_key(public_key, _PURE.get(public_key.scheme))
        signer = open_signer(priv_key_uri, secrets=secrets_handler)
        where = str(signer.uri)
        try:
            held = signer.public_key
            _refuse_simulated(held)
            if held.spki != expected.spki:
                message = f"the signer holds {held.keyid}, and the public key it was given is {expected.keyid}"
                raise SignerError("key-mismatch", message, where=where)
            if held.algorithm != expected.algorithm:
                raise SignerError(
                    "key-algorithm-mismatch",
                    f"the signer signs with {held.algorithm.name}, and the public key is for {expected.algorithm.name}",
                    where=where,
                    hint="Name the algorithm in the URI: `algorithm=` in file:, `x-algorithm=` in pkcs11:.",
                )
        except BaseException:
            signer.close()
            raise
        return cls(signer, public_key)

    @property
    def public_key(self) -> Key:
        """The public key in their form, under the keyid that its signatures carry."""
        return self._public_key

    def sign(self, payload: bytes) -> TheirSignature:
        """Sign `payload` as the public key's scheme says; the signature is in hex, ECDSA's is DER.

        Raises SignerError as the signer does, or `signature-faulty` where securesystemslib refuses the signature.
        """
        hashed = self._public_key.scheme in _PURE
        made = self._signer.sign(_tap21(payload) if hashed else payload)
        signature = TheirSignature(self._public_key.keyid, made.sig.hex())
        try:
            self._public_key.verify_signature(signature, payload)
        except UnverifiedSignatureError:
            raise SignerError(
                "signature-faulty",
                "the signer returned a signature that securesystemslib refuses, so it was not handed over",
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
            f"securesystemslib has no {name}: its {scheme} signs a hash, and refuses what this key accepts",
            where=key.keyid,
        )
    return SSlibKey.from_crypto(load_der_public_key(key.spki), keyid, scheme)


def read_key(theirs: Key, algorithm: str | None = None) -> PublicKey:
    """Their key as ours, pinned to its scheme or to `algorithm`. Raises InputError."""
    pair = (theirs.keytype, theirs.scheme)
    if not isinstance(theirs, SSlibKey) or pair not in KEY_FOR_TYPE_AND_SCHEME:
        raise InputError("key-unsupported", f"{'/'.join(pair)} keys are not used here", where=theirs.keyid)
    document = {"scheme": algorithm or theirs.scheme, "keyval": {"public": theirs.keyval["public"]}}
    try:
        return PublicKey.parse(dumps(document))
    except InputError as error:
        raise error.at(theirs.keyid) from None


def _refuse_simulated(key: PublicKey) -> None:
    if key.simulated:
        raise InputError(
            "simulated-key",
            "anyone can sign with this key, and securesystemslib's verifiers could not tell",
            where=key.keyid,
            hint="Use a key in a file to try things out: `attest key generate file:PATH`.",
        )


def _tap21(payload: bytes) -> bytes:
    """What version 1 of TUF's ML-DSA schemes signs, TAP 21."""
    return b"tuf\x01" + hashlib.sha512(payload).digest()
