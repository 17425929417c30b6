"""`gcpkms:projects/P/locations/L/keyRings/R/cryptoKeys/K[/cryptoKeyVersions/V]`: a key in Google Cloud KMS.

Rule: every answer is checked for its checksum and for the name of the version before it is used.
"""

from __future__ import annotations

import os
import re
import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

from attest._base import notices
from attest.keys import PublicKey
from attest.signers._kms import KmsError, KmsKey, KmsSigner
from attest.signers._uri import SignerURI, percent_decode
from attest.signers.gcpkms.algorithms import NEW, SUPPORTED, algorithm_of, crc32c, mldsa_spki, to_sign
from attest.signers.gcpkms.faults import fault_of, name_of, not_enabled, status_of, unusable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from attest.keys import Algorithm
    from attest.signers._base import BaseSigner
    from attest.signers._secrets import Secrets
    from attest.signers.gcpkms.service import Service

EXAMPLE = "gcpkms:projects/example/locations/europe-west3/keyRings/ring/cryptoKeys/release/cryptoKeyVersions/1"

_KEY: Final = re.compile(
    r"(?://)?((projects/[a-z0-9][a-z0-9.:-]{0,127}/locations/[a-z0-9-]{1,63}/keyRings/[A-Za-z0-9_-]{1,63})"
    r"/cryptoKeys/([A-Za-z0-9_-]{1,63}))(?:/(?:cryptoKeyVersions|versions)/([1-9][0-9]{0,8}))?",
    re.ASCII,
)
_MAX_DATA: Final = 64 << 10  # bytes that AsymmetricSign takes if it does not take a digest; gcloud has this limit too
_PAUSE: Final = 0.2  # seconds between two looks at a key that is being generated

_T = TypeVar("_T")


