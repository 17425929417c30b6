"""Certificates that are kept with a private key: which one is for the key, and which are the CAs above it.

Rule: only names and signatures decide the order; nothing here says that a certificate is trusted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attest.keys.formats import load_named_certificate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.x509 import Certificate

_LONGEST: Final = 10  # certificates of a signature, attest.certificates.material


def of(private: Any, certificates: Sequence[bytes]) -> tuple[bytes, ...]:
    """The certificate (DER) of a private key and those above it, in order; () if there is none for the key.

    What cannot be read, and what is not above the certificate of the key, is left out.
    """
    if not certificates:
        return ()
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    own = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    left = [one for der in certificates if (one := _read(der)) is not None]
    chain = [one for one in left if _spki(one) == own][:1]
    while chain and len(chain) < _LONGEST:
        left = [one for one in left if one != chain[-1]]
        issuer = next((one for one in left if _issued(one, chain[-1])), None)
        if issuer is None:
            break
        chain.append(issuer)
    return tuple(one.public_bytes(Encoding.DER) for one in chain)


def _read(der: bytes) -> Certificate | None:
    try:
        return load_named_certificate(der)
    except ValueError:
        return None


def _spki(certificate: Certificate) -> bytes:
    from attest.signers._keyfiles import der

    # The seventh field of the TBSCertificate, if the version is there (RFC 5280 section 4.1).
    fields = der.Value.parse(certificate.tbs_certificate_bytes).items()
    return fields[5 + ((fields[0].kind, fields[0].tag) == (2, 0))].whole


def _issued(issuer: Certificate, certificate: Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    if issuer.subject != certificate.issuer:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
