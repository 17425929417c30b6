"""Signed certificate timestamps (SCT, RFC 6962): a certificate log of the trusted root has seen the certificate.

Rule: at least one that is embedded counts, and none by a log that is known may be wrong.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from attest.errors import Rejected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.x509 import Certificate
    from cryptography.x509.certificate_transparency import SignedCertificateTimestamp

    from attest.certificates.trusted_root import TransparencyLog

MAX_SCTS: Final = 8
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def check_sct(leaf: Certificate, issuer: Certificate, ct_logs: Sequence[TransparencyLog]) -> None:
    """Check the embedded SCTs of `leaf`, which `issuer` issued (RFC 6962, 3.3).

    An SCT counts if one of `ct_logs` signed it, and was trusted at its time. Raises Rejected `sct-missing` if there is
    none, and `sct-invalid`.
    """
    from cryptography import x509

    try:
        counted = _count(leaf, issuer, ct_logs)
    except x509.ExtensionNotFound:
        raise Rejected("sct-missing", "the certificate has no signed certificate timestamp (SCT)") from None
    except (ValueError, TypeError, OverflowError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        raise _invalid("the signed certificate timestamps (SCT) of the certificate cannot be read") from None
    if not counted:
        raise _invalid("no signed certificate timestamp (SCT) is from a log that was trusted at its time")


def _count(leaf: Certificate, issuer: Certificate, ct_logs: Sequence[TransparencyLog]) -> int:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from cryptography.x509 import PrecertificateSignedCertificateTimestamps

    scts = list(leaf.extensions.get_extension_for_class(PrecertificateSignedCertificateTimestamps).value)
    if len(scts) > MAX_SCTS:
        raise _invalid(f"the certificate has more than {MAX_SCTS} signed certificate timestamps (SCT)")
    # The PreCert of RFC 6962, 3.2: the hash of the issuer's key, and the TBSCertificate without its SCTs.
    spki = issuer.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    precertificate = hashlib.sha256(spki).digest() + _with_length(leaf.tbs_precertificate_bytes, 3)
    counted = 0
    for log, sct in [(log, sct) for sct in scts for log in ct_logs if log.key_id == sct.log_id]:
        _demand_signed(sct, log, precertificate)
        counted += log.covers(sct.timestamp.replace(tzinfo=UTC))
    return counted


def _demand_signed(sct: SignedCertificateTimestamp, log: TransparencyLog, precertificate: bytes) -> None:
    from cryptography.x509.certificate_transparency import SignatureAlgorithm

    milliseconds = (sct.timestamp.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
    # The digitally-signed struct: v1, certificate_timestamp, time, precert_entry, PreCert, extensions.
    struct = b"\0\0" + milliseconds.to_bytes(8, "big") + b"\0\1" + precertificate + _with_length(sct.extension_bytes, 2)
    algorithm = log.public_key.algorithm
    families = {SignatureAlgorithm.ECDSA: "ecdsa", SignatureAlgorithm.RSA: "rsa-pkcs1v15"}
    named = families.get(sct.signature_algorithm), sct.signature_hash_algorithm.name
    if named != (algorithm.family, algorithm.digest) or not log.public_key.accepts(sct.signature, struct):
        raise _invalid(f"a signed certificate timestamp (SCT) is not from the log {log.name}")


def _with_length(data: bytes, size: int) -> bytes:
    return len(data).to_bytes(size, "big") + data


def _invalid(message: str) -> Rejected:
    return Rejected("sct-invalid", message)