class GcpKmsSigner(KmsSigner):
    """A version of a key in Google Cloud KMS."""

    service = "Google Cloud KMS"
    creates: ClassVar[Collection[str]] = NEW
    first_version: ClassVar[str] = "1"
    libraries: ClassVar[tuple[str, ...]] = ("google.cloud.kms", "google.auth", "grpc", "requests")
    extra = "gcp"

    def __init__(self, uri: SignerURI) -> None:
        super().__init__(uri)
        found = _KEY.fullmatch(percent_decode(uri.path, where=str(uri)))
        if not found:
            hint = f"Write the name as `gcloud kms keys versions list` prints it, for example `{EXAMPLE}`."
            raise self._error("signer-uri-invalid", "expected the name of a key in Google Cloud KMS", hint)
        self._name, self._ring, self._id, self._version = found.groups()

    def _connect(self) -> KmsKey:
        with ExitStack() as stack:
            service = self._service(stack)
            version = f"{self._name}/cryptoKeyVersions/{self._version or self._newest(service)}"
            name, key = self._public_key(service, version)
            sign = partial(self._signature, service, version, name, key)
            return self._hold(key, sign, stack.pop_all().close, f"gcpkms:{version}", version.rpartition("/")[2])

    def _create(self, algorithm: Algorithm) -> str:
        key = {"purpose": "ASYMMETRIC_SIGN", "version_template": {"algorithm": NEW[algorithm.name]}}
        version = f"{self._name}/cryptoKeyVersions/{self.first_version}"
        until = time.monotonic() + 0.7 * self._timeout
        with ExitStack() as stack:
            service = self._service(stack)
            try:
                service("create_crypto_key", parent=self._ring, crypto_key_id=self._id, crypto_key=key)
            except Exception as error:
                if status_of(error) != "NOT_FOUND":
                    raise
                hint = "Create it: `gcloud kms keyrings create`."
                raise self._error("key-not-found", "Google Cloud KMS does not have the key ring", hint) from None
            while (state := name_of(service("get_crypto_key_version", name=version).state)) == "PENDING_GENERATION":
                if time.monotonic() > until:
                    hint = f"Check it in a while: `attest signer check gcpkms:{version}`."
                    raise self._error("kms-timeout", "the key was created, but Google is still generating it", hint)
                time.sleep(_PAUSE)
        if state != "ENABLED":
            raise self._error("kms-failed", f"the key was created, but it cannot be used: its state is {state}")
        return f"gcpkms:{version}"

    def _fault(self, error: Exception) -> KmsError | None:
        return fault_of(error)

    def _demand_libraries(self) -> None:
        # gRPC, which reads this when it is imported, prints to standard error what its errors contain too.
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        super()._demand_libraries()

    def _service(self, stack: ExitStack) -> Service:
        from attest.signers.gcpkms.service import connected

        setting = "the credentials for Google Cloud"
        return connected(stack, self._timeout, lambda url: self._demand_private(url, setting))

    def _newest(self, service: Service) -> int:
        """The greatest number of an enabled version that can sign; Google's order of them is not relied on."""
        prefix = f"{self._name}/cryptoKeyVersions/"
        enabled: dict[int, str] = {}
        for version in service.enabled_versions(self._name):
            number = version.name.removeprefix(prefix)
            if version.name.startswith(prefix) and number.isdecimal() and name_of(version.state) == "ENABLED":
                enabled[int(number)] = name_of(version.algorithm)
        if not enabled:
            raise self._error("key-disabled", "no version of the key is enabled")
        signing = [number for number, name in enabled.items() if name in SUPPORTED]
        if not signing:
            raise unusable(enabled[max(enabled)])
        return max(signing)

    def _public_key(self, service: Service, version: str) -> tuple[str, PublicKey]:
        """Google's name for the algorithm of a version, and its public key."""
        from google.api_core.exceptions import InvalidArgument
        from google.cloud.kms_v1.types import PublicKey as TheirKey

        forms = TheirKey.PublicKeyFormat

        def act() -> Any:
            try:
                return service("get_public_key", name=version, public_key_format=forms.PEM)
            except InvalidArgument:
                return service("get_public_key", name=version, public_key_format=forms.NIST_PQC)

        def intact(answer: Any) -> bool:
            found = answer.public_key
            return bool(answer.name == version and found.crc32c_checksum == crc32c(found.data))

        answer = self._intact(service, version, act, intact)
        name = name_of(answer.algorithm)
        if name not in SUPPORTED:
            raise unusable(name)
        algorithm = algorithm_of(name)
        if self._algorithm not in (None, algorithm):
            message = f"the URI says {self.uri.query['algorithm']}, but the key is for {algorithm.name}"
            raise self._error("key-algorithm-mismatch", message)
        raw = answer.public_key_format == forms.NIST_PQC
        data = answer.public_key.data
        return name, PublicKey.parse(mldsa_spki(algorithm, data) if raw else data, algorithm=algorithm.name)

    def _signature(self, service: Service, version: str, name: str, key: PublicKey, data: bytes) -> bytes:
        field, value = to_sign(name, key, data)
        self._demand_size(value, _MAX_DATA)
        kind = "digest" if field else "data"
        sent = {"name": version, kind: {field: value} if field else value, f"{kind}_crc32c": crc32c(value)}
        act: Callable[[], Any] = partial(service, "asymmetric_sign", **sent)

        def intact(answer: Any) -> bool:
            arrived = getattr(answer, f"verified_{kind}_crc32c")
            return bool(arrived and answer.name == version and answer.signature_crc32c == crc32c(answer.signature))

        signature: bytes = self._intact(service, version, act, intact).signature
        return signature

    def _intact(self, service: Service, version: str, act: Callable[[], _T], intact: Callable[[_T], bool]) -> _T:
        """The answer to a request, which is made a second time if the first answer is damaged."""
        for _ in range(2):
            try:
                answer = act()
            except Exception as error:
                if status_of(error) in ("FAILED_PRECONDITION", "INVALID_ARGUMENT"):
                    self._explain(service, version)
                raise
            if intact(answer):
                return answer
            notices.debug("%s: the answer is damaged", self.uri)
        message = "the request or the answer was damaged: a checksum or the name of the key is wrong"
        raise self._error("kms-failed", message, "Try again. If that does not help, look for what changes the traffic.")

    def _explain(self, service: Service, version: str) -> None:
        """Raises the error about a version that cannot be used, if its state can be read and shows why."""
        try:
            found = service("get_crypto_key_version", name=version)
        except Exception:  # noqa: BLE001  # reading the state takes one more permission
            return
        state, name = name_of(found.state), name_of(found.algorithm)
        if state != "ENABLED":
            raise self._error(*not_enabled(state))
        if name not in SUPPORTED:
            raise unusable(name)


def open_signer(uri: SignerURI, secrets: Secrets | None) -> BaseSigner:
    """The signer for a `gcpkms:` URI; google-auth finds the credentials."""
    return GcpKmsSigner(uri)


def generate_key(uri: SignerURI, algorithm: Algorithm | None, secret: str | Secrets | None) -> BaseSigner:
    """Create a key in an existing key ring, and return the signer for its first version."""
    return GcpKmsSigner(uri).generated(algorithm, secret)
