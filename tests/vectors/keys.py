"""The fixed keys of the vectors: made from seeds and primes in this file, so that anyone can sign with them."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.vectors import scenarios

if TYPE_CHECKING:
    from collections.abc import Callable

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493

# Not secrets: they were made for these vectors, as RSA keys can't be derived from a seed with `cryptography`.
_RSA_2048 = (
    (
        "df29cc59c4e3d64944dda06e00693c13f51efe6b5ee9e6f02da39cd512af898d1c05a3f66f00080a28716d5546480e72"
        "17c612a87a38e20b7f4e568598b23f72f7da94fd47c7962ae4e92670fe5f359d1d026b1b294dd17069c5228d5df1375d"
        "d51192a1a0cb051e2d480e095f936c3d5941fd37f46dbd92a7978f39cf3bf9b9"
    ),
    (
        "d0409d7dfac717455be410cd10f7171ec92c5ec99791178692b1a4208e99d2abc0b6c2e5ff95be3b066dd45c4a9c9166"
        "88d693a3a4e81850754c7d9db5fd9c90a10d5e29c32fc915a37530f214594e0eefd565acc0c6d6069d3abf50acfa5cad"
        "e6057d29331488ac52df2b69970fe8492191f6161d3fd3c7c8987686061a6e95"
    ),
)
_RSA_1024 = (
    (
        "f208593ccdd18827dfa2b37beda31e924040b3e13b6e8db97966fcf87a29fbaf596eca1d98d71f9d4d88e9141fcab5b0"
        "bb7cfd001eba5c7629c753a4eb3726bb"
    ),
    (
        "d4080618f161fb5ab0cc70c9424847d3ddd0ca2a8da42ca42b590d51eea8415cbb5c97c68f62e3451fdd326f2a362855"
        "15491bd812f173558ac03791e33c4087"
    ),
)

_HASHES = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}


@dataclass(frozen=True)
class Key:
    """A key pair and the algorithm that trust bundles pin it to; `private` is None where only the public half is."""

    algorithm: str
    private: Any
    public: Any

    @cached_property
    def spki(self) -> bytes:
        der: bytes = self.public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return der

    @cached_property
    def keyid(self) -> str:
        return hashlib.sha256(self.spki).hexdigest()

    @property
    def pem(self) -> str:
        return to_pem(self.spki)

    def pinned_to(self, algorithm: str) -> Key:
        """The same key pair under another algorithm."""
        return Key(algorithm, self.private, self.public)

    def sign(self, data: bytes, *, salt: int | None = None, context: bytes = b"") -> bytes:
        """The one signature over `data` that stays the same: derived, or kept from the stored vectors.

        `salt` is the length of a PSS salt, that of the digest by default; `context` is that of ML-DSA.
        """
        family, _, digest = self.algorithm.rpartition("-")
        if family == "ecdsa-sha2":
            bits: hashes.HashAlgorithm = hashes.SHA256() if digest == "nistp256" else hashes.SHA384()
            signed: bytes = self.private.sign(data, ec.ECDSA(bits, deterministic_signing=True))
            return signed
        if family == "rsa-pkcs1v15":
            return self.private.sign(data, padding.PKCS1v15(), _HASHES[digest])  # type: ignore[no-any-return]
        if family == "rsassa-pss":
            bits = _HASHES[digest]
            scheme = padding.PSS(padding.MGF1(bits), bits.digest_size if salt is None else salt)
            return _kept(
                lambda: self.private.sign(data, scheme, bits),
                lambda signature: self.public.verify(signature, data, scheme, bits),
            )
        if family == "ml-dsa":
            return _kept(
                lambda: self.private.sign(data, context),
                lambda signature: self.public.verify(signature, data, context),
            )
        return self.private.sign(data)  # type: ignore[no-any-return]


def to_pem(spki: bytes, label: str = "PUBLIC KEY") -> str:
    """PEM of any DER, so that what no library would write can be written."""
    body = base64.b64encode(spki).decode()
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


def negated(signature: bytes) -> bytes:
    """The other ECDSA P-256 signature that verifies wherever (r, s) does: (r, n - s)."""
    r, s = decode_dss_signature(signature)
    return encode_dss_signature(r, P256_ORDER - s)


def raw(signature: bytes, size: int) -> bytes:
    """A DER signature as r || s, each `size` bytes long."""
    r, s = decode_dss_signature(signature)
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def _kept(make: Callable[[], bytes], verify: Callable[[bytes], object]) -> bytes:
    # Fresh randomness would change the files at every run, and a stored signature that still holds is as good.
    for signature in _stored():
        try:
            verify(signature)
        except (InvalidSignature, ValueError):
            continue
        return signature
    _stored().append(fresh := make())
    return fresh


@cache
def _stored() -> list[bytes]:
    """The long signatures of the vectors as they are on disk: those of RSA and ML-DSA."""
    found: dict[bytes, None] = {}
    for name in scenarios.paths():
        for text in _signatures(scenarios.load(name).files[scenarios.ENVELOPE]):
            if isinstance(text, str) and len(text) > 256:
                found[base64.b64decode(text)] = None
    return list(found)


def _signatures(envelope: bytes) -> list[Any]:
    try:
        return [entry["sig"] for entry in json.loads(envelope)["signatures"]]
    except (ValueError, TypeError, KeyError, RecursionError):  # a broken one
        return []


def _seed(name: str, length: int = 32) -> bytes:
    return hashlib.shake_256(f"attest vectors: {name}".encode()).digest(length)


def _ed25519(name: str) -> Key:
    private = ed25519.Ed25519PrivateKey.from_private_bytes(_seed(name))
    return Key("ed25519", private, private.public_key())


def _ecdsa(algorithm: str, curve: ec.EllipticCurve) -> Key:
    # Of one bit less than the group order has, so that it is below it.
    scalar = int.from_bytes(_seed(algorithm, curve.key_size // 8), "big") >> 1
    private = ec.derive_private_key(scalar, curve)
    return Key(algorithm, private, private.public_key())


def _ml_dsa(algorithm: str, kind: Any) -> Key:
    private = kind.from_seed_bytes(_seed(algorithm))
    return Key(algorithm, private, private.public_key())


def _rsa(primes: tuple[str, str]) -> Key:
    p, q = (int(prime, 16) for prime in primes)
    exponent = 65537
    d = pow(exponent, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(exponent, p * q)
    private = rsa.RSAPrivateNumbers(
        p, q, d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q), public
    ).private_key()
    return Key("rsassa-pss-sha256", private, private.public_key())


ALICE, BOB, CAROL, STRANGER, SIMULATED = map(_ed25519, ("alice", "bob", "carol", "stranger", "simulated"))
P256 = _ecdsa("ecdsa-sha2-nistp256", ec.SECP256R1())
P384 = _ecdsa("ecdsa-sha2-nistp384", ec.SECP384R1())
P521 = _ecdsa("ecdsa-sha2-nistp521", ec.SECP521R1())
RSA = _rsa(_RSA_2048)
RSA_1024 = _rsa(_RSA_1024)
ML_DSA = {
    "ml-dsa-44": _ml_dsa("ml-dsa-44", mldsa.MLDSA44PrivateKey),
    "ml-dsa-65": _ml_dsa("ml-dsa-65", mldsa.MLDSA65PrivateKey),
    "ml-dsa-87": _ml_dsa("ml-dsa-87", mldsa.MLDSA87PrivateKey),
}
ED448 = Key("ed448", None, ed448.Ed448PrivateKey.from_private_bytes(_seed("ed448", 57)).public_key())

# protocol.md of DSSE gives this key with its test vector.
DSSE = Key(
    "ecdsa-sha2-nistp256",
    None,
    ec.EllipticCurvePublicNumbers(
        46950820868899156662930047687818585632848591499744589407958293238635476079160,
        5640078356564379163099075877009565129882514886557779369047442380624545832820,
        ec.SECP256R1(),
    ).public_key(),
)
