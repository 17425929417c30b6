"""How a token signs with each algorithm: the plans, best first, with their input and output.

Rule: the digest is computed here and has the right length, because CKM_ECDSA and the like sign any input.
"""

from __future__ import annotations

import ctypes
import hashlib
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from pkcs11 import MGF, Mechanism

from attest.signers.pkcs11.cryptoki import binding
from attest.signers.pkcs11.cryptoki.answers import demand_ok

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from attest.keys import Algorithm

_HASHES: Final[Mapping[str, tuple[Mechanism, MGF]]] = {
    "sha256": (Mechanism.SHA256, MGF.SHA256),
    "sha384": (Mechanism.SHA384, MGF.SHA384),
    "sha512": (Mechanism.SHA512, MGF.SHA512),
}
# DER of DigestInfo up to the digest, RFC 8017 section 9.2 note 1.
_DIGEST_INFO: Final[Mapping[str, bytes]] = {
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "sha384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "sha512": bytes.fromhex("3051300d060960864801650304020305000440"),
}

_MAX_SIGNATURE: Final = 8192  # bytes; those of ML-DSA-87 are the longest, with 4,627

_SIGN_INIT: Final = ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong)
_SIGN: Final = ctypes.CFUNCTYPE(
    ctypes.c_ulong, ctypes.c_ulong, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_void_p
)


@dataclass(frozen=True, slots=True)
class Plan:
    """One way to sign with a token: `form` says what the mechanism receives."""

    mechanism: Mechanism
    parameter: Any
    form: Literal["data", "digest", "digest-info"]
    algorithm: Algorithm

    @property
    def packed_parameter(self) -> bytes | None:
        """The parameter as the module takes it: CK_RSA_PKCS_PSS_PARAMS, three numbers, or none."""
        return None if self.parameter is None else struct.pack("LLL", *(int(number) for number in self.parameter))

    def prepare(self, data: bytes) -> bytes:
        """The input for the token."""
        if self.form == "data":
            return data
        digest = hashlib.new(self.algorithm.digest, data).digest()
        return digest if self.form == "digest" else _DIGEST_INFO[self.algorithm.digest] + digest

    def finish(self, signature: bytes) -> bytes:
        """The signature in the usual form: DER for ECDSA, for which a token returns r || s."""
        if self.algorithm.family != "ecdsa":
            return signature
        return _der(signature)

    def sign(self, key: Any, data: bytes) -> bytes:
        """Sign once with a private key object; raises the module's error."""
        return SignOperation(key, self).sign(data)

    def verify(self, key: Any, signature: bytes, data: bytes) -> bool:
        """Check a signature in the token, with a public key object."""
        try:
            raw = _raw(signature, self.algorithm) if self.algorithm.family == "ecdsa" else signature
        except (ValueError, OverflowError):
            return False  # neither DER nor r || s
        return bool(key.verify(self.prepare(data), raw, mechanism=self.mechanism, mechanism_param=self.parameter))


class SignOperation:
    """How one private key signs in one session: C_SignInit and C_Sign, with what stays the same prepared once.

    The signature is written into a buffer that holds the longest one, so its length is not requested in a third call.
    One thread at a time may use it.
    """

    def __init__(self, key: Any, plan: Plan) -> None:
        session = key.session
        self._plan = plan
        self._session: int = session.handle
        self._key: int = key.handle
        self._parameter = ctypes.create_string_buffer(plan.packed_parameter or b"")
        size = len(plan.packed_parameter or b"")
        pointer = ctypes.addressof(self._parameter) if size else None
        self._mechanism = binding.Mechanism(plan.mechanism, pointer, size)
        self._begin = binding.function(session, "SignInit", _SIGN_INIT)
        self._end = binding.function(session, "Sign", _SIGN)
        self._signature = ctypes.create_string_buffer(_MAX_SIGNATURE)
        self._length = ctypes.c_ulong()

    def sign(self, data: bytes, between: Callable[[], None] | None = None) -> bytes:
        """A signature over `data`; `between` is called between C_SignInit and C_Sign.

        Raises the module's error, or what `between` raises.
        """
        prepared = self._plan.prepare(data)
        demand_ok(self._begin(self._session, ctypes.addressof(self._mechanism), self._key))
        if between is not None:
            between()
        self._length.value = _MAX_SIGNATURE
        code = self._end(self._session, prepared, len(prepared), self._signature, ctypes.addressof(self._length))
        demand_ok(code)
        return self._plan.finish(ctypes.string_at(self._signature, min(self._length.value, _MAX_SIGNATURE)))


def plans(algorithm: Algorithm) -> list[Plan]:
    """The ways to sign with `algorithm`. Hashing here comes first: it works on most tokens, and moves least."""
    if algorithm.family == "ed25519":
        return [Plan(Mechanism.EDDSA, None, "data", algorithm)]
    if algorithm.family == "ml-dsa":
        return [Plan(Mechanism.ML_DSA, None, "data", algorithm)]
    digest = algorithm.digest.upper()
    if algorithm.family == "ecdsa":
        return [
            Plan(Mechanism.ECDSA, None, "digest", algorithm),
            Plan(Mechanism[f"ECDSA_{digest}"], None, "data", algorithm),
        ]
    if algorithm.family == "rsa-pkcs1v15":
        return [
            Plan(Mechanism.RSA_PKCS, None, "digest-info", algorithm),
            Plan(Mechanism[f"{digest}_RSA_PKCS"], None, "data", algorithm),
        ]
    # python-pkcs11's own default for PSS is SHA-1, so the parameters are always given.
    mechanism, mgf = _HASHES[algorithm.digest]
    parameter = (mechanism, mgf, hashlib.new(algorithm.digest).digest_size)
    return [
        Plan(Mechanism.RSA_PKCS_PSS, parameter, "digest", algorithm),
        Plan(Mechanism[f"{digest}_RSA_PKCS_PSS"], parameter, "data", algorithm),
    ]


def _der(raw: bytes) -> bytes:
    half = len(raw) // 2
    return encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))


def _raw(signature: bytes, algorithm: Algorithm) -> bytes:
    size = {"secp256r1": 32, "secp384r1": 48}[algorithm.parameter]
    if len(signature) == 2 * size:
        return signature
    r, s = decode_dss_signature(signature)
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")
