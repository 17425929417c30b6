"""The server for Google Cloud KMS that is beside the repository, with what it lacks: new keys, and ML-DSA by its mu.

CreateCryptoKey and the EXTERNAL_MU algorithms are written after the comments in Google's own API definition
(google/cloud/kms_v1/types). How the real service words its refusals is not known.
"""

from __future__ import annotations

import os
import re
import sys
from functools import cache
from typing import Any

from tests.support.services.gcp import HOST, SERVERS

os.environ.setdefault("GRPC_VERBOSITY", "NONE")
sys.path.insert(0, str(SERVERS))
try:
    import gcpkms
    from connectproxy import ConnectProxy as ConnectProxy
finally:
    sys.path.remove(str(SERVERS))
import grpc
from google.cloud.kms_v1 import types

_MU = "_EXTERNAL_MU"
# gRPC reads the authority that it trusts once for each process.
_UNTRUSTED = gcpkms.authority
_TRUSTED = cache(gcpkms.authority)


def certified() -> tuple[bytes, bytes]:
    """The key and the certificate of a server that the clients of this process trust."""
    _, key, chain = _TRUSTED(("localhost", HOST))
    return key, chain


class Server(gcpkms.GcpKms):  # type: ignore[misc]
    """`pending` is how often a new key is looked at before it is ready, and `pem` whether keys are written so."""

    def __init__(self, *, trusted: bool = True, **settings: Any) -> None:
        gcpkms.authority = _TRUSTED if trusted else _UNTRUSTED
        self.pending: dict[str, int] = {}
        self.pem = True
        self.hidden = False  # whether nobody may read the state of a version
        super().__init__(**{"tls": True, "hosts": ("localhost", HOST)} | settings)
        handler = grpc.unary_unary_rpc_method_handler(
            self._wrapped("CreateCryptoKey", self._create),
            types.CreateCryptoKeyRequest.deserialize,
            types.CryptoKey.serialize,
        )
        handlers = grpc.method_handlers_generic_handler(gcpkms.SERVICE, {"CreateCryptoKey": handler})
        self._server.add_generic_rpc_handlers((handlers,))

    def stop(self) -> None:
        """End at once, in the middle of requests."""
        self._server.stop(0).wait()

    def asked(self, name: str) -> list[str]:
        """The methods of the requests about a version or a key."""
        return [method for method, about, _ in self.log if about == name]

    def key(self, name: str, algorithm: str = "EC_SIGN_P256_SHA256", **settings: Any) -> str:
        if algorithm.endswith(_MU):
            settings["private"] = gcpkms._generate(algorithm.removesuffix(_MU))
        return str(super().key(name, algorithm, **settings))

    def _create(self, request: Any, kind: str) -> Any:
        name = f"{request.parent}/cryptoKeys/{request.crypto_key_id}"
        if not re.fullmatch(r"projects/[^/]+/locations/[^/]+/keyRings/ring", request.parent):
            gcpkms._refuse("NOT_FOUND", f"KeyRing {request.parent} not found.")
        if name in self.purposes:
            gcpkms._refuse("ALREADY_EXISTS", f"CryptoKey {name} already exists.")
        if request.crypto_key.purpose != gcpkms.PURPOSE.ASYMMETRIC_SIGN:
            gcpkms._refuse("INVALID_ARGUMENT", "this server makes keys for signing.")
        algorithm = gcpkms.ALGORITHM(request.crypto_key.version_template.algorithm).name
        made = self.key(request.crypto_key_id, algorithm, ring=request.parent)
        if self.pending.get(name):
            self.state(made, "PENDING_GENERATION")
        return types.CryptoKey(name=name, purpose=request.crypto_key.purpose)

    def _get_version(self, request: Any, kind: str) -> Any:
        if self.hidden:
            gcpkms._refuse("PERMISSION_DENIED", "Permission 'cloudkms.cryptoKeyVersions.get' denied.")
        key = request.name.rpartition("/cryptoKeyVersions/")[0]
        if self.pending.get(key):
            self.pending[key] -= 1
            if not self.pending[key]:
                self.state(request.name, "ENABLED")
        return super()._get_version(request, kind)

    def _get_public_key(self, request: Any, kind: str) -> Any:
        if not self.pem and request.public_key_format == gcpkms.FORMAT.PEM:
            gcpkms._refuse("INVALID_ARGUMENT", "public_key_format must be NIST_PQC.")
        return super()._get_public_key(request, kind)

    def _sign(self, request: Any, kind: str) -> Any:
        found = self._usable(request.name)
        mu = request.digest.external_mu if "digest" in request else b""
        if not gcpkms.ALGORITHM(found.algorithm).name.endswith(_MU):
            return super()._sign(request, kind)
        if len(mu) != 64 or request.data:
            gcpkms._refuse("INVALID_ARGUMENT", "external_mu is to be given, of 64 bytes.")
        made = found.private.sign_mu(mu)
        return types.AsymmetricSignResponse(
            signature=made,
            signature_crc32c=gcpkms.crc32c(made),
            name=request.name,
            verified_digest_crc32c=request.digest_crc32c == gcpkms.crc32c(mu),
        )
