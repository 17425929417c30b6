"""Certificate chains: from the certificate of a signature up to an authority's (RFC 5280 section 6.1).

Rule: only a certificate of the authority is an anchor, and each certificate below it passes every check.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from attest._base.text import plural
from attest._base.times import format_time
from attest.certificates.constraints import violation
from attest.certificates.facts import facts_of, shown_name
from attest.certificates.names import names_in
from attest.errors import InputError, Rejected
from attest.keys import PublicKey
from attest.keys.formats import classify

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from cryptography.x509 import Certificate

    from attest.certificates.facts import Facts

MAX_DEPTH: Final = 8  # CAs above a leaf
MAX_STEPS: Final = 64  # issuers that are tried for one chain, each with a check of a signature

DIGESTS: Final = ("sha256", "sha384", "sha512")
_CURVES: Final = ("secp256r1", "secp384r1", "secp521r1")
# The critical extensions that are processed: basicConstraints, keyUsage, extKeyUsage, subjectAltName, and
# certificatePolicies, for which no one asks; for CAs also nameConstraints, policyConstraints and inhibitAnyPolicy.
_LEAF_EXTENSIONS: Final = frozenset({"2.5.29.19", "2.5.29.15", "2.5.29.37", "2.5.29.17", "2.5.29.32"})
_CA_EXTENSIONS: Final = _LEAF_EXTENSIONS | {"2.5.29.30", "2.5.29.36", "2.5.29.54"}


def check_chain(
    leaf: Certificate, intermediates: Sequence[Certificate], anchors: Sequence[Certificate], time: datetime
) -> tuple[Certificate, ...]:
    """A chain from `leaf` to one of `anchors`, leaf first, in which every certificate is valid at `time`.

    `intermediates` are not trusted, may be in any order, and those that are not needed do not matter. An anchor may be
    any CA, self-signed or not. Certificate policies are not used; a CA that requires them is refused.

    Raises Rejected: `certificate-invalid` for a leaf that may not sign code, or a certificate that cannot be read;
    `certificate-expired` or `certificate-not-yet-valid` for a leaf at the wrong time; `certificate-untrusted`
    without a chain.
    """
    first = demand_leaf(leaf)
    _demand_valid(first, time)
    top = [facts_of(one) for one in anchors]
    others = [facts_of(one) for one in dict.fromkeys(intermediates) if one not in anchors and one != leaf]
    search = _Search(top, others, time)
    found = search.above((first,))
    if found is None:
        raise Rejected("certificate-untrusted", search.reason(first))
    return tuple([one.certificate for one in found])


def demand_leaf(leaf: Certificate) -> Facts:
    """The facts of a certificate that may sign code. Raises Rejected `certificate-invalid`."""
    facts = facts_of(leaf)
    fault = _leaf_fault(facts)
    if fault is not None:
        raise Rejected("certificate-invalid", f"the certificate of the signature {fault}")
    return facts


def demand_ca(certificate: Certificate, *, where: str | None = None) -> None:
    """Raises InputError `certificate-invalid` at `where` for a certificate of an authority that can issue nothing.

    Its validity period is not checked: it may have ended, and signatures with a proven time may be older.
    """
    try:
        fault = _ca_fault(facts_of(certificate))
    except Rejected as error:
        raise InputError(error.code, error.message, where=where) from None
    if fault is not None:
        hint = "List CAs that may issue certificates for code signing. To trust one certificate, add its key."
        raise InputError("certificate-invalid", f"the certificate {fault}", where=where, hint=hint)


def demand_signers_chain(chain: Sequence[Certificate], now: datetime) -> None:
    """Raises InputError if verifiers would refuse `chain` with a signature that is made at `now`.

    The leaf comes first, and each certificate is issued by the next one. A root is not needed at its end. Codes:
    `certificate-invalid`, `certificate-expired`, `certificate-not-yet-valid`, `certificate-untrusted`.
    """
    if not chain:
        raise InputError("certificate-invalid", "the certificate chain is empty")
    leaf, *above = chain
    try:
        names_in(leaf)
        facts = demand_leaf(leaf)
        _demand_valid(facts, now)
        if above:
            check_chain(leaf, above[:-1], above[-1:], now)
    except Rejected as error:
        raise InputError(error.code, error.message) from None
    for lower, upper in zip(chain, above, strict=False):
        if not _issued(facts_of(upper), facts_of(lower)):
            message = "the certificates are not in order: each must be issued by the next one"
            raise InputError("certificate-invalid", message)


class _Search:
    """The search for a chain, depth first. It is bounded, whatever the certificates are."""

    def __init__(self, anchors: Sequence[Facts], others: Sequence[Facts], time: datetime) -> None:
        self._anchors, self._others, self._time = anchors, others, time
        self._steps = 0
        self._problems: list[str] = []

    def above(self, path: tuple[Facts, ...]) -> tuple[Facts, ...] | None:
        """`path`, which is valid as far as it goes, continued up to an anchor."""
        for ca in self._anchors:
            if self._continues(path, ca):
                return (*path, ca)
        if len(path) == MAX_DEPTH:
            return None
        for ca in self._others:
            if ca not in path and self._continues(path, ca):
                found = self.above((*path, ca))
                if found is not None:
                    return found
        return None

    def reason(self, leaf: Facts) -> str:
        """Why there is no chain."""
        if self._steps > MAX_STEPS:
            return f"no chain was found among the first {MAX_STEPS} issuers of the certificate's chain"
        if self._problems:
            return self._problems[0]
        return f"no chain leads from the certificate to the authority; its issuer is {shown_name(leaf.issuer)}"

    def _continues(self, path: tuple[Facts, ...], ca: Facts) -> bool:
        if ca.subject != path[-1].issuer:
            return False
        self._steps += 1
        if self._steps > MAX_STEPS or not _issued(ca, path[-1]):
            return False
        problem = _problem(ca, path, self._time)
        if problem is not None:
            self._problems.append(f"the certificate of {shown_name(ca.subject)} {problem}")
        return problem is None


def _problem(ca: Facts, below: tuple[Facts, ...], time: datetime) -> str | None:
    """Why `ca`, which issued the last of `below`, cannot be above them at `time` (RFC 5280 sections 6.1.3, 6.1.4)."""
    from cryptography import x509

    if not ca.valid_at(time):
        period = f"{format_time(ca.not_before)} to {format_time(ca.not_after)}"
        return f"is valid from {period}, and not at {format_time(time)}"
    fault = _ca_fault(ca)
    if fault is not None:
        return fault
    basic = ca.value(x509.BasicConstraints)
    counted = sum(not one.is_self_issued for one in below[1:])
    if basic is None or (basic.path_length is not None and basic.path_length < counted):
        return f"may not have {plural(counted, 'CA')} below it"
    return violation(ca, below)


def _leaf_fault(leaf: Facts) -> str | None:
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    basic, usage = leaf.value(x509.BasicConstraints), leaf.value(x509.KeyUsage)
    purposes = leaf.value(x509.ExtendedKeyUsage)
    if basic is not None and basic.ca:
        return "is that of a CA"
    if usage is None or not usage.digital_signature:
        return "is not for digital signatures (key usage)"
    if purposes is None or ExtendedKeyUsageOID.CODE_SIGNING not in purposes:
        return "is not for code signing (extended key usage)"
    try:
        PublicKey.parse(spki_of(leaf.certificate), what="its key")
    except InputError as error:
        return f"has a key that is not accepted: {error.message}"
    return _unknown(leaf, _LEAF_EXTENSIONS)


def _ca_fault(ca: Facts) -> str | None:
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    basic, usage = ca.value(x509.BasicConstraints), ca.value(x509.KeyUsage)
    purposes, policies = ca.value(x509.ExtendedKeyUsage), ca.value(x509.PolicyConstraints)
    if basic is None or not basic.ca:
        return "is not that of a CA (basic constraints)"
    if usage is not None and not usage.key_cert_sign:
        return "may not sign certificates (key usage)"
    allowed = {ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    if purposes is not None and allowed.isdisjoint(purposes):
        return "may not issue certificates for code signing (extended key usage)"
    if policies is not None and policies.require_explicit_policy is not None:
        return "requires certificate policies, which are not supported"
    try:
        family, parameter = classify(ca.key, "its key")
    except InputError as error:
        return f"has a key that is not accepted: {error.message}"
    if family == "ecdsa" and parameter not in _CURVES:
        return f"has a key on a curve that is not accepted: {parameter}"
    return _unknown(ca, _CA_EXTENSIONS)


def _unknown(facts: Facts, known: frozenset[str]) -> str | None:
    unknown = [oid for oid, extension in facts.extensions.items() if extension.critical and oid not in known]
    return f"has a critical extension that is not supported: {unknown[0]}" if unknown else None


def _issued(ca: Facts, one: Facts) -> bool:
    """Whether `ca` signed `one`, with a strong digest, and the names fit (RFC 5280 section 6.1.3 (a)(1), (4))."""
    return _has_signed(ca.certificate, one.certificate)


def is_self_signed(one: Certificate) -> bool:
    """Whether a certificate is signed with its own key; the same name alone is that of a CA with a new key."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    try:
        one.verify_directly_issued_by(one)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True


@lru_cache(maxsize=256)  # the CAs of an authority issued each other, which need not be checked for each signature
def _has_signed(ca: Certificate, one: Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    try:
        digest = one.signature_hash_algorithm
        one.verify_directly_issued_by(ca)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return digest is None or digest.name in DIGESTS  # None: the algorithm has no choice of digest


def _demand_valid(leaf: Facts, time: datetime) -> None:
    if time > leaf.not_after:
        message = f"the certificate expired at {format_time(leaf.not_after)}, and must be valid at {format_time(time)}"
        raise Rejected("certificate-expired", message)
    if time < leaf.not_before:
        message = (
            f"the certificate is valid from {format_time(leaf.not_before)}, and must be valid at {format_time(time)}"
        )
        raise Rejected("certificate-not-yet-valid", message)


def spki_of(certificate: Certificate) -> bytes:
    """The SubjectPublicKeyInfo of a certificate that has been read whole, in DER."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
