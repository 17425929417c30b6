"""Time-stamp tokens (RFC 3161): read one, and check all of it against the certificates of one authority.

Rule: a token that one of the three parsers cannot read proves nothing, and no certificate in a token is trusted.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NoReturn

from attest.errors import Rejected
from attest.keys.formats import load_named_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from cryptography.x509 import Certificate

# The digests that a token may be made with: of the data, of its own content, and in ESSCertIDv2.
_DIGESTS: Final = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}


# The number of certificates that a token may contain: a chain has three or four, and more only cost time.
MAX_CERTIFICATES: Final = 16

_NO_CHAIN: Final = "no certificate chain that was valid at its time leads from the timestamp to the authority"


@dataclass(frozen=True, slots=True)
class Token:
    """A token that was read but not verified. `time` is its genTime, `nonce` that of the request, if it had one."""

    time: datetime
    nonce: int | None
    _imprint: tuple[str, bytes]
    _response: Any  # as rfc3161-client takes it
    _signer: Any  # the one SignerInfo
    _embedded: tuple[Certificate, ...]

    @classmethod
    def read(cls, der: bytes) -> Token:
        """Read the DER of a TimeStampToken: a CMS ContentInfo. Raises Rejected `timestamp-invalid`."""
        with _faults("the timestamp is not a TimeStampToken (RFC 3161)"):
            return cls._read(der)

    @classmethod
    def _read(cls, der: bytes) -> Token:
        from asn1crypto import cms, tsp  # noqa: F401  # tsp registers the attributes of a token with cms
        from rfc3161_client import decode_timestamp_response

        content = cms.ContentInfo.load(der, strict=True)
        signed = content["content"]
        # Real authorities write the certificates in any order, and one of the parsers requires DER (X.690, 11.6).
        # They are not part of the signed bytes, so sorting them changes nothing.
        embedded = sorted(signed["certificates"] or (), key=lambda one: one.dump())
        if len(embedded) > MAX_CERTIFICATES:
            _refuse("timestamp-invalid", f"the timestamp has more than {MAX_CERTIFICATES} certificates")
        if embedded:
            signed["certificates"] = cms.CertificateSet(embedded)
        response = decode_timestamp_response(wrap(content.dump()))
        info = response.tst_info
        if info.version != 1 or len(signed["signer_infos"]) != 1:
            _refuse("timestamp-invalid", "expected a timestamp of version 1 with one signer")
        imprint = info.message_imprint
        digest = _DIGESTS.get(imprint.hash_algorithm.dotted_string)
        if digest is None:
            _refuse("timestamp-invalid", "the digest algorithm of the timestamp is not supported")
        certificates = tuple([certificate(one.dump()) for one in embedded])
        return cls(
            info.gen_time, info.nonce, (digest, imprint.message), response, signed["signer_infos"][0], certificates
        )

    def covers(self, data: bytes) -> bool:
        """Whether the token is about these bytes, if it is valid."""
        digest, message = self._imprint
        return hashlib.new(digest, data).digest() == message

    def names(self, certificates: Sequence[Certificate]) -> bool:
        """Whether the token claims that its signer's certificate is one of these or was issued under one."""
        signers = self._signers(certificates)
        reached = {one.issuer for one in signers}
        for _ in self._embedded:
            reached |= {one.issuer for one in self._embedded if one.subject in reached}
        return any(one in certificates for one in signers) or any(one.subject in reached for one in certificates)

    def verify(self, data: bytes, certificates: Sequence[Certificate], pinned: Sequence[Certificate] = ()) -> None:
        """Check that the token is about `data`, and that the authority with these `certificates` signed it at its time.

        The self-signed `certificates` are trusted; the others help to build the chain. If any are `pinned`, the
        certificate of the signer must be one of them. Raises Rejected: `timestamp-untrusted`, `timestamp-chain-invalid`
        or `timestamp-invalid`.
        """
        with _faults("the timestamp cannot be verified"):
            self._verify(data, certificates, pinned)

    def _verify(self, data: bytes, certificates: Sequence[Certificate], pinned: Sequence[Certificate]) -> None:
        from rfc3161_client import VerificationError, VerifierBuilder

        signers = self._signers(certificates)
        if len(signers) != 1:
            _refuse("timestamp-invalid", "the certificate of the signer of the timestamp is missing or ambiguous")
        signer = signers[0]
        if pinned and signer not in pinned:
            _refuse("timestamp-untrusted", "the certificate that signed the timestamp is not listed")
        verifier = VerifierBuilder(
            roots=[one for one in certificates if one.subject == one.issuer],
            intermediates=[one for one in certificates if one.subject != one.issuer],
            # rfc3161-client trusts this one: it must never be a certificate that is only in the token.
            tsa_certificate=signer if signer in certificates else None,
        ).build()
        try:
            # The chain with the critical purpose of timeStamping, at genTime; the signature; the digest of the data.
            verifier.verify_message(self._response, data)
        except VerificationError as error:
            # The text of OpenSSL decides between two codes, and nothing else.
            if "certificate verify error" in str(error):
                _refuse("timestamp-chain-invalid", _NO_CHAIN)
            _refuse("timestamp-invalid", "the signature of the timestamp or the certificate of its signer is not valid")
        # Not left to the library alone: its releases before 1.0.9 trust certificates that are only in the token.
        if not _leads_to_root(signer, certificates, self._embedded, self.time):
            _refuse("timestamp-chain-invalid", _NO_CHAIN)
        self._check_attributes(signer)

    def _check_attributes(self, signer: Certificate) -> None:
        """What RFC 3161 (2.4.2) and RFC 5816 require of the signed attributes and rfc3161-client does not check."""
        from cryptography.hazmat.primitives.serialization import Encoding

        if self._signer["digest_algorithm"]["algorithm"].dotted not in _DIGESTS:
            _refuse("timestamp-invalid", "the signature of the timestamp uses a weak digest")
        der = signer.public_bytes(Encoding.DER)
        named = []
        for attribute in self._signer["signed_attrs"]:
            if attribute["type"].native in ("signing_certificate", "signing_certificate_v2"):
                identity = attribute["values"][0]["certs"][0]
                v2 = attribute["type"].native == "signing_certificate_v2"
                digest = _DIGESTS[identity["hash_algorithm"]["algorithm"].dotted] if v2 else "sha1"
                named.append(hashlib.new(digest, der, usedforsecurity=v2).digest() == identity["cert_hash"].native)
        if not named or not all(named):
            _refuse("timestamp-invalid", "the timestamp does not name the certificate of its signer")

    def _signers(self, certificates: Sequence[Certificate]) -> list[Certificate]:
        """The certificates with the issuer and serial number of the signer: exactly one in a valid token."""
        sid = self._signer["sid"].chosen
        issuer, serial = sid["issuer"].dump(), sid["serial_number"].native
        known = dict.fromkeys((*self._embedded, *certificates))
        return [one for one in known if one.serial_number == serial and one.issuer.public_bytes() == issuer]


