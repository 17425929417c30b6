"""The name in a certificate: exactly one, of one type, that every program reads alike."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

import pytest
from asn1crypto import core
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from attest import Rejected
from attest._base.globbing import matches
from attest.certificates import CLAIMS, CertificateNames, names_in
from tests.support.examples import examples
from tests.support.making.certified import BUILDER, DNS, MAIL, URI, authority, claim, leaf

ISSUING = authority("issuing")
ISSUER = "https://token.actions.githubusercontent.com"
USER = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.7")


def raw(kind: type, text: str) -> Any:
    """A name that cryptography would not make, but reads."""
    return kind._init_without_validation(text)  # type: ignore[attr-defined]


def utf8(text: str) -> bytes:
    return bytes(core.UTF8String(text).dump())


def names(*sans: x509.GeneralName, claims: dict[str, bytes] | None = None) -> CertificateNames | None:
    """The names in a certificate with these, or None for a refusal."""
    one = leaf("named", ISSUING, sans=sans, extensions=[claim(last, data) for last, data in (claims or {}).items()])
    try:
        return names_in(one.certificate)
    except Rejected as error:
        assert error.code == "certificate-invalid"  # noqa: PT017
        return None


GOOD = [
    ("uri", URI(BUILDER)),
    ("uri", URI("https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main")),
    ("uri", URI("https://github.com/acme/app/.github/workflows/release.yml@refs/heads/feature/a..b{c}|d")),
    ("uri", URI("https://gitlab.com/acme/app//.gitlab-ci.yml@refs/tags/v1.0")),
    ("uri", URI("https://dotcom.releases.github.com")),
    ("uri", URI("spiffe://example.com/ns/ci/sa/builder")),
    ("uri", URI("https://ci.example.com:8443/a?b#c%2Fd@e")),
    ("uri", URI("https://[2001:db8::1]/builder")),
    ("uri", URI("urn:example:builder")),
    ("email", MAIL("release+signing@example.com")),
    ("email", MAIL("robot@project.iam.gserviceaccount.com")),
    ("dns", DNS("builder1.ci.example.com")),
    ("dns", DNS("xn--bcher-kva.example")),
]


@pytest.mark.parametrize(("kind", "san"), GOOD)
def test_a_name_is_kept_as_it_is_with_its_type(kind: Any, san: x509.GeneralName) -> None:
    assert names(san) == CertificateNames(None, kind, san.value, {})


BAD: list[x509.GeneralName] = [
    *(
        raw(URI, text)
        for text in (
            "",
            "release",
            "release@example.com",
            "//ci.example.com/x",
            f"{BUILDER}\0.evil.test",
            f"{BUILDER}\n",
            f"https://evil.test\n/{BUILDER}",
            f"https://evil.test/\n{BUILDER}",
            f"{BUILDER} ",
            f" {BUILDER}",
            f"{BUILDER}\x7f",
            f"{BUILDER}\t",
            f"{BUILDER}%00",
            f"{BUILDER}%0a",
            f"{BUILDER}%1F",
            f"{BUILDER}/../x",
            f"{BUILDER}/%2e%2E/x",
            f"{BUILDER}/.%2e",
            f"{BUILDER}%2f..%2fx",
            f"{BUILDER}\\..\\x",
            "https://ci.example.com@evil.test/builders/release",
            "https://ci.example.com:x@evil.test/builders/release",
            "https://@ci.example.com/builders/release",
            "https://evil.test\\@ci.example.com/x",
            "https://ci.example.com%2eevil.test/x",
            "https://ci.example.com:80:90/x",
            'https://ci.example.com/"x',
        )
    ),
    *(
        raw(MAIL, text)
        for text in (
            "",
            "release",
            "@example.com",
            "release@",
            "a@evil.test@example.com",
            '"a@evil.test"@example.com',
            "release@example.com ",
            "re lease@example.com",
            "release@example.com\n",
            "release\0@example.com",
            "Release <release@example.com>",
            "release@exa_mple..com",
            "release@[10.0.0.1]",
            ".release@example.com",
            "mailto:release@example.com/x",
        )
    ),
    *(
        raw(DNS, text)
        for text in (
            "",
            ".",
            "*.example.com",
            "example.com.",
            ".example.com",
            "a..example.com",
            "exam ple.com",
            "example.com\0",
            "example.com\n",
            "example.com/x",
            "release@example.com",
            "-a.example.com",
            f"{'a' * 64}.com",
            ".".join(["a" * 60] * 5),
        )
    ),
    x509.IPAddress(IPv4Address("10.0.0.1")),
    x509.DirectoryName(ISSUING.certificate.subject),
    x509.RegisteredID(x509.ObjectIdentifier("1.2.3")),
    x509.OtherName(x509.ObjectIdentifier("1.2.3"), utf8("user")),
    x509.OtherName(USER, b"\x05\x00"),
    x509.OtherName(USER, utf8("us er")),
    x509.OtherName(USER, utf8("üser")),
    x509.OtherName(USER, core.IA5String("user").dump()),
]


@pytest.mark.parametrize("number", range(len(BAD)))
def test_a_name_that_programs_read_differently_is_none(number: int) -> None:
    assert names(BAD[number]) is None


def test_a_certificate_has_exactly_one_name() -> None:
    assert names() is None
    assert names(URI(BUILDER), URI("https://elsewhere.test/x")) is None
    assert names(URI(BUILDER), URI(BUILDER)) is None
    assert names(URI(BUILDER), DNS("ci.example.com")) is None


def test_a_user_name_is_no_name_of_the_other_types() -> None:
    assert names(x509.OtherName(USER, utf8("release@example.com"))) == (None, "other", "release@example.com", {})


def test_every_claim_has_its_name() -> None:
    content = {last: (b"text" if int(last[2:]) < 7 else utf8("text")) for last in CLAIMS.values()}
    found = names(URI(BUILDER), claims={**content, "1.8": utf8(ISSUER), "1.1": ISSUER.encode(), "1.99": b"\xff"})
    assert found == (ISSUER, "uri", BUILDER, dict.fromkeys(CLAIMS, "text"))
    odd = names(URI(BUILDER), claims={"1.4": "Veröffentlichen 🚀".encode(), "1.14": utf8("refs/heads/größer")})
    assert odd is not None
    assert odd.claims == {"github-workflow-name": "Veröffentlichen 🚀", "source-repository-ref": "refs/heads/größer"}


def test_the_issuer_is_said_once_or_twice_alike() -> None:
    for claims in ({"1.1": ISSUER.encode()}, {"1.8": utf8(ISSUER)}, {"1.1": ISSUER.encode(), "1.8": utf8(ISSUER)}):
        found = names(URI(BUILDER), claims=claims)
        assert found is not None
        assert found.issuer == ISSUER
    assert names(URI(BUILDER), claims={"1.1": ISSUER.encode(), "1.8": utf8("https://evil.test")}) is None
    assert names(URI(BUILDER), claims={"1.1": utf8(ISSUER), "1.8": utf8(ISSUER)}) is None


@pytest.mark.parametrize(
    "claims",
    [
        {"1.8": b""},
        {"1.8": utf8("")},
        {"1.8": utf8("https://a b")},
        {"1.8": utf8("https://ä.example")},
        {"1.8": utf8(ISSUER) + b"\0"},
        {"1.8": ISSUER.encode()},
        {"1.8": core.PrintableString("https").dump()},
        {"1.8": b"\x0c\x81\x05" + b"https"},
        {"1.8": b"\x0c\x80https\0\0"},
        {"1.1": b""},
        {"1.1": b"https://example.com\n"},
        {"1.3": b"\xff"},
        {"1.5": b"acme/app\0"},
        {"1.12": utf8("https://github.com/acme/app\n")},
        {"1.12": utf8("a\u2028b")},
        {"1.12": b"\x0c\x02\xff\xff"},
        {"1.12": b"text"},
    ],
)
def test_an_extension_that_is_not_a_text_in_its_form_is_refused(claims: dict[str, bytes]) -> None:
    assert names(URI(BUILDER), claims=claims) is None


@examples(300)
@given(st.data())
def test_no_name_that_is_read_escapes_the_host_of_a_glob(data: st.DataObject) -> None:
    """Whatever matches `https://HOST/**` has that host, as a parser of URLs reads it, and no way out of its path."""
    from urllib.parse import unquote, urlsplit

    hosts = ["https://", "ci.example.com", "evil.test", "@", ":", "[", "]", "x", ".", "*"]
    ways = ["/", "..", "%2e", "%2f", "%00", "\\", " ", "\n", "\0", "?", "#", "\t", "%", "%25"]
    pieces = st.sampled_from(hosts + ways)
    text = "https://ci.example.com" * data.draw(st.booleans()) + "".join(data.draw(st.lists(pieces, max_size=8)))
    found = names(raw(URI, text))
    if found is not None and matches("https://ci.example.com/**", found.san):
        parts = urlsplit(found.san)
        assert (parts.scheme, parts.netloc, parts.hostname) == ("https", "ci.example.com", "ci.example.com")
        assert ".." not in unquote(parts.path).replace("\\", "/").split("/")
        assert found.san.isprintable()


@given(st.text(max_size=30).filter(lambda text: not text.isascii()))
def test_a_name_outside_of_ascii_is_refused(text: str) -> None:
    """As the bytes that an IA5String may not have: `raw` would not encode them."""
    parsed = leaf("named", ISSUING, sans=[URI("https://placeholder/" + "x" * len(text.encode("utf-8", "replace")))])
    content = b"https://placeholder/" + text.encode("utf-8", "replace")
    der = parsed.der.replace(b"https://placeholder/" + b"x" * (len(content) - 20), content)
    with pytest.raises(Rejected):
        names_in(x509.load_der_x509_certificate(der))
