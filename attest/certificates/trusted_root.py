"""Sigstore's trusted root: the CAs, logs and timestamp authorities of an instance, and when each is to be trusted.

Rule: a trusted root is read whole or not at all; an algorithm that is not known is an error, and is never left out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest._base.times import read_window
from attest.certificates._protobuf import Message
from attest.certificates.material import MAX_CERTIFICATE, MAX_CERTIFICATES
from attest.errors import InputError
from attest.keys import PublicKey
from attest.keys.formats import load_named_certificate
from attest.timestamps.authorities import TimestampAuthority

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Self

    from cryptography.x509 import Certificate

CODE: Final = "trusted-root-invalid"
MAX_ENTRIES: Final = 64  # of each kind

# sigstore_trustroot.proto, TrustedRoot.media_type.
_MEDIA_TYPE: Final = re.compile(
    r"application/vnd\.dev\.sigstore\.trustedroot(\+json;version=0\.1|\.v0\.[12]\+json)", re.ASCII
)
# sigstore_common.proto, PublicKeyDetails: those that logs may have.
_KEY_DETAILS: Final = {
    "PKIX_ECDSA_P256_SHA_256": "ecdsa-sha2-nistp256",
    "PKIX_ECDSA_P384_SHA_384": "ecdsa-sha2-nistp384",
    "PKIX_ED25519": "ed25519",
    "PKIX_RSA_PKCS1V15_2048_SHA256": "rsa-pkcs1v15-sha256",
    "PKIX_RSA_PKCS1V15_3072_SHA256": "rsa-pkcs1v15-sha256",
    "PKIX_RSA_PKCS1V15_4096_SHA256": "rsa-pkcs1v15-sha256",
    "PKIX_RSA_PKCS1V5": "rsa-pkcs1v15-sha256",
    "PKCS1_RSA_PKCS1V5": "rsa-pkcs1v15-sha256",
}
_SCHEME: Final = re.compile(r"https?://", re.ASCII)


class CertificateAuthority(NamedTuple):
    """A CA, trusted from `not_before` to `not_after`: its certificates, the root last."""

    certificates: tuple[Certificate, ...]
    not_before: datetime | None
    not_after: datetime | None


class TransparencyLog(NamedTuple):
    """A log of signatures or of certificates, whose key is trusted from `not_before` to `not_after`.

    `key_id` is its LogID (RFC 6962, 3.2), and `checkpoint_key_id` the four bytes that stand before its signatures of
    checkpoints (C2SP signed-note).
    """

    key_id: bytes
    checkpoint_key_id: bytes
    public_key: PublicKey
    not_before: datetime | None
    not_after: datetime | None
    base_url: str

    @property
    def name(self) -> str:
        """The name with which the log signs checkpoints: its URL without the scheme."""
        return _SCHEME.sub("", self.base_url, count=1).rstrip("/")

    def covers(self, time: datetime) -> bool:
        """Whether the log is trusted for this time."""
        begin, end = self.not_before, self.not_after
        return (begin is None or begin <= time) and (end is None or time <= end)


class TrustedRoot(NamedTuple):
    """What a Sigstore instance is trusted by (sigstore_trustroot.proto)."""

    certificate_authorities: tuple[CertificateAuthority, ...]
    logs: tuple[TransparencyLog, ...]
    ct_logs: tuple[TransparencyLog, ...]
    timestamp_authorities: tuple[TimestampAuthority, ...]

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Read the JSON of a TrustedRoot. Raises InputError `trusted-root-invalid` with a JSON pointer into it."""
        root = Message(document, "", CODE)
        if not _MEDIA_TYPE.fullmatch(root.text("mediaType")):
            raise root.error("mediaType", "expected a Sigstore trusted root of version 0.1 or 0.2")
        return cls(
            tuple([_read_ca(one) for one in root.messages("certificateAuthorities", MAX_ENTRIES)]),
            _read_logs(root, "tlogs"),
            _read_logs(root, "ctlogs"),
            tuple([_read_tsa(one) for one in root.messages("timestampAuthorities", MAX_ENTRIES)]),
        )


def _read_ca(entry: Message) -> CertificateAuthority:
    return CertificateAuthority(tuple([one for _, one in _read_chain(entry)]), *_window(entry))


def _read_tsa(entry: Message) -> TimestampAuthority:
    """A timestamp authority, under its URI or the name in its subject."""
    chain = _read_chain(entry)
    if chain[-1][1].subject != chain[-1][1].issuer:
        raise entry.error("certChain", "the last certificate is not self-signed")
    name = entry.text("uri") if entry.has("uri") else entry.message("subject").text("commonName")
    return TimestampAuthority(name, tuple([der for der, _ in chain]), *_window(entry))


def _read_logs(root: Message, name: str) -> tuple[TransparencyLog, ...]:
    found: dict[bytes, TransparencyLog] = {}
    for entry in root.messages(name, MAX_ENTRIES):
        if entry.text("hashAlgorithm") != "SHA2_256":
            raise entry.error("hashAlgorithm", "expected SHA2_256, the hash of RFC 6962")
        key_id = entry.message("logId").data("keyId", 32)
        if key_id in found:
            raise entry.error("logId", "there is another log with this key ID")
        hint = entry.message("checkpointKeyId").data("keyId", 32) if entry.has("checkpointKeyId") else key_id
        if len(hint) < 4:
            raise entry.error("logId", "expected a key ID of at least 4 bytes")
        key = entry.message("publicKey")
        found[key_id] = TransparencyLog(key_id, hint[:4], _read_key(key), *_window(key), entry.text("baseUrl"))
    return tuple(found.values())


def _read_key(key: Message) -> PublicKey:
    details = key.text("keyDetails")
    algorithm = _KEY_DETAILS.get(details)
    if algorithm is None:
        raise key.error("keyDetails", f"the type of the key is not supported: {details!r:.80}")
    try:
        return PublicKey.parse(key.data("rawBytes", 16 << 10), algorithm=algorithm, what="the key of the log")
    except InputError as error:
        raise key.error("rawBytes", error.message) from None


def _read_chain(entry: Message) -> list[tuple[bytes, Certificate]]:
    chain = entry.message("certChain")
    found = []
    for one in chain.messages("certificates", MAX_CERTIFICATES):
        der = one.data("rawBytes", MAX_CERTIFICATE)
        try:
            certificate = load_named_certificate(der)
        except ValueError:
            raise one.error("rawBytes", "expected an X.509 certificate in DER") from None
        found.append((der, certificate))
    if not found:
        raise chain.error("certificates", "expected at least one certificate")
    return found


def _window(entry: Message) -> tuple[datetime | None, datetime | None]:
    """The TimeRange `validFor`, in which both ends may be open."""
    if not entry.has("validFor"):
        return None, None
    window = entry.message("validFor")
    times = {name: window.text(name) for name in ("start", "end") if window.has(name)}
    try:
        return read_window(times, "start", "end")
    except InputError as error:
        raise window.error((error.where or "").lstrip("/"), error.message) from None
