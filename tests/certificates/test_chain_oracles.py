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
from tests.support.examples import examples
from tests.support.making.certified import (
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

if TYPE_CHECKING:
    from pathlib import Path


class Choices:
    """The usual value of everything, except in two places at most, which are drawn first."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self._unusual = draw(st.sets(st.integers(0, 45), max_size=2))
        self._asked = 0

    def of(self, usual: Any, *others: Any) -> Any:
        self._asked += 1
        return self._draw(st.sampled_from(others)) if self._asked in self._unusual else usual


def directory(*organizations: str) -> x509.DirectoryName:
    return x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, one) for one in organizations]))


HOSTS = ("ci.example.com", "a.ci.example.com", "example.com", "elsewhere.test", "badexample.com")
SUBTREES = [
    *(kind(text) for kind in (DNS, URI, MAIL) for text in ("ci.example.com", "example.com", "elsewhere.test")),
    *(kind(".example.com") for kind in (URI, MAIL)),
    MAIL("release@example.com"),
    directory("Example"),
    directory("Elsewhere"),
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
# In most CAs there are none.
SUBTREE = st.one_of(*[st.just([])] * 4, st.lists(st.sampled_from(SUBTREES), max_size=2))


@st.composite
def chains(draw: st.DrawFn) -> tuple[Holder, list[Holder], list[Holder], bool]:
    """A leaf, intermediates in order, anchors, and whether the profile holds, which openssl does not know."""
    choices = Choices(draw)
    number = draw(st.integers(1, 4))
    holders: list[Holder] = []
    profile = True
    for level in range(number):
        above = holders[-1] if holders else None
        begin, end = choices.of(GOOD, PAST, LATER)
        purposes = choices.of(None, CODE, ANY, SERVER)
        profile = profile and purposes != SERVER
        extensions = choices.of([], [(UNKNOWN, True)], [(UNKNOWN, False)])
        permitted, excluded = draw(SUBTREE), draw(SUBTREE)
        if excluded and draw(st.booleans()):
            excluded = [*excluded, directory("EXAMPLE")]
        if permitted or excluded:
            extensions = [*extensions, (x509.NameConstraints(permitted or None, excluded or None), True)]
        made = authority(
            f"level {level}",
            above,
            ca=choices.of(True, False),
            path_length=choices.of(None, 0, 1, 2),
            usage=choices.of(("key_cert_sign",), None, ("digital_signature",)),
            purposes=purposes,
            begin=begin,
            end=end,
            subject=above.certificate.subject if above and choices.of(False, True) else None,
            signed_by=choices.of(None, key_of("stranger")) if above else None,
            extensions=extensions,
        )
        holders.append(made)
    begin, end = choices.of(GOOD, PAST, LATER)
    usage = choices.of(("digital_signature",), ("key_encipherment",), None)
    purposes = choices.of(CODE, SERVER, ANY, None)
    is_ca = choices.of(False, None, True)
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
        signed_by=choices.of(None, key_of("stranger")),
    )
    anchor = holders[choices.of(0, *range(number))]
    return one, [holder for holder in reversed(holders) if holder is not anchor], [anchor], profile


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
@given(made=chains(), data=st.data())
def test_a_chain_is_accepted_exactly_where_openssl_accepts_it_and_the_profile_holds(
    folder: Path, made: tuple[Holder, list[Holder], list[Holder], bool], data: st.DataObject
) -> None:
    one, others, anchors, profile = made
    expected = openssl_accepts(folder, one, others, anchors) and profile
    assert ours(one, others, anchors) is expected
    # openssl takes the first certificate with the right name. Neither the order nor others of this name matter to us.
    junk = authority("junk", subject=(others or anchors)[0].certificate.subject)
    assert ours(one, data.draw(st.permutations([junk, *others])), anchors) is expected


@examples(800)
@given(chains())
def test_a_chain_is_accepted_exactly_where_cryptography_accepts_it_and_the_profile_holds(
    made: tuple[Holder, list[Holder], list[Holder], bool],
) -> None:
    one, others, anchors, profile = made
    # cryptography has rules of its own for a CA with the name of its issuer.
    is_renewed = any(other.certificate.subject == other.certificate.issuer for other in others)
    if is_plain([*others, *anchors]) and not is_renewed:
        assert ours(one, others, anchors) is (cryptographys(one, others, anchors) and profile)
