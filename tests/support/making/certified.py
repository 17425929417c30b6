"""Certificates as the tests make them: CAs, leaves and CRLs, good unless told otherwise; and what openssl says."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.support.missing import missing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

NOW: Final = datetime(2026, 6, 1, tzinfo=UTC)
BEGIN, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
CODE: Final = (ExtendedKeyUsageOID.CODE_SIGNING,)
SERVER: Final = (ExtendedKeyUsageOID.SERVER_AUTH,)
ANY: Final = (ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)
UNKNOWN: Final = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5.6"), b"\x05\x00")
URI, MAIL, DNS = x509.UniformResourceIdentifier, x509.RFC822Name, x509.DNSName
BUILDER: Final = "https://ci.example.com/builders/release"

_FLAGS: Final = (
    "digital_signature content_commitment key_encipherment data_encipherment key_agreement "
    "key_cert_sign crl_sign encipher_only decipher_only"
).split()


@dataclass(frozen=True, eq=False)
class Holder:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: Any

    @cached_property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()


def same(key: Any) -> dict[str, Any]:
    """What makes a signature by `key` the same each time."""
    return {"ecdsa_deterministic": True} if isinstance(key, ec.EllipticCurvePrivateKey) else {}


def key_of(seed: str) -> ec.EllipticCurvePrivateKey:
    """The P-256 key that a text decides."""
    return ec.derive_private_key(int.from_bytes(sha256(seed.encode()).digest(), "big") >> 1, ec.SECP256R1())


def name_of(common: str, organization: str | None = "Example") -> x509.Name:
    found = [] if organization is None else [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)]
    return x509.Name([*found, x509.NameAttribute(NameOID.COMMON_NAME, common)])


def holder(
    name: str,
    issuer: Holder | None = None,
    *,
    ca: bool | None = None,
    path_length: int | None = None,
    usage: Sequence[str] | None = ("key_cert_sign", "crl_sign"),
    purposes: Sequence[x509.ObjectIdentifier] | None = None,
    sans: Sequence[x509.GeneralName] = (),
    begin: datetime = BEGIN,
    end: datetime = END,
    subject: x509.Name | None = None,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    key: Any = None,
    signed_by: Any = None,
    digest: Any = hashes.SHA256,
    serial: int = 0,
) -> Holder:
    """A certificate by `issuer`, or by itself; `signed_by` is another key than the issuer's.

    Without `ca` there are no basic constraints, and without `usage` and `purposes` no key usages.
    """
    key = key or key_of(name)
    subject = name_of(name) if subject is None else subject
    number = serial or int.from_bytes(sha256(f"serial {name}".encode()).digest()[:8], "big") >> 1
    by = issuer.certificate.subject if issuer else subject
    builder = x509.CertificateBuilder(by, subject, key.public_key(), number, begin, end)
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, path_length if ca else None), critical=True)
    if usage is not None:
        flags = dict.fromkeys(_FLAGS, False) | dict.fromkeys(usage, True)
        builder = builder.add_extension(x509.KeyUsage(**flags), critical=True)
    if purposes is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    if sans:
        builder = builder.add_extension(x509.SubjectAlternativeName(sans), critical=False)
    # openssl takes a CA of its issuer's name for self-signed, unless these say that it is not.
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    above = (issuer.key if issuer else key).public_key()
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above), critical=False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    signing = signed_by or (issuer.key if issuer else key)
    made = builder.sign(signing, None if isinstance(signing, ed25519.Ed25519PrivateKey) else digest(), **same(signing))
    # As it is read, not as it was made: the extensions come out of the bytes.
    return Holder(x509.load_der_x509_certificate(made.public_bytes(Encoding.DER)), key)


def authority(name: str, issuer: Holder | None = None, **settings: Any) -> Holder:
    """A CA, a root if it has no issuer."""
    return holder(name, issuer, **{"ca": True, **settings})


def leaf(name: str, issuer: Holder, **settings: Any) -> Holder:
    """A certificate for code signing."""
    usual = {"ca": False, "usage": ("digital_signature",), "purposes": CODE, "sans": (URI(BUILDER),)}
    return holder(name, issuer, **{**usual, **settings})


def claim(last: str, content: bytes) -> tuple[x509.ExtensionType, bool]:
    """One of Fulcio's extensions."""
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(f"1.3.6.1.4.1.57264.{last}"), content), False


def crl(
    issuer: Holder,
    revoked: Iterable[int] = (),
    *,
    until: datetime = END,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    signed_by: Any = None,
    reason: x509.ReasonFlags | None = None,
) -> bytes:
    """The DER of a CRL."""
    builder = x509.CertificateRevocationListBuilder(issuer.certificate.subject).last_update(BEGIN).next_update(until)
    for number in revoked:
        entry = x509.RevokedCertificateBuilder(number, BEGIN)
        if reason is not None:
            entry = entry.add_extension(x509.CRLReason(reason), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    signing = signed_by or issuer.key
    return builder.sign(signing, hashes.SHA256(), **same(signing)).public_bytes(Encoding.DER)


def openssl_accepts(
    folder: Path,
    certificate: Holder,
    others: Sequence[Holder],
    anchors: Sequence[Holder],
    *options: str,
    time: datetime = NOW,
) -> bool:
    """What `openssl verify` says of a chain; it knows nothing of code signing."""
    if shutil.which("openssl") is None:
        missing("the openssl program is not installed, so it cannot be asked about certificates")
    for name, holders in (("leaf", [certificate]), ("anchors", anchors), ("others", others)):
        (folder / name).write_text("".join(one.pem for one in holders))
    untrusted = ["-untrusted", "others"] if others else []
    command = ["openssl", "verify", "-partial_chain", "-attime", str(int(time.timestamp())), *options]
    ran = subprocess.run(
        [*command, "-CAfile", "anchors", *untrusted, "leaf"], cwd=folder, capture_output=True, check=False, timeout=60
    )
    return ran.returncode == 0
