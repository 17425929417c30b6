"""Public keys and the algorithm table: parse a key, name it, verify with it.

Rule: the algorithm belongs to the key, is pinned when the key is read, and is never taken from what is being verified.
"""

from __future__ import annotations

import binascii
import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal

from attest._base.expected import demand_bytes
from attest._base.json import b64encode, loads_object
from attest.errors import InputError, Rejected
from attest.keys.checks import STEP, checker
from attest.keys.formats import (
    ED25519_SPKI,
    SIMULATED_NOTE,
    classify,
    ed25519_spki,
    load,
    read_certificate,
    without_note,
)
from attest.keys.formats import Certificate as Certificate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

    from attest.keys.checks import Accepts, Checker

# What a simulated key's keyid begins with, wherever it is written.
SIMULATED_PREFIX = "sim:"

Family = Literal["ed25519", "ecdsa", "rsassa-pss", "rsa-pkcs1v15", "ml-dsa"]


@dataclass(frozen=True, slots=True)
class Algorithm:
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

# Names that also say that the private key lives in a token.
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
        raise InputError(
            "algorithm-unsupported",
            f"there is no signature algorithm {name!r} here",
            hint=f"Choose from {', '.join([*ALGORITHMS, *HSM_ALGORITHMS])}.",
        )
    return algorithm


class PublicKey:
    """A public key, pinned to one algorithm.

    `spki` is its canonical DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7) and is what makes two keys the same:
    encodings, keyids and algorithms don't. A `simulated` key is one that anybody can sign with.
    """

    def __init__(self, algorithm: Algorithm, spki: bytes, *, simulated: bool = False) -> None:
        self.algorithm = algorithm
        self.spki = spki
        self.simulated = simulated

    @classmethod
    def parse(cls, data: bytes, *, algorithm: str | None = None, what: str = "this key") -> PublicKey:
        """Read a key from PEM or DER SubjectPublicKeyInfo, an X.509 certificate, or a securesystemslib JSON key.

        Of a certificate, or of an RSA key that says what it is for (id-RSASSA-PSS), only the key is taken, and what
        else a certificate says is `certificate(data)`, for whoever goes on to trust its key; PKCS #1 `RSA PUBLIC KEY`
        is read too. Without `algorithm` the key's type decides, and RSA means rsassa-pss-sha256.

        Raises InputError: `key-invalid`, `key-unsupported`, `key-too-weak`, `algorithm-unsupported`,
        `key-algorithm-mismatch`, or `json-invalid` for JSON that isn't.
        """
        demand_bytes(data, "public key")
        simulated, body = without_note(data)
        chosen = None if algorithm is None else algorithm_named(algorithm)
        if body.lstrip().startswith(b"{"):
            body, chosen = _from_securesystemslib(body, chosen, what)
        if (spki := ed25519_spki(body)) is not None:
            return cls(_fitting(chosen, "ed25519", "", what), spki, simulated=simulated)
        return cls._of(load(body, what), chosen, simulated=simulated, what=what)

    @classmethod
    def _of(
        cls, key: PublicKeyTypes, chosen: Algorithm | None, *, simulated: bool = False, what: str = "this key"
    ) -> PublicKey:
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        family, parameter = classify(key, what)
        algorithm = _fitting(chosen, family, parameter, what)
        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return cls(algorithm, spki, simulated=simulated)

    @cached_property
    def keyid(self) -> str:
        """Lower-case hex SHA-256 of `spki`; a simulated key's is marked with `sim:` in front."""
        return (SIMULATED_PREFIX if self.simulated else "") + hashlib.sha256(self.spki).hexdigest()

    @property
    def rsa_bits(self) -> int | None:
        """The size of an RSA key's modulus, and None for other keys."""
        if not self.algorithm.family.startswith("rsa"):
            return None
        from cryptography.hazmat.primitives.serialization import load_der_public_key

        return load_der_public_key(self.spki).key_size  # type: ignore[union-attr]

    def verify(self, signature: bytes, data: bytes) -> None:
        """Return if `signature` is this key's over exactly `data`. Raises Rejected `signature-invalid`."""
        if not self.accepts(signature, data):
            raise Rejected("signature-invalid", "the signature is not this key's over these bytes", where=self.keyid)

    def accepts(self, signature: bytes, data: bytes, digests: dict[str, bytes] | None = None) -> bool:
        """The same question as `verify`, for those who must try several keys and count.

        `digests` keeps the digests of `data`, for who asks several keys about the same data.
        """
        return self._accepts(signature, data, digests)

    def fits(self, signature: bytes) -> bool:
        """Whether a signature has the form of this key's; it is not checked."""
        return self._checker.fits(signature)

    def tries(self, size: int) -> int:
        """What it costs to ask about a signature over `size` bytes, in tries (attest.limits)."""
        return self._checker.tries + (size // STEP if self._checker.hashes_all else 0)

    @cached_property
    def _accepts(self) -> Accepts:
        return self._checker.accepts

    @cached_property
    def _checker(self) -> Checker:
        return checker(self.algorithm, self.spki)

    def to_pem(self) -> str:
        """PEM SubjectPublicKeyInfo (RFC 7468 section 13); a simulated key's says so in a line before it."""
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
        self.algorithm, self.spki, self.simulated = state


def certificate(data: bytes) -> Certificate | None:
    """What else the certificate says that `PublicKey.parse` takes a key out of; None where `data` is no certificate."""
    _, body = without_note(data)
    if body.lstrip().startswith(b"{"):
        body, _ = _from_securesystemslib(body, None, "this key")
    return read_certificate(body)


def _from_securesystemslib(data: bytes, chosen: Algorithm | None, what: str) -> tuple[bytes, Algorithm]:
    document = loads_object(data, what=what)
    scheme, value = document.get("scheme"), document.get("keyval")
    public = value.get("public") if isinstance(value, dict) else None
    if not isinstance(scheme, str) or not isinstance(public, str):
        raise InputError("key-invalid", f"{what} is JSON, but has no `scheme` and `keyval.public` of a key")
    pinned = algorithm_named(scheme)
    if chosen is not None and chosen != pinned:
        raise InputError("key-algorithm-mismatch", f"{what} is pinned to {pinned.name}, not to {chosen.name}")
    if pinned.family == "ed25519" and "BEGIN" not in public:
        try:
            return ED25519_SPKI + binascii.unhexlify(public), pinned
        except ValueError:
            raise InputError("key-invalid", f"{what}: `keyval.public` is not hex") from None
    return public.encode(), pinned


def _fitting(chosen: Algorithm | None, kind: str, parameter: str, what: str) -> Algorithm:
    """The algorithm `chosen` if it fits a key of this kind, or the kind's own where none was chosen."""
    families = ("rsassa-pss", "rsa-pkcs1v15") if kind == "rsa" else (kind,)
    for algorithm in ALGORITHMS.values() if chosen is None else (chosen,):
        if algorithm.family in families and algorithm.parameter == parameter:
            return algorithm
    name = f"{kind} {parameter}".strip()
    if chosen is None:
        raise InputError("key-unsupported", f"{what} is an {name} key, which is not used here")
    raise InputError("key-algorithm-mismatch", f"{what} is a key for {name}, which {chosen.name} doesn't fit")
