"""Certificate chains: what makes one, what is changed in one, what it may cost, and what signers may give."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from attest import InputError, Rejected
from attest.certificates import check_chain, demand_ca, demand_signers_chain
from attest.certificates.chain import MAX_DEPTH
from attest.certificates.facts import facts_of
from attest.keys.formats import load_certificate
from tests.support.making.certified import (
    ANY,
    BEGIN,
    CODE,
    DNS,
    END,
    NOW,
    SERVER,
    UNKNOWN,
    Holder,
    authority,
    key_of,
    leaf,
    name_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

ROOT = authority("root")
POLICY = authority("policy", ROOT, path_length=1)
ISSUING = authority("issuing", POLICY, path_length=0, purposes=CODE)
LEAF = leaf("builder", ISSUING)


def outcome(
    one: Holder, others: Sequence[Holder], anchors: Sequence[Holder], now: datetime = NOW
) -> str | list[Holder]:
    """The chain as holders, or the code of its refusal; anything but a Rejected goes through."""
    known = {holder.certificate: holder for holder in (one, *others, *anchors)}
    try:
        found = check_chain(
            one.certificate, [other.certificate for other in others], [anchor.certificate for anchor in anchors], now
        )
    except Rejected as error:
        return error.code
    return [known[certificate] for certificate in found]


def test_a_chain_goes_from_the_leaf_to_an_anchor_in_whatever_order_it_is_given() -> None:
    whole = [LEAF, ISSUING, POLICY, ROOT]
    assert outcome(LEAF, [ISSUING, POLICY], [ROOT]) == whole
    assert outcome(LEAF, [POLICY, ISSUING], [ROOT]) == whole
    assert outcome(LEAF, [ROOT, POLICY, ISSUING, LEAF, authority("other")], [ROOT]) == whole
    assert outcome(LEAF, [ISSUING, POLICY, ROOT], [POLICY]) == [LEAF, ISSUING, POLICY]
    assert outcome(LEAF, [], [ISSUING]) == [LEAF, ISSUING]
    assert outcome(LEAF, [ISSUING], [ROOT]) == "certificate-untrusted"
    assert outcome(LEAF, [ISSUING, POLICY, ROOT], []) == "certificate-untrusted"
    assert outcome(LEAF, [ISSUING, POLICY], [LEAF]) == "certificate-untrusted"


def test_a_certificate_is_valid_at_both_ends_of_its_period_and_not_a_moment_longer() -> None:
    moment = timedelta(microseconds=1)
    assert outcome(LEAF, [ISSUING, POLICY], [ROOT], BEGIN) == outcome(LEAF, [ISSUING, POLICY], [ROOT], END)
    assert outcome(LEAF, [ISSUING, POLICY], [ROOT], BEGIN - moment) == "certificate-not-yet-valid"
    assert outcome(LEAF, [ISSUING, POLICY], [ROOT], END + moment) == "certificate-expired"


@pytest.mark.parametrize("level", range(3))
def test_all_cas_are_valid_at_the_same_time(level: int) -> None:
    """Not at the leaf's begin, and not at another time (CVE-2026-24122)."""
    above: Holder | None = None
    chain: list[Holder] = []
    for number in range(3):
        end = NOW - timedelta(days=1) if number == level else END
        above = authority(f"level {number}", above, end=end)
        chain.append(above)
    one = leaf("old", chain[-1])
    assert outcome(one, chain[1:], chain[:1]) == "certificate-untrusted"
    assert outcome(one, chain[1:], chain[:1], NOW - timedelta(days=2)) == [one, *reversed(chain)]


WEAK = rsa.generate_private_key(65537, 1024)  # noqa: S505  # to be refused
BAD_LEAVES: dict[str, dict[str, Any]] = {
    "a CA": {"ca": True, "usage": ("digital_signature", "key_cert_sign")},
    "no key usage": {"usage": None},
    "another key usage": {"usage": ("content_commitment",)},
    "no extended key usage": {"purposes": None},
    "server": {"purposes": SERVER},
    "any": {"purposes": ANY},
    "unknown critical extension": {"extensions": [(UNKNOWN, True)]},
    "name constraints": {"extensions": [(x509.NameConstraints([DNS("a")], None), True)]},
    "RSA 1024": {"key": WEAK},
    "P-521": {"key": ec.generate_private_key(ec.SECP521R1())},
    "secp256k1": {"key": ec.generate_private_key(ec.SECP256K1())},
}


