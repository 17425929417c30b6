"""Name constraints of a CA (RFC 5280 section 4.2.1.10): for URIs, e-mail addresses, DNS names and directory names.

Rule: a name that cannot be judged by a constraint of its type is refused, and an exclusion compares loosely.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest.certificates.facts import facts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cryptography.x509 import Certificate, GeneralName, Name

    from attest.certificates.facts import Facts

_HOST: Final = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?", re.IGNORECASE)
_AUTHORITY: Final = re.compile(r"[a-z][a-z0-9+.-]*://([^/?#\\@]*?)(?::[0-9]*)?(?:[/?#].*)?", re.IGNORECASE)
_MAIL_TYPE: Final = "1.2.840.113549.1.9.1"  # emailAddress in a subject, which constraints on addresses cover too


class _Constraints(NamedTuple):
    permitted: tuple[GeneralName, ...]
    excluded: tuple[GeneralName, ...]


def violation(ca: Facts, below: Sequence[Facts]) -> str | None:
    """Why a name in the certificates `below` a CA, leaf first, is against its constraints, or None.

    The subject counts, and every subject alternative name. Self-issued CAs are left out (section 6.1.3 (b)).
    """
    from cryptography import x509

    if ca.value(x509.NameConstraints) is None:
        return None
    constraints = _constraints(ca.certificate)
    if constraints is None:
        return "has name constraints with a minimum or maximum, which are not supported"
    for position, one in enumerate(below):
        if position and one.is_self_issued:
            continue
        for kind, name in _names(one):
            if not _allowed(kind, name, constraints):
                return f"is not allowed to issue for {_shown(name)} (name constraints)"
    return None


def host_of(uri: str) -> str | None:
    """The host of a URI if it is a name, and not an IP address, and there is no user before it; in lower case."""
    found = _AUTHORITY.fullmatch(uri)
    return _host(found[1]) if found else None


def _host(text: str) -> str | None:
    """A host name in lower case; an IPv4 address ends with a number, as no name does."""
    if not _HOST.fullmatch(text) or text.rpartition(".")[2].isdigit():
        return None
    return text.lower()


@lru_cache(maxsize=64)
def _constraints(certificate: Certificate) -> _Constraints | None:
    """The constraints of a certificate; None if they have bounds, which cryptography reads and does not show."""
    from asn1crypto import x509 as asn1
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        parsed = asn1.Certificate.load(certificate.public_bytes(Encoding.DER)).name_constraints_value
        subtrees = [one for name in ("permitted_subtrees", "excluded_subtrees") for one in parsed[name] or ()]
        if any(one["minimum"].native != 0 or one["maximum"].native is not None for one in subtrees):
            return None
    except (ValueError, TypeError):
        return None
    value = facts_of(certificate).value(x509.NameConstraints)
    if value is None:
        return None
    return _Constraints(tuple(value.permitted_subtrees or ()), tuple(value.excluded_subtrees or ()))


def _names(facts: Facts) -> Iterator[tuple[type[GeneralName], Any]]:
    from cryptography import x509

    if facts.subject.rdns:
        yield x509.DirectoryName, facts.subject
    for attribute in facts.subject:
        if attribute.oid.dotted_string == _MAIL_TYPE:
            yield x509.RFC822Name, attribute.value
    for name in facts.value(x509.SubjectAlternativeName) or ():
        yield type(name), name.value


def _allowed(kind: type[GeneralName], name: Any, constraints: _Constraints) -> bool:
    permitted = [base.value for base in constraints.permitted if type(base) is kind]
    excluded = [base.value for base in constraints.excluded if type(base) is kind]
    if not permitted and not excluded:
        return True
    matches = _matchers().get(kind)
    if matches is None:
        return False
    inside = [matches(name, base, False) for base in permitted]
    outside = [matches(name, base, True) for base in excluded]
    if None in inside or None in outside:
        return False
    return (not permitted or True in inside) and True not in outside


def _matchers() -> dict[type[GeneralName], Callable[[Any, Any, bool], bool | None]]:
    """By type, whether a name is in a subtree; None if that cannot be decided. The last argument asks for `loose`."""
    from cryptography import x509

    return {
        x509.DNSName: _dns,
        x509.RFC822Name: _mail,
        x509.UniformResourceIdentifier: _uri,
        x509.DirectoryName: _directory,
    }


def _dns(name: str, base: str, loose: bool) -> bool | None:
    host = _host(name)
    domain = _host(base.removeprefix(".")) if base else ""
    if host is None or domain is None:
        return None
    # With a leading dot, as OpenSSL and Go read it, the domain itself is not meant.
    return not base or host.endswith(f".{domain}") or (host == domain and (loose or not base.startswith(".")))


def _mail(name: Any, base: str, loose: bool) -> bool | None:
    local, at, text = name.partition("@") if isinstance(name, str) else ("", "", "")
    wanted, _, domain = base.rpartition("@")
    host, domain = _host(text), _host(domain.removeprefix(".") if not wanted else domain)  # type: ignore[assignment]
    if not (at and local) or host is None or domain is None:
        return None
    if wanted:
        return host == domain and (local == wanted or (loose and local.lower() == wanted.lower()))
    return host.endswith(f".{domain}") if base.startswith(".") else host == domain


def _uri(name: str, base: str, loose: bool) -> bool | None:
    host, domain = host_of(name), _host(base.removeprefix("."))
    if host is None or domain is None:
        return None
    return host.endswith(f".{domain}") if base.startswith(".") else host == domain


def _directory(name: Name, base: Name, loose: bool) -> bool:
    """Whether `name` begins with the RDNs of `base`: exactly, or `loose`, as section 7.1 compares."""
    first = name.rdns[: len(base.rdns)]
    if not loose:
        return first == base.rdns
    return [_folded(rdn) for rdn in first] == [_folded(rdn) for rdn in base.rdns]


def _folded(rdn: Any) -> set[tuple[str, str]]:
    folded = [(one.oid, unicodedata.normalize("NFKC", str(one.value)).casefold()) for one in rdn]
    return {(oid.dotted_string, " ".join(text.split())) for oid, text in folded}


def _shown(name: Any) -> str:
    return repr(str(name.rfc4514_string() if hasattr(name, "rfc4514_string") else name)[:200])
