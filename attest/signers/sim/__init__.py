"""`sim:NAME[?algorithm=NAME]`: the simulator. Real cryptography, keys derived from NAME, and no secret at all.

Rule: anyone can make these keys, so everything that comes from here is marked as simulated.
"""

from __future__ import annotations

import hashlib
import os
import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

from attest import digest
from attest._base import files
from attest.errors import InputError, SignerError
from attest.keys import Algorithm, PublicKey, algorithm_named
from attest.signers import _keyfiles, _software
from attest.signers._base import BaseSigner
from attest.signers._uri import SignerURI, percent_decode
from attest.signers.sim import faults

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from attest.envelope import Signature
    from attest.signers._protocol import AttributeCheck, KeyHealth
    from attest.signers._secrets import Secrets

EXAMPLE = "sim:test"

_STATE = "~/.local/state/attest/sim"
_NONCE_BYTES = 12
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


class SimSigner(BaseSigner):
    """A simulated token with one key.

    Its URI can request faults (attest.signers.sim.faults). RSA keys cannot be derived: they are generated once and kept
    in the directory `state`.
    """

    def __init__(self, uri: SignerURI, secrets: Secrets | None = None) -> None:
        super().__init__(uri)
        uri.expect_query({"algorithm", "state", *faults.QUERY})
        self._name = percent_decode(uri.path, where=str(uri))
        if not _NAME.fullmatch(self._name):
            raise SignerError(
                "signer-uri-invalid",
                "the name of a simulator may contain only letters, digits, '.', '_' and '-'",
                where=str(uri),
            )
        try:
            self._algorithm = algorithm_named(uri.query.get("algorithm", "ed25519"))
        except InputError as error:
            raise _software.as_signer_error(error, str(uri)) from None
        self._faults = faults.Faults(uri, secrets)

    @property
    def capabilities(self) -> frozenset[str]:
        """All capabilities: a simulator has both a key pair and a secret key."""
        return frozenset({"sign", "verify", "encrypt", "decrypt", "digest"})

    @property
    def public_key(self) -> PublicKey:
        """The key that NAME and the algorithm give, the same on every machine (RSA: for every user)."""
        self._demand_open()
        return self._key.public_key

    def sign(self, data: bytes) -> Signature:
        """Sign `data`. Raises SignerError `token-failed` or `token-lost` for the faults of the URI."""
        with self._operation():
            return self._key.sign(data)

    def verify(self, signature: bytes, data: bytes) -> None:
        """Check a signature, under the same faults. Raises Rejected `signature-invalid`."""
        with self._operation():
            self._key.public_key.verify(signature, data)

    def encrypt(self, data: bytes, associated: bytes = b"") -> bytes:
        """Nonce, ciphertext and tag of AES-256-GCM with a key that NAME gives, under the same faults."""
        nonce = os.urandom(_NONCE_BYTES)
        with self._operation():
            return nonce + self._cipher.encrypt(nonce, data, associated)

    def decrypt(self, data: bytes, associated: bytes = b"") -> bytes:
        """Undo `encrypt`, under the same faults. Raises SignerError `decryption-failed`."""
        from cryptography.exceptions import InvalidTag

        try:
            with self._operation():
                return self._cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], associated)
        except (InvalidTag, ValueError):
            message = "the data was changed, or was encrypted with another key or for another purpose"
            raise SignerError("decryption-failed", message, where=str(self.uri)) from None

    def digest(self, data: bytes, algorithm: str = "sha256") -> str:
        """The hex digest of `data`, under the same faults. Raises SignerError `mechanism-missing`."""
        with self._operation():
            if algorithm not in digest.COMMON:
                raise SignerError(
                    "mechanism-missing", f"the simulator does not support {algorithm}", where=str(self.uri)
                )
            return hashlib.new(algorithm, data).hexdigest()

    def health(self) -> list[tuple[KeyHealth, tuple[AttributeCheck, ...]]]:
        """The state of each simulated slot, if there are several or if one can disconnect."""
        interesting = {"slots", "disconnect-after"} & self.uri.query.keys()
        return [(slot, ()) for slot in self._faults.slots()] if interesting else []

    def _operation(self) -> AbstractContextManager[None]:
        self._demand_open()
        return self._faults.operation()

    @cached_property
    def _cipher(self) -> AESGCM:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return AESGCM(_seed(self._name, "HSM-AES-256-GCM", 32))

    @cached_property
    def _key(self) -> _software.SoftwareKey:
        private = _derive(self._name, self._algorithm) or self._kept()
        try:
            return _software.SoftwareKey.of(private, self._algorithm.name, simulated=True)
        except InputError as error:
            raise _software.as_signer_error(error, str(self.uri)) from None

    def _kept(self) -> Any:
        folder = os.path.expanduser(self.uri.query.get("state", _STATE))
        path = os.path.join(folder, f"{self._name}.rsa.pem")
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            if not os.path.lexists(path):
                self._keep(path)
            return _keyfiles.read(files.read(path), lambda: None, where=path).private
        except (OSError, ValueError) as error:
            reason = files.reason(error) if isinstance(error, OSError) else "it is not a valid path"
            message = f"the directory {folder!r} cannot be used: {reason}"
            raise SignerError("state-unwritable", message, where=str(self.uri)) from None
        except InputError as error:
            raise SignerError("state-unwritable", str(error), where=str(self.uri)) from None

    def _keep(self, path: str) -> None:
        try:
            files.write(path, _software.to_pem(_software.generate(self._algorithm)), mode=0o600, overwrite=False)
        except InputError as error:
            if error.code != "output-exists":  # another process was first, and its key is as good
                raise