@pytest.mark.parametrize("fault", BAD_LEAVES)
def test_a_leaf_that_is_not_for_code_signing_is_refused_whoever_issued_it(fault: str) -> None:
    assert outcome(leaf("bad", ISSUING, **BAD_LEAVES[fault]), [ISSUING, POLICY], [ROOT]) == "certificate-invalid"


def test_a_leaf_may_have_more_purposes_and_extensions_and_any_key_that_attest_accepts() -> None:
    fine: list[dict[str, Any]] = [
        {"ca": None},
        {"purposes": (*SERVER, *CODE)},
        {"extensions": [(UNKNOWN, False)]},
        {"key": ed25519.Ed25519PrivateKey.generate()},
        {"key": ec.generate_private_key(ec.SECP384R1())},
        {"key": rsa.generate_private_key(65537, 2048)},
        {"digest": hashes.SHA512},
    ]
    for settings in fine:
        one = leaf("good", ISSUING, **settings)
        assert outcome(one, [ISSUING, POLICY], [ROOT]) == [one, ISSUING, POLICY, ROOT]


EXPLICIT = x509.PolicyConstraints(0, None)
BAD_CAS: dict[str, dict[str, Any]] = {
    "no CA": {"ca": False},
    "no basic constraints": {"ca": None},
    "no keyCertSign": {"usage": ("crl_sign", "digital_signature")},
    "server": {"purposes": SERVER},
    "unknown critical extension": {"extensions": [(UNKNOWN, True)]},
    "explicit policy": {"extensions": [(EXPLICIT, True)]},
    "RSA 1024": {"key": WEAK},
    "secp256k1": {"key": ec.generate_private_key(ec.SECP256K1())},
}


@pytest.mark.parametrize("fault", BAD_CAS)
def test_a_ca_that_may_not_issue_is_refused_in_a_chain_as_an_anchor_and_in_a_trust_bundle(fault: str) -> None:
    bad = authority("bad", ROOT, **BAD_CAS[fault])
    one = leaf("below", bad)
    assert outcome(one, [bad], [ROOT]) == "certificate-untrusted"
    assert outcome(one, [], [bad]) == "certificate-untrusted"
    with pytest.raises(InputError) as caught:
        demand_ca(bad.certificate, where="/certificates/0")
    assert (caught.value.code, caught.value.where) == ("certificate-invalid", "/certificates/0")


def test_a_ca_may_have_what_changes_nothing() -> None:
    fine: list[dict[str, Any]] = [
        {"usage": None},
        {"purposes": ANY},
        {"extensions": [(x509.InhibitAnyPolicy(0), True), (x509.PolicyConstraints(None, 0), True)]},
        {"key": ec.generate_private_key(ec.SECP521R1()), "extensions": [(UNKNOWN, False)]},
    ]
    for settings in fine:
        ca = authority("fine", ROOT, **settings)
        demand_ca(ca.certificate)
        one = leaf("below", ca)
        assert outcome(one, [ca], [ROOT]) == [one, ca, ROOT]


def test_a_weak_digest_signs_no_certificate() -> None:
    one = leaf("weak", ISSUING, digest=hashes.SHA224)
    assert outcome(one, [ISSUING, POLICY], [ROOT]) == "certificate-untrusted"


def test_path_lengths_count_cas_and_not_renewals() -> None:
    renewed = authority("renewed", POLICY, subject=POLICY.certificate.subject)
    issuing = authority("below renewed", renewed, path_length=0)
    one = leaf("through renewal", issuing)
    assert outcome(one, [issuing, renewed, POLICY], [ROOT]) == [one, issuing, renewed, POLICY, ROOT]
    deeper = authority("deeper", authority("too many", renewed))
    assert outcome(leaf("deep", deeper), [deeper, renewed, POLICY], [ROOT]) == "certificate-untrusted"
    second = authority("second", issuing)
    assert outcome(leaf("second leaf", second), [second, issuing, renewed, POLICY], [ROOT]) == "certificate-untrusted"


def test_a_name_alone_makes_no_issuer() -> None:
    clone = authority("clone", subject=ROOT.certificate.subject)
    one = leaf("by clone", clone)
    assert outcome(one, [], [ROOT]) == "certificate-untrusted"
    assert outcome(one, [clone], [ROOT]) == "certificate-untrusted"
    assert outcome(one, [clone], [ROOT, clone]) == [one, clone]
    renamed = authority("renamed", key=ROOT.key)
    assert outcome(leaf("by root", ROOT), [], [renamed]) == "certificate-untrusted"