def wrap(token: bytes) -> bytes:
    """The DER of a TimeStampResp that grants a token (RFC 3161 section 2.4.2)."""
    return _sequence(bytes.fromhex("3003020100") + token)


def unwrap(response: bytes) -> bytes:
    """The token in the DER of a TimeStampResp, an authority's answer. Raises Rejected `timestamp-invalid`."""
    from asn1crypto import core, tsp

    with _faults("the answer is not a TimeStampResp (RFC 3161)"):
        # Not as asn1crypto's TimeStampResp, which requires a token even in a refusal.
        answer = core.Sequence.load(response, strict=True)
        status = tsp.PKIStatusInfo.load(answer[0].dump())
        if status["status"].native not in ("granted", "granted_with_mods"):
            reason = " ".join(str(text) for text in status["status_string"].native or ())[:200]
            _refuse("timestamp-invalid", f"its status is {status['status'].native}{f': {reason}' if reason else ''}")
        token: bytes = answer[1].dump()
        return token


@lru_cache(maxsize=256)
def certificate(der: bytes) -> Certificate:
    """The certificate in `der`. Raises ValueError or another exception of the parser."""
    return load_named_certificate(der)


def is_timestamper(one: Certificate) -> bool:
    """Whether a certificate belongs to a time-stamping authority itself, and not to a CA."""
    from cryptography import x509

    basic = [extension.value for extension in one.extensions if isinstance(extension.value, x509.BasicConstraints)]
    return _may_stamp(one) and not any(constraint.ca for constraint in basic)


def _leads_to_root(
    signer: Certificate, listed: Sequence[Certificate], embedded: Sequence[Certificate], time: datetime
) -> bool:
    """Whether signatures lead from the signer's certificate to a self-signed one among `listed`, all valid at `time`.

    Between them are CAs, listed or in the token. The nearest come first, so that each is met with as few others below
    it as possible, because their path lengths limit that number.
    """
    if not _is_valid(signer, time) or not _may_stamp(signer):
        return False
    roots = {one for one in listed if one.subject == one.issuer}
    met, nearest = {signer}, [signer]
    for below in range(len(listed) + len(embedded) + 1):
        if not roots.isdisjoint(nearest):
            return True
        above = [one for one in dict.fromkeys((*listed, *embedded)) if one not in met and _may_issue(one, below, time)]
        nearest = [one for one in above if any(_has_issued(one, other) for other in nearest)]
        met.update(nearest)
    return False


def _is_valid(one: Certificate, time: datetime) -> bool:
    return one.not_valid_before_utc <= time <= one.not_valid_after_utc


def _may_stamp(one: Certificate) -> bool:
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    purposes = [extension.value for extension in one.extensions if isinstance(extension.value, x509.ExtendedKeyUsage)]
    return any(ExtendedKeyUsageOID.TIME_STAMPING in purpose for purpose in purposes)


def _may_issue(one: Certificate, below: int, time: datetime) -> bool:
    """Whether it is a CA that is valid at `time` and may have this many CAs below it."""
    from cryptography import x509

    if not _is_valid(one, time):
        return False
    values = {type(extension.value): extension.value for extension in one.extensions}
    basic, usage = values.get(x509.BasicConstraints), values.get(x509.KeyUsage)
    if not isinstance(basic, x509.BasicConstraints) or not basic.ca:
        return False
    if isinstance(usage, x509.KeyUsage) and not usage.key_cert_sign:
        return False
    return basic.path_length is None or basic.path_length >= below


@lru_cache(maxsize=256)
def _has_issued(one: Certificate, other: Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    try:
        other.verify_directly_issued_by(one)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True


@contextmanager
def _faults(what: str) -> Iterator[None]:
    """Turn every error of the three parsers into one rejection: anyone may have written the bytes."""
    try:
        yield
    except (Rejected, MemoryError):
        raise
    except Exception:  # noqa: BLE001
        _refuse("timestamp-invalid", what)


def _refuse(code: str, message: str) -> NoReturn:
    raise Rejected(code, message) from None


def _sequence(content: bytes) -> bytes:
    """The DER of a SEQUENCE around encoded parts."""
    size = len(content)
    if size < 128:
        return bytes([0x30, size]) + content
    length = size.to_bytes(4, "big").lstrip(b"\0")
    return bytes([0x30, 0x80 | len(length)]) + length + content