def open_signer(uri: SignerURI, secrets: Secrets | None) -> BaseSigner:
    """The signer for a `sim:` URI; it has no secrets."""
    return SimSigner(uri, secrets)


def generate_key(uri: SignerURI, algorithm: Algorithm | None, secret: object) -> BaseSigner:
    """The key always exists; an algorithm other than that of the URI is an error."""
    signer = SimSigner(uri)
    if algorithm and algorithm != signer.public_key.algorithm:
        hint = f"Name the algorithm in the URI: `sim:NAME?algorithm={algorithm.name}`."
        message = f"expected algorithm {signer.public_key.algorithm.name}, as in the signer URI, found {algorithm.name}"
        raise SignerError("signer-uri-invalid", message, where=str(uri), hint=hint)
    return signer


def _derive(name: str, algorithm: Algorithm) -> Any:
    """The private key that is derived from `name`, or None for RSA, which `cryptography` cannot derive from a seed."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    def seed(length: int) -> bytes:
        return _seed(name, algorithm.name, length)

    match algorithm.family:
        case "ed25519":
            return ed25519.Ed25519PrivateKey.from_private_bytes(seed(32))
        case "ecdsa":
            # 16 bytes more than the order has, so that the remainder is as good as uniform (FIPS 186-5 A.2.1).
            order = _ORDERS[algorithm.parameter]
            scalar = int.from_bytes(seed(order.bit_length() // 8 + 16), "big") % (order - 1) + 1
            return ec.derive_private_key(scalar, _software.curve(algorithm))
        case "ml-dsa":
            return _software.mldsa_class(algorithm).from_seed_bytes(seed(32))
    return None


def _seed(name: str, algorithm: str, length: int) -> bytes:
    """Bytes that a name and an algorithm give, by HKDF (RFC 5869)."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    info = f"attest simulator v1 {algorithm} {name}".encode()
    return HKDF(SHA256(), length, salt=None, info=info).derive(b"attest simulator: not a secret")


# The orders of the curves' groups, SP 800-186 section 3.2.1.
_ORDERS = {
    "secp256r1": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "secp384r1": int(
        "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973", 16
    ),
}