@pytest.mark.parametrize("position", range(3))
def test_no_byte_of_a_certificate_can_be_changed(position: int) -> None:
    """A changed copy of the root is another certificate, so it is no anchor; the leaf and the CAs are signed."""
    chain = [LEAF, ISSUING, POLICY]
    der = chain[position].der
    tried = 0
    for at in range(len(der)):
        changed = bytearray(der)
        changed[at] ^= 1 << (at % 8)
        try:
            chain[position] = Holder(load_certificate(bytes(changed)), None)
        except ValueError:
            continue
        tried += 1
        assert isinstance(outcome(chain[0], chain[1:], [ROOT]), str), at
    assert tried > 100


def test_cas_that_issued_each_other_end_the_search() -> None:
    first = authority("loop a")
    second = authority("loop b", first)
    crossed = authority("cross", second, key=first.key, subject=first.certificate.subject)
    assert outcome(leaf("in a loop", crossed), [crossed, second], [ROOT]) == "certificate-untrusted"


def test_the_search_costs_little_whatever_is_given() -> None:
    """Nine CAs that have one name and one key have each issued all of them: there are 9! ways, and none is good."""
    name = name_of("many")
    knot = [authority("many", subject=name, key=key_of("many"), serial=number) for number in range(1, 10)]
    one = leaf("knotted", knot[0])
    start = time.process_time()
    assert outcome(one, knot, [ROOT]) == "certificate-untrusted"
    assert time.process_time() - start < 0.5


def test_a_chain_has_at_most_eight_cas() -> None:
    chain = [ROOT]
    for number in range(MAX_DEPTH):
        chain.append(authority(f"deep {number}", chain[-1]))
    one, other = leaf("at the limit", chain[-2]), leaf("above the limit", chain[-1])
    assert outcome(one, chain[1:-1], [ROOT]) == [one, *reversed(chain[:-1])]
    assert outcome(other, chain[1:], [ROOT]) == "certificate-untrusted"


def test_a_certificate_with_an_extension_twice_is_refused() -> None:
    from asn1crypto import x509 as asn1

    parsed = asn1.Certificate.load(LEAF.der)
    extensions = parsed["tbs_certificate"]["extensions"]
    extensions.append(extensions[1].copy())
    twice = Holder(x509.load_der_x509_certificate(parsed.dump(force=True)), None)
    with pytest.raises(Rejected, match="twice"):
        facts_of(twice.certificate)
    assert outcome(twice, [ISSUING, POLICY], [ROOT]) == "certificate-invalid"
    assert outcome(LEAF, [twice, ISSUING, POLICY], [ROOT]) == "certificate-invalid"


def test_a_refusal_says_what_is_wrong_with_which_certificate() -> None:
    old = authority("old", ROOT, end=NOW - timedelta(days=1))
    with pytest.raises(Rejected, match=r"the certificate of 'CN=old,O=Example' is valid from .* to 2026-05-31"):
        check_chain(leaf("x", old).certificate, [old.certificate], [ROOT.certificate], NOW)
    with pytest.raises(Rejected, match="its issuer is 'CN=issuing,O=Example'"):
        check_chain(LEAF.certificate, [], [ROOT.certificate], NOW)


def signers(*chain: Holder, now: datetime = NOW) -> str:
    """The code with which a signer's chain is refused, or nothing."""
    try:
        demand_signers_chain([one.certificate for one in chain], now)
    except InputError as error:
        return error.code
    return ""


def test_a_signer_gives_its_chain_in_order() -> None:
    assert signers(LEAF) == signers(LEAF, ISSUING) == signers(LEAF, ISSUING, POLICY, ROOT) == ""
    assert signers() == "certificate-invalid"
    assert signers(LEAF, POLICY, ISSUING) == "certificate-invalid"
    assert signers(LEAF, POLICY) == "certificate-untrusted"
    assert signers(LEAF, ISSUING, ROOT) == "certificate-untrusted"
    assert signers(LEAF, ISSUING, now=END + timedelta(seconds=1)) == "certificate-expired"
    assert signers(LEAF, ISSUING, now=BEGIN - timedelta(seconds=1)) == "certificate-not-yet-valid"
    assert signers(ROOT) == "certificate-invalid"
    for settings in ({"purposes": SERVER}, {"sans": ()}):
        other = leaf("unfit", ISSUING, **settings)
        assert signers(other, ISSUING) == "certificate-invalid"
