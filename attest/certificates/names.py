"""The name in a certificate: one subject alternative name, its issuer, and the claims of Fulcio's extensions.

Rule: a certificate names exactly one subject, and a name that two programs may read differently is none.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, NoReturn

from attest._base.globbing import climbs
from attest.certificates.facts import facts_of
from attest.errors import Rejected

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cryptography.x509 import Certificate, Extension

SanType = Literal["uri", "email", "dns", "other"]

# The extensions of Fulcio by name (docs/oid-info.md in sigstore/fulcio), as sigstore-go names them.
ARC: Final = "1.3.6.1.4.1.57264."
CLAIMS: Final[Mapping[str, str]] = {
    "github-workflow-trigger": "1.2",
    "github-workflow-sha": "1.3",
    "github-workflow-name": "1.4",
    "github-workflow-repository": "1.5",
    "github-workflow-ref": "1.6",
    "build-signer-uri": "1.9",
    "build-signer-digest": "1.10",
    "runner-environment": "1.11",
    "source-repository-uri": "1.12",
    "source-repository-digest": "1.13",
    "source-repository-ref": "1.14",
    "source-repository-identifier": "1.15",
    "source-repository-owner-uri": "1.16",
    "source-repository-owner-identifier": "1.17",
    "build-config-uri": "1.18",
    "build-config-digest": "1.19",
    "build-trigger": "1.20",
    "run-invocation-uri": "1.21",
    "source-repository-visibility-at-signing": "1.22",
}
_ISSUER, _RAW_ISSUER, _USER_NAME = ARC + "1.8", ARC + "1.1", ARC + "1.7"
_RAW: Final = frozenset(ARC + last for last in ("1.1", "1.2", "1.3", "1.4", "1.5", "1.6"))

_LABEL: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_DNS: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
# RFC 5321 section 4.1.2: a mailbox whose local part is not quoted.
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_EMAIL: Final = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@({_DNS.pattern})")
# RFC 3986, with what Git allows in the name of a branch, but without quotes, and without the backslash, which browsers
# take for a slash. The authority is a host and a port: a user before the host makes another host of it. A path or
# nothing follows it: "https://evil.test?.example.com/" must not look like a host below example.com.
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!#-\[\]-~]*")
_AUTHORITY: Final = re.compile(r"[^:]+:(?:(?!//)|//(?:[A-Za-z0-9._~-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?(?:/|\Z))")
_HIDDEN: Final = re.compile(r"%(?:[01][0-9a-f]|7f)", re.IGNORECASE)  # a control character, as URIs encode it
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffd]")
_TEXT: Final = re.compile(r"[!-~]+")  # ASCII without spaces


class CertificateNames(NamedTuple):
    """Who a certificate names. `issuer` is the identity provider that Fulcio asked, or None; `claims` are by name."""

    issuer: str | None
    san_type: SanType
    san: str
    claims: Mapping[str, str]


def names_in(certificate: Certificate) -> CertificateNames:
    """Who a certificate names, whoever issued it.

    Raises Rejected `certificate-invalid`: without a subject alternative name, with several, with one of another type
    (IP addresses, directory names), with a malformed one, and for issuers that differ. A common name is no name.
    """
    from cryptography import x509

    facts = facts_of(certificate)
    names = list(facts.value(x509.SubjectAlternativeName) or ())
    if len(names) != 1:
        _refuse(f"expected one subject alternative name in the certificate, found {len(names)}")
    san_type, san = _san(names[0])
    there = facts.extensions
    claims = {name: _text(there[ARC + last]) for name, last in CLAIMS.items() if ARC + last in there}
    issuers = {_text(there[oid]) for oid in (_ISSUER, _RAW_ISSUER) if oid in there}
    if len(issuers) > 1:
        _refuse("the certificate has two issuer extensions that differ")
    issuer = next(iter(issuers), None)
    if issuer is not None and not _TEXT.fullmatch(issuer):
        _refuse("the issuer extension of the certificate has a space or a character that is not ASCII, or is empty")
    return CertificateNames(issuer, san_type, san, claims)


def _san(name: Any) -> tuple[SanType, str]:
    from cryptography import x509

    kinds: dict[type, tuple[SanType, Callable[[str], bool]]] = {
        x509.UniformResourceIdentifier: ("uri", _is_uri),
        x509.RFC822Name: ("email", _is_email),
        x509.DNSName: ("dns", _is_dns),
    }
    if isinstance(name, x509.OtherName) and name.type_id.dotted_string == _USER_NAME:
        text = _utf8(name.value)
        if not _TEXT.fullmatch(text):
            _refuse("the user name in the certificate has a space or a character that is not ASCII")
        return "other", text
    if type(name) not in kinds:
        _refuse(f"the subject alternative name is not a URI, e-mail address or DNS name ({type(name).__name__})")
    san_type, is_valid = kinds[type(name)]
    if not is_valid(name.value):
        _refuse(f"the subject alternative name is not a valid {san_type} name: {name.value[:200]!r}")
    return san_type, name.value


def _is_uri(text: str) -> bool:
    if climbs(text) or _HIDDEN.search(text):
        return False
    return _URI.fullmatch(text) is not None and _AUTHORITY.match(text) is not None


def _is_email(text: str) -> bool:
    found = _EMAIL.fullmatch(text)
    return found is not None and len(found[1]) <= 253


def _is_dns(text: str) -> bool:
    return _DNS.fullmatch(text) is not None and len(text) <= 253


def _text(extension: Extension[Any]) -> str:
    """The text of one of Fulcio's extensions: UTF-8 as it is (1.1 to 1.6), or a DER UTF8String."""
    data = extension.value.value
    if extension.oid.dotted_string not in _RAW:
        return _utf8(data)
    try:
        return _printable(data.decode())
    except UnicodeDecodeError:
        _refuse("an extension of the certificate is not UTF-8")


def _utf8(data: bytes) -> str:
    from asn1crypto import core

    try:
        text = core.UTF8String.load(data, strict=True).native
        is_der = core.UTF8String(text).dump() == data
    except (ValueError, TypeError):
        is_der = False
    if not is_der:
        _refuse("an extension of the certificate is not a UTF8String in DER")
    return _printable(text)


def _printable(text: str) -> str:
    if _CONTROL.search(text):
        _refuse("an extension of the certificate has a control character")
    return text


def _refuse(message: str) -> NoReturn:
    raise Rejected("certificate-invalid", message) from None
