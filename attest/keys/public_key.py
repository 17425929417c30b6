"""Public keys and the algorithm table: parse a key, name it, verify with it.

Rule: the algorithm belongs to the key, is pinned when the key is read, and is never taken from what is being verified.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from attest._base.expected import demand_bytes
from attest._base.json import b64encode
from attest._base.text import did_you_mean
from attest.errors import InputError, Rejected
from attest.keys.checks import STEP, checker
from attest.keys.documents import JWK_ALGORITHMS, key_in
from attest.keys.formats import (
    SIMULATED_NOTE,
    SUPPORTED,
    classify,
    ed25519_spki,
    load,
    read_certificate,
    without_note,
)
from attest.keys.formats import Certificate as Certificate
from attest.keys.texts import spki_in, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

    from attest.envelope import LargePae
    from attest.keys.checks import Accepts, Checker

# The prefix of the keyid of a simulated key, in every format.
SIMULATED_PREFIX = "sim:"

Family = Literal["ed25519", "ecdsa", "rsassa-pss", "rsa-pkcs1v15", "ml-dsa"]
_RSA: Final = ("rsassa-pss", "rsa-pkcs1v15")


class Algorithm(NamedTuple):
    """A signature algorithm under its securesystemslib scheme name.

    `digest` is the hash of ECDSA and RSA, `parameter` the curve or the ML-DSA parameter set.
    """

    name: str
    family: Family
    digest: str = ""
    parameter: str = ""

    @property
    def security(self) -> Literal["classical", "post-quantum"]:
        """Whether the algorithm is meant to withstand a quantum computer."""
        return "post-quantum" if self.family == "ml-dsa" else "classical"

    @property
    def described(self) -> str:
        """The name, and the digest if it is not that of the name."""
        is_usual = self.digest == ALGORITHMS[self.name].digest
        return self.name if is_usual else f"{self.name} with {self.digest}"


ALGORITHMS: Final[Mapping[str, Algorithm]] = {
    algorithm.name: algorithm
    for algorithm in (
        Algorithm("ed25519", "ed25519"),
        Algorithm("ecdsa-sha2-nistp256", "ecdsa", "sha256", "secp256r1"),
        Algorithm("ecdsa-sha2-nistp384", "ecdsa", "sha384", "secp384r1"),
        Algorithm("rsassa-pss-sha256", "rsassa-pss", "sha256"),
        Algorithm("rsassa-pss-sha384", "rsassa-pss", "sha384"),
        Algorithm("rsassa-pss-sha512", "rsassa-pss", "sha512"),
        Algorithm("rsa-pkcs1v15-sha256", "rsa-pkcs1v15", "sha256"),
        Algorithm("rsa-pkcs1v15-sha384", "rsa-pkcs1v15", "sha384"),
        Algorithm("rsa-pkcs1v15-sha512", "rsa-pkcs1v15", "sha512"),
        Algorithm("ml-dsa-44", "ml-dsa", parameter="44"),
        Algorithm("ml-dsa-65", "ml-dsa", parameter="65"),
        Algorithm("ml-dsa-87", "ml-dsa", parameter="87"),
    )
}

# The digests other than its own that a key of an algorithm can be pinned to: cosign signs with P-384 and SHA-256.
OTHER_DIGESTS: Final[Mapping[str, tuple[str, ...]]] = {"ecdsa-sha2-nistp384": ("sha256",)}

# Names that also say that the private key is in a token.
HSM_ALGORITHMS: Final[Mapping[str, str]] = {
    "HSM-RSA-SHA256": "rsa-pkcs1v15-sha256",
    "HSM-RSA-SHA384": "rsa-pkcs1v15-sha384",
    "HSM-RSA-SHA512": "rsa-pkcs1v15-sha512",
    "HSM-RSA-PSS-SHA256": "rsassa-pss-sha256",
    "HSM-ECDSA-P256": "ecdsa-sha2-nistp256",
    "HSM-ECDSA-P384": "ecdsa-sha2-nistp384",
}

# The names of keys in tokens that encrypt, and their size in bits.
AES_ALGORITHMS: Final[Mapping[str, int]] = {"HSM-AES-128-GCM": 128, "HSM-AES-256-GCM": 256}


def algorithm_named(name: str) -> Algorithm:
    """The algorithm for a scheme name or an `HSM-` name. Raises InputError `algorithm-unsupported`."""
    algorithm = ALGORITHMS.get(HSM_ALGORITHMS.get(name, name))
    if algorithm is None:
        known = [*ALGORITHMS, *HSM_ALGORITHMS]
        meant = JWK_ALGORITHMS.get(name)  # of JOSE, whose names people know best
        hint = f"Did you mean {meant!r}?" if meant else did_you_mean(name, known, f"Use one of: {', '.join(known)}.")
        raise InputError("algorithm-unsupported", f"unknown signature algorithm {name!r}", hint=hint)
    return algorithm


@dataclass(frozen=True, eq=False, repr=False)
class PublicKey:
    """A public key, pinned to one algorithm. It is read-only.

    `spki` is its canonical DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7). Two keys are the same key if their
    `spki` is the same, whatever their encodings, keyids and algorithms are. Everyone can sign with a `simulated` key.
    """

    algorithm: Algorithm
    spki: bytes
    simulated: bool = field(default=False, kw_only=True)

    @classmethod
    def parse(cls, data: bytes, *, algorithm: str | None = None, what: str = "the key") -> PublicKey:
        """Read a key from one of the formats of docs/develop/interop.md; the content decides which one it is.

        PEM and DER hold a SubjectPublicKeyInfo, a PKCS #1 `RSA PUBLIC KEY` or an X.509 certificate, of which only the
        key is used; `certificate(data)` returns its validity period. The parameters of an RSA key for PSS
        (id-RSASSA-PSS) are not used either. A JWK with `alg` and a key of securesystemslib pin the algorithm. Without
        those and without `algorithm`, the type of the key decides; for RSA it is rsassa-pss-sha256. `what` names the
        key in messages.

        Raises InputError: `key-invalid`, `key-unsupported`, `key-too-weak`, `algorithm-unsupported`,
        `key-algorithm-mismatch`, or `json-invalid` for invalid JSON.
        """
        demand_bytes(data, "public key")
        try:
            return cls._read(data, algorithm, what)
        except InputError as error:
            if error.code not in ("key-invalid", "json-invalid"):
                raise
            from attest._base import documents  # only to word an error

            own = (documents.PUBLIC_KEY, documents.PRIVATE_KEY, documents.CERTIFICATE)
            raise documents.named(error, data, "a public key", *own, what=what) from None

    @classmethod
    def _read(cls, data: bytes, algorithm: str | None, what: str) -> PublicKey:
        simulated, body = without_note(data)
        chosen = None if algorithm is None else algorithm_named(algorithm)
        spki = ed25519_spki(body)
        if spki is None:
            body, pinned = _unpacked(body, what)
            chosen = _agreed(chosen, pinned, what)
            within, body = without_note(body)  # JSON may have the note in another spelling
            simulated = simulated or within
            spki = ed25519_spki(body)
        if spki is not None:
            return cls(_fitting(chosen, "ed25519", "", what), spki, simulated=simulated)
        return cls._of(load(body, what), chosen, simulated=simulated, what=what)

    @classmethod
    def _of(
        cls, key: PublicKeyTypes, chosen: Algorithm | None, *, simulated: bool = False, what: str = "the key"
    ) -> PublicKey:
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        family, parameter = classify(key, what)
        algorithm = _fitting(chosen, family, parameter, what)
        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return cls(algorithm, spki, simulated=simulated)

    def with_digest(self, digest: str) -> PublicKey:
        """The same key, pinned to another digest than that of its algorithm.

        Only `sha256` for ecdsa-sha2-nistp384 is supported. It is for signatures that others made: signers of attest use
        the digest of the algorithm. Raises InputError `key-algorithm-mismatch`.
        """
        name = self.algorithm.name
        if digest != ALGORITHMS[name].digest and digest not in OTHER_DIGESTS.get(name, ()):
            raise InputError("key-algorithm-mismatch", f"a key for {name} cannot have the digest {digest!r}")
        return PublicKey(self.algorithm._replace(digest=digest), self.spki, simulated=self.simulated)

    def other_schemes(self) -> list[PublicKey]:
        """The same key, pinned to each other scheme that it could have in a trust bundle."""
        own = self.algorithm
        if own.family in _RSA:
            found = [one for one in ALGORITHMS.values() if one.family in _RSA and one != own]
            return [PublicKey(one, self.spki, simulated=self.simulated) for one in found]
        digests = {ALGORITHMS[own.name].digest, *OTHER_DIGESTS.get(own.name, ())} - {own.digest}
        return [self.with_digest(digest) for digest in sorted(digests)]

    @cached_property
    def keyid(self) -> str:
        """Lower-case hex SHA-256 of `spki`, with the prefix `sim:` for a simulated key."""
        return (SIMULATED_PREFIX if self.simulated else "") + hashlib.sha256(self.spki).hexdigest()

    @property
    def rsa_bits(self) -> int | None:
        """The size of an RSA key's modulus, and None for other keys."""
        if not self.algorithm.family.startswith("rsa"):
            return None
        from cryptography.hazmat.primitives.serialization import load_der_public_key

        return load_der_public_key(self.spki).key_size  # type: ignore[union-attr]

    def verify(self, signature: bytes, data: bytes) -> None:
        """Return if the key made `signature` over exactly `data`. Raises Rejected `signature-invalid`."""
        if not self.accepts(signature, data):
            raise Rejected("signature-invalid", "the key did not make the signature over the data", where=self.keyid)

    def accepts(self, signature: bytes, data: bytes | LargePae, digests: dict[str, bytes] | None = None) -> bool:
        """Whether the key made `signature` over exactly `data`; for callers that try several keys.

        `digests` caches the digests of `data` for several keys.
        """
        return self._accepts(signature, data, digests)

    def fits(self, signature: bytes) -> bool:
        """Whether a signature has the form of signatures by this key; it is not checked."""
        return self._checker.fits(signature)

    def tries(self, size: int) -> int:
        """The cost of checking a signature over `size` bytes, in tries (attest.limits)."""
        return self._checker.tries + (size // STEP if self._checker.hashes_all else 0)

    @cached_property
    def _accepts(self) -> Accepts:
        return self._checker.accepts

    @cached_property
    def _checker(self) -> Checker:
        return checker(self.algorithm, self.spki)

    def to_pem(self) -> str:
        """PEM SubjectPublicKeyInfo (RFC 7468 section 13); for a simulated key, with a note in a line before it."""
        body = b64encode(self.spki)
        lines = [body[start : start + 64] for start in range(0, len(body), 64)]
        note = SIMULATED_NOTE if self.simulated else ""
        return note + "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PublicKey):
            return NotImplemented
        return self.spki == other.spki and self.algorithm == other.algorithm

    def __hash__(self) -> int:
        return hash((self.spki, self.algorithm))

    def __repr__(self) -> str:
        return f"PublicKey({self.algorithm.name!r}, {self.keyid!r})"

    def __getstate__(self) -> tuple[Algorithm, bytes, bool]:
        return self.algorithm, self.spki, self.simulated

    def __setstate__(self, state: tuple[Algorithm, bytes, bool]) -> None:
        self.__dict__.update(zip(("algorithm", "spki", "simulated"), state, strict=True))


def certificate(data: bytes) -> Certificate | None:
    """The certificate from which `PublicKey.parse` reads a key, or None if `data` is not a certificate."""
    _, body = without_note(data)
    body, _ = _unpacked(body, "the key")
    return read_certificate(body)


def _unpacked(data: bytes, what: str) -> tuple[bytes, str | None]:
    """What `data` holds as PEM or DER, and the name of the algorithm that it pins the key to, if any."""
    text = text_of(data)
    if text is None:
        return data, None
    if text.lstrip().startswith("{"):
        return key_in(data, what)
    return spki_in(text, what) or data, None


def _agreed(chosen: Algorithm | None, name: str | None, what: str) -> Algorithm | None:
    """The algorithm that the caller or the document chose, which must not differ."""
    if name is None:
        return chosen
    pinned = algorithm_named(name)
    if chosen is not None and chosen != pinned:
        message = f"expected algorithm {chosen.name}, but {what} is pinned to {pinned.name}"
        raise InputError("key-algorithm-mismatch", message, hint=f"Use {pinned.name}, or another key.")
    return pinned


def _fitting(chosen: Algorithm | None, kind: str, parameter: str, what: str) -> Algorithm:
    """The algorithm `chosen` if a key of this type can have it, or the default of the type if none was chosen."""
    families = _RSA if kind == "rsa" else (kind,)
    for algorithm in ALGORITHMS.values() if chosen is None else (chosen,):
        if algorithm.family in families and algorithm.parameter == parameter:
            return algorithm
    name = f"{kind} {parameter}".strip()
    if chosen is None:
        raise InputError("key-unsupported", f"the type of {what} is not supported: {name}", hint=SUPPORTED)
    message = f"expected a key for algorithm {chosen.name}, but the type of {what} is {name}"
    possible = [one.name for one in ALGORITHMS.values() if one.family in families and one.parameter == parameter]
    hint = f"Leave out the algorithm, or use {' or '.join(possible)}." if possible else SUPPORTED
    raise InputError("key-algorithm-mismatch", message, hint=hint)
