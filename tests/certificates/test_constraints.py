"""Name constraints of CAs: by type, for what they cannot judge, and against other forms of an excluded name."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any

import pytest
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.x509.oid import NameOID

from attest import Rejected
from attest.certificates import check_chain
from attest.certificates.constraints import host_of
from tests.support.making.certified import DNS, MAIL, NOW, URI, Holder, authority, leaf, name_of, openssl_accepts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ROOT = authority("root")
EMAIL = NameOID.EMAIL_ADDRESS


def directory(*attributes: tuple[x509.ObjectIdentifier, str], utf8: bool = True) -> x509.DirectoryName:
    kind = x509.name._ASN1Type.UTF8String if utf8 else x509.name._ASN1Type.PrintableString
    return x509.DirectoryName(x509.Name([x509.NameAttribute(oid, text, kind) for oid, text in attributes]))


def organization(text: str) -> x509.DirectoryName:
    return directory((NameOID.ORGANIZATION_NAME, text))


def constrained(
    permitted: Sequence[x509.GeneralName] = (), excluded: Sequence[x509.GeneralName] = (), **settings: Any
) -> Holder:
    constraints = x509.NameConstraints(list(permitted) or None, list(excluded) or None)
    return authority("constrained", ROOT, extensions=[(constraints, True)], **settings)


def allows(ca: Holder, *sans: x509.GeneralName, between: Sequence[Holder] = (), **settings: Any) -> bool:
    one = leaf("constrained leaf", (ca, *between)[-1], sans=sans, **settings)
    try:
        check_chain(one.certificate, [other.certificate for other in (ca, *between)], [ROOT.certificate], NOW)
    except Rejected as error:
        assert error.code == "certificate-untrusted"  # noqa: PT017
        return False
    return True


# A subtree, names in it, and names that are not.
SUBTREES: list[tuple[Any, list[str], list[str]]] = [
    (
        DNS("example.com"),
        ["example.com", "a.example.com", "A.Example.COM"],
        ["badexample.com", "example.com.evil.test"],
    ),
    (DNS(".example.com"), ["a.example.com"], ["badexample.com", "evil.test"]),
    (DNS(""), ["example.com", "evil.test"], []),
    (MAIL("example.com"), ["a@example.com", "a@EXAMPLE.com"], ["a@sub.example.com", "a@badexample.com"]),
    (MAIL(".example.com"), ["a@sub.example.com"], ["a@example.com", "a@badexample.com"]),
    (MAIL("release@example.com"), ["release@example.com"], ["other@example.com", "release@evil.test"]),
    (
        URI("example.com"),
        ["https://example.com/x", "https://EXAMPLE.com:8443", "spiffe://example.com/x"],
        ["https://a.example.com/", "https://evil.test/example.com", "https://evil.test/?example.com"],
    ),
    (URI(".example.com"), ["https://a.b.example.com/x"], ["https://example.com/", "https://badexample.com/"]),
]


@pytest.mark.parametrize(("base", "inside", "outside"), SUBTREES)
def test_a_subtree_permits_or_excludes_the_names_in_it(
    base: Any, inside: list[str], outside: list[str], tmp_path: Path
) -> None:
    permitting, excluding = constrained(permitted=[base]), constrained(excluded=[base])
    for text in (*inside, *outside):
        name: Any = type(base)(text)
        assert allows(permitting, name) is (text in inside), text
        assert allows(excluding, name) is (text in outside), text
        for ca in (permitting, excluding):
            one = leaf("constrained leaf", ca, sans=[name])
            assert openssl_accepts(tmp_path, one, [ca], [ROOT]) is allows(ca, name), text
    # Names of other types are not restricted.
    assert allows(
        permitting, *[other for other in (DNS("x.test"), MAIL("x@x.test")) if type(other) is not type(base)][:1]
    )


def test_a_uri_without_a_host_name_is_refused_where_uris_are_restricted() -> None:
    for text in (
        "urn:example:x",
        "https://10.0.0.1/x",
        "https://[::1]/x",
        "https:///x",
        "https://example.com./x",
        "x:y",
    ):
        assert not allows(constrained(permitted=[URI("example.com")]), URI(text))
        assert not allows(constrained(excluded=[URI("evil.test")]), URI(text))
        assert allows(constrained(permitted=[DNS("example.com")]), URI(text))


@pytest.mark.parametrize(
    "base", ["", ".", "https://example.com", "example.com/", "10.0.0.1", "exa mple.com", "*.example.com"]
)
def test_a_constraint_that_is_not_a_host_refuses_every_name_of_its_type(base: str) -> None:
    kinds: list[tuple[Any, str]] = [(URI, "https://example.com/x"), (MAIL, "a@example.com")]
    if base and "*" not in base:
        kinds.append((DNS, "example.com"))
    for kind, text in kinds:
        ca = constrained(excluded=[kind._init_without_validation(base)])
        assert not allows(ca, kind(text))
        assert allows(ca, URI("https://example.com/x") if kind is not URI else DNS("example.com"))


def test_the_host_of_a_uri_is_what_browsers_take_for_it() -> None:
    assert host_of("https://Example.com:443/x@y") == "example.com"
    for text in (
        "https://example.com@evil.test/",
        "https://evil.test\\@example.com/",
        "https://evil.test\\.example.com/",
        "https://example.com\n/",
        "https://example.com:x/",
        "https://example.com:80:80/",
        "https://1.2.3.4/",
        "https://example.com%2eevil.test/",
        "https://exämple.com/",
        "https:/example.com/",
        "mailto:a@example.com",
    ):
        assert host_of(text) is None, text


def test_directory_names_are_permitted_exactly_and_excluded_in_every_form(tmp_path: Path) -> None:
    def below(ca: Holder, subject: x509.Name) -> bool:
        found = allows(ca, URI("https://example.com/"), subject=subject)
        one = leaf("constrained leaf", ca, sans=[URI("https://example.com/")], subject=subject)
        assert not found or openssl_accepts(tmp_path, one, [ca], [ROOT])
        return found

    permitting = constrained(permitted=[organization("Example Corp")])
    assert below(permitting, name_of("x", "Example Corp"))
    assert below(permitting, organization("Example Corp").value)
    assert below(permitting, x509.Name([]))
    for other in ("Example", "Example Corp 2", "EXAMPLE CORP"):
        assert not below(permitting, name_of("x", other))
    assert not below(
        permitting, directory((NameOID.COMMON_NAME, "x"), (NameOID.ORGANIZATION_NAME, "Example Corp")).value
    )
    excluding = constrained(excluded=[organization("Example Corp")])
    for text in ("Example Corp", "EXAMPLE CORP", "example  corp ", "\uff25xample Corp"):
        assert not allows(excluding, URI("https://example.com/"), subject=name_of("x", text)), text
    printable = directory((NameOID.ORGANIZATION_NAME, "Example Corp"), (NameOID.COMMON_NAME, "x"), utf8=False).value
    assert not below(excluding, printable)
    assert below(excluding, name_of("x", "Example"))
    assert not below(constrained(excluded=[x509.DirectoryName(x509.Name([]))]), name_of("x"))


def test_an_address_in_the_subject_is_restricted_too() -> None:
    subject = directory((EMAIL, "a@evil.test"), (NameOID.COMMON_NAME, "x")).value
    assert not allows(constrained(permitted=[MAIL("example.com")]), URI("https://example.com/"), subject=subject)
    assert not allows(constrained(excluded=[MAIL("a@EVIL.test")]), URI("https://example.com/"), subject=subject)
    assert not allows(constrained(excluded=[MAIL("A@evil.test")]), MAIL("a@evil.test"))


def test_constraints_of_a_type_that_is_not_judged_refuse_only_names_of_this_type() -> None:
    ca = constrained(excluded=[x509.IPAddress(IPv4Network("0.0.0.0/0"))])
    assert allows(ca, URI("https://example.com/"))
    assert not allows(ca, x509.IPAddress(IPv4Address("10.0.0.1")))
    assert not allows(constrained(permitted=[x509.RegisteredID(EMAIL)]), x509.RegisteredID(EMAIL))


def test_constraints_hold_for_all_below_except_renewals_of_a_ca() -> None:
    ca = constrained(permitted=[organization("Example"), DNS("example.com")])
    inner = authority("inner", ca)
    assert allows(ca, DNS("example.com"), between=[inner])
    assert not allows(ca, DNS("evil.test"), between=[inner])
    outside = authority("outside", ca, subject=name_of("outside", "Other"))
    assert not allows(ca, DNS("example.com"), between=[outside])
    renewed = authority("renewed", ca, subject=ca.certificate.subject, sans=[DNS("evil.test")])
    assert allows(ca, DNS("example.com"), between=[renewed])
    assert not allows(ca, DNS("evil.test"), between=[renewed])


def test_constraints_of_two_cas_hold_both() -> None:
    inner = authority(
        "inner",
        (ca := constrained(permitted=[DNS("example.com")])),
        extensions=[(x509.NameConstraints([DNS("evil.test"), DNS("ci.example.com")], None), False)],
    )
    assert allows(ca, DNS("a.ci.example.com"), between=[inner])
    assert not allows(ca, DNS("evil.test"), between=[inner])
    assert not allows(ca, DNS("example.com"), between=[inner])


@pytest.mark.parametrize("bound", [{"minimum": 1}, {"maximum": 0}, {"maximum": 1}])
def test_bounds_of_a_subtree_which_cryptography_does_not_show_are_refused(bound: dict[str, int]) -> None:
    base = {"base": asn1.GeneralName(name="dns_name", value="example.com"), **bound}
    der = asn1.NameConstraints({"permitted_subtrees": [base]}).dump()
    extension = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.30"), der)
    ca = authority("constrained", ROOT, extensions=[(extension, True)])
    assert not allows(ca, DNS("example.com"))
    assert not allows(ca, DNS("a.example.com"))
