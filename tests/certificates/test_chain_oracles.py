"""Chains that are made up, good and bad: attest says yes where openssl and the profile of a signer's certificate do."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store, VerificationError
from hypothesis import given
from hypothesis import strategies as st

from attest.certificates import check_chain
from attest.errors import Rejected
from tests.support.certified import (
    ANY,
    BEGIN,
    CODE,
    DNS,
    END,
    MAIL,
    NOW,
    SERVER,
    UNKNOWN,
    URI,
    Holder,
    authority,
    key_of,
    leaf,
    name_of,
    openssl_accepts,
)
from tests.support.examples import examples

if TYPE_CHECKING:
    from pathlib import Path


def mostly(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    """The usual value in most examples."""
    return st.one_of(*[st.just(usual)] * 6, *map(st.just, others))


def directory(*organizations: str) -> x509.DirectoryName:
    return x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, one) for one in organizations]))


HOSTS = ("ci.example.com", "a.ci.example.com", "example.com", "elsewhere.test", "badexample.com")
SUBTREES = [
    *(kind(text) for kind in (DNS, URI, MAIL) for text in ("ci.example.com", "example.com", "elsewhere.test")),
    *(kind(".example.com") for kind in (URI, MAIL)),
    MAIL("release@example.com"),
    directory("Example"),
    directory("Elsewhere"),
    directory("EXAMPLE"),
    x509.IPAddress(IPv4Network("10.0.0.0/8")),
]
NAMES = [
    *(URI(f"https://{host}/x") for host in HOSTS),
    *(MAIL(f"{user}@{host}") for host in HOSTS for user in ("release", "other")),
    *map(DNS, HOSTS),
    URI("spiffe://example.com/builder"),
    URI("https://CI.Example.com:8443/x"),
]
GOOD, PAST, LATER = (BEGIN, END), (BEGIN, BEGIN.replace(day=9)), (END, END.replace(year=2028))
PERIODS = mostly(GOOD, PAST, LATER)
SUBTREE = st.lists(st.sampled_from(SUBTREES), max_size=2)


@st.composite
def constraints(draw: st.DrawFn) -> list[tuple[x509.ExtensionType, bool]]:
    extensions: list[tuple[x509.ExtensionType, bool]] = []
    if draw(st.integers(0, 2)) == 0:
        permitted, excluded = draw(SUBTREE), draw(SUBTREE)
        if permitted or excluded:
            extensions.append((x509.NameConstraints(permitted or None, excluded or None), True))
    if draw(mostly(False, True)):
        extensions.append((UNKNOWN, draw(st.booleans())))
    return extensions


@st.composite
def chains(draw: st.DrawFn) -> tuple[Holder, list[Holder], list[Holder], bool]:
    """A leaf, intermediates in any order, anchors, and whether the profile holds, which openssl does not know."""
    number = draw(st.integers(1, 4))
    holders: list[Holder] = []
    profile = True
    for level in range(number):
        above = holders[-1] if holders else None
        begin, end = draw(PERIODS)
        purposes = draw(mostly(None, CODE, ANY, SERVER))
        profile = profile and purposes != SERVER
        same = above is not None and draw(mostly(False, True))
        holders.append(
            authority(
                f"level {level}",
                above,
                ca=draw(mostly(True, False)),
                path_length=draw(mostly(None, 0, 1, 2)),
                usage=draw(mostly(("key_cert_sign",), None, ("digital_signature",))),
                purposes=purposes,
                begin=begin,
                end=end,
                subject=above.certificate.subject if above and same else None,
                signed_by=draw(mostly(None, key_of("stranger"))) if above else None,
                extensions=draw(constraints()),
            )
        )
    begin, end = draw(PERIODS)
    usage = draw(mostly(("digital_signature",), ("key_encipherment",), None))
    purposes = draw(mostly(CODE, SERVER, ANY, None))
    is_ca = draw(mostly(False, None, True))
    profile = profile and usage == ("digital_signature",) and purposes == CODE and not is_ca
    one = leaf(
        "the leaf",
        holders[-1],
        ca=is_ca,
        usage=usage,
        purposes=purposes,
        begin=begin,
        end=end,
        subject=name_of("the leaf", draw(st.sampled_from(["Example", "Elsewhere", None]))),
        sans=[draw(st.sampled_from(NAMES))],
        signed_by=draw(mostly(None, key_of("stranger"))),
    )
    anchor = holders[draw(mostly(0, *range(number)))]
    others = draw(st.permutations([holder for holder in holders if holder is not anchor]))
    junk = [authority("junk", subject=holders[-1].certificate.subject)] if draw(mostly(False, True)) else []
    return one, [*junk, *others], [anchor], profile


def ours(one: Holder, others: list[Holder], anchors: list[Holder]) -> bool:
    try:
        found = check_chain(
            one.certificate, [other.certificate for other in others], [anchor.certificate for anchor in anchors], NOW
        )
    except Rejected:
        return False
    assert found[0] == one.certificate
    assert found[-1] in [anchor.certificate for anchor in anchors]
    return True


def cryptographys(one: Holder, others: list[Holder], anchors: list[Holder]) -> bool:
    def of_ca(policy: Any, certificate: x509.Certificate, extension: x509.KeyUsage | None) -> None:
        if extension is not None and not extension.key_cert_sign:
            raise ValueError

    def any_value(policy: Any, certificate: x509.Certificate, extension: Any) -> None:
        pass

    cas = ExtensionPolicy.permit_all().require_present(x509.BasicConstraints, Criticality.AGNOSTIC, any_value)
    cas = cas.may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, of_ca)
    builder = PolicyBuilder().store(Store([anchor.certificate for anchor in anchors])).time(NOW)
    builder = builder.extension_policies(ca_policy=cas, ee_policy=ExtensionPolicy.permit_all())
    try:
        builder.build_client_verifier().verify(one.certificate, [other.certificate for other in others])
    except (VerificationError, ValueError):
        return False
    return True


def is_plain(holders: list[Holder]) -> bool:
    """Whether cryptography reads all of the name constraints."""
    for holder in holders:
        for extension in holder.certificate.extensions:
            if isinstance(extension.value, x509.NameConstraints):
                bases = [*(extension.value.permitted_subtrees or ()), *(extension.value.excluded_subtrees or ())]
                if not all(isinstance(base, DNS) for base in bases):
                    return False
    return True


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("openssl")


@examples(400)
@given(made=chains())
def test_a_chain_is_accepted_exactly_where_openssl_accepts_it_and_the_profile_holds(
    folder: Path, made: tuple[Holder, list[Holder], list[Holder], bool]
) -> None:
    one, others, anchors, profile = made
    theirs = openssl_accepts(folder, one, others, anchors)
    assert ours(one, others, anchors) is (theirs and profile)


@examples(800)
@given(chains())
def test_no_chain_is_accepted_that_cryptography_refuses(made: tuple[Holder, list[Holder], list[Holder], bool]) -> None:
    one, others, anchors, profile = made
    if is_plain([*others, *anchors]):
        theirs = cryptographys(one, others, anchors)
        assert theirs or not ours(one, others, anchors)
        # cryptography counts a CA that is its own issuer for path lengths, and applies constraints to it.
        if all(other.certificate.subject != other.certificate.issuer for other in others):
            assert ours(one, others, anchors) is (theirs and profile)
