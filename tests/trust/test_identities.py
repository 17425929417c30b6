"""Identities of anchors: whose signatures count, alone and together with keys, and what each refusal says."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attest import Envelope, InputError, Limits, PublicKey, Rejected, Signature, TrustBundle, verify
from attest._base.json import b64encode
from attest._base.times import format_time
from tests.support.making.bundles import anchor, bundle, key
from tests.support.making.certified import NOW, URI, Holder, authority, key_of, leaf
from tests.support.making.keys import ALICE
from tests.support.making.statements import statement
from tests.vectors.tokens import ROOT as TSA_ROOT
from tests.vectors.tokens import stamper, token

if TYPE_CHECKING:
    from datetime import datetime

    from attest import Report

ROOT = authority("Root")
OTHER = authority("Other root")
RELEASE, NIGHTLY = (f"https://ci.example.com/builders/{name}" for name in ("release", "nightly"))
STATEMENT = statement()
AUTHORITIES = {"ca": {"kind": "x509", "certificates": [ROOT.pem], "time": "now-or-timestamp"}}


def by(name: str, uri: str = RELEASE, issuer: Holder = ROOT, **settings: Any) -> Holder:
    return leaf(name, issuer, sans=(URI(uri),), **settings)


def signed(*holders: Holder | None, keys: int = 0) -> Envelope:
    """The statement signed by the keys of certificates, after `keys` signatures by ALICE."""
    envelope = Envelope(STATEMENT.raw, "application/vnd.in-toto+json")
    made = [ALICE.sign(envelope.pae()) for _ in range(keys)]
    for holder in holders:
        assert holder is not None
        sig = holder.key.sign(envelope.pae(), ec.ECDSA(hashes.SHA256()))
        made.append(Signature("", sig, {"keyid": "", "sig": b64encode(sig), "cert": holder.pem}))
    return Envelope.from_json(envelope.with_signatures(*made).to_json())


def identity(san: str = RELEASE, **fields: Any) -> dict[str, Any]:
    return {"authority": "ca", "san": {"uri": san}, **fields}


def trust(*identities: dict[str, Any], threshold: int = 1, keys: Any = (), **anchors: Any) -> TrustBundle:
    own = {"threshold": threshold, "keys": list(keys), "identities": list(identities)}
    return bundle({"release": own, **anchors}, authorities=AUTHORITIES)


def report(envelope: Envelope, trusted: TrustBundle, now: datetime = NOW) -> Report:
    try:
        return verify(envelope, trusted, artifacts=None, now=now).report
    except Rejected as error:
        found: Report = error.report  # type: ignore[assignment]  # attest.verify always sets it
        return found


def codes(envelope: Envelope, trusted: TrustBundle, now: datetime = NOW) -> tuple[bool, list[str | None]]:
    """Whether it verifies, and why each signature does not count."""
    found = report(envelope, trusted, now)
    return bool(found.anchors), [check.code for check in found.signatures]


def test_an_identity_counts_and_the_result_says_who_signed() -> None:
    [check] = report(signed(by("a")), trust(identity())).signatures
    assert check.identity is not None
    assert (check.identity.san_type, check.identity.san, check.identity.issuer) == ("uri", RELEASE, None)
    assert (check.identity.authority, check.identity.checks, check.identity.proven_by) == ("ca", ("chain",), ())
    assert check.identity.time == NOW
    assert check.keyid == PublicKey.parse(by("a").pem.encode()).keyid


def test_two_certificates_of_one_identity_are_one_signer() -> None:
    twice = signed(by("a"), by("b"))
    assert codes(twice, trust(identity())) == (True, [None, "identity-already-counted"])
    both = trust(identity(), identity("https://ci.example.com/builders/*"), threshold=2)
    assert codes(twice, both) == (False, [None, "identity-already-counted"])


def test_two_identities_reach_a_threshold_of_two_in_any_order() -> None:
    both = trust(identity("https://ci.example.com/builders/*"), identity(), threshold=2)
    for order in ([by("a"), by("b", NIGHTLY)], [by("b", NIGHTLY), by("a")]):
        assert codes(signed(*order), both) == (True, [None, None])


def test_one_key_with_two_names_is_one_signer() -> None:
    one = key_of("the same")
    envelope = signed(by("a", key=one), by("b", NIGHTLY, key=one))
    both = trust(identity(), identity(NIGHTLY), threshold=2)
    assert codes(envelope, both) == (False, [None, "identity-already-counted"])


def test_a_key_and_an_identity_reach_a_threshold_together() -> None:
    both = trust(identity(), threshold=2, keys=[key(ALICE)])
    assert codes(signed(by("a"), keys=1), both) == (True, [None, None])
    assert codes(signed(by("a")), both) == (False, [None])
    assert codes(signed(keys=1), both) == (False, [None])


def listed(holder: Holder, **fields: Any) -> dict[str, Any]:
    spki = holder.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return key(PublicKey.parse(spki), **fields)


def test_a_key_that_is_listed_is_not_an_identity_as_well() -> None:
    holder = by("a")
    both = trust(identity(), threshold=2, keys=[listed(holder)])
    assert codes(signed(holder), both) == (False, [None])
    twice = codes(signed(holder, holder), both)
    assert twice == (False, [None, "key-already-counted"])


@pytest.mark.parametrize("fields", [{"status": "retired"}, {"not_after": "2026-05-01T00:00:00Z"}])
def test_what_an_anchor_says_of_a_listed_key_holds_beside_its_certificate(fields: dict[str, str]) -> None:
    holder = by("a")
    assert codes(signed(holder), trust(identity(), keys=[listed(holder, **fields)]))[0] is False
    # For an anchor that does not list the key, its identity decides.
    apart = trust(identity(), other=anchor(listed(holder, **fields)))
    assert codes(signed(holder), apart) == (True, [None])


def test_a_compromised_key_counts_nowhere_whatever_its_certificate_says() -> None:
    holder = by("a")
    apart = trust(identity(), other=anchor(listed(holder, status="compromised")))
    assert codes(signed(holder), apart) == (False, ["key-compromised"])


def by_p384(digest: Any) -> tuple[Holder, Envelope]:
    """A certificate for a P-384 key, and the statement signed by it with this digest."""
    holder = by("a", key=ec.derive_private_key(1 << 200, ec.SECP384R1()))
    envelope = Envelope(STATEMENT.raw, "application/vnd.in-toto+json")
    sig = holder.key.sign(envelope.pae(), ec.ECDSA(digest))
    made = Signature("", sig, {"keyid": "", "sig": b64encode(sig), "cert": holder.pem})
    return holder, Envelope.from_json(envelope.with_signatures(made).to_json())


def test_a_compromised_key_counts_nowhere_also_with_another_digest() -> None:
    holder, envelope = by_p384(hashes.SHA384())
    assert codes(envelope, trust(identity())) == (True, [None])
    lost = listed(holder, status="compromised") | {"digest": "sha256"}
    assert codes(envelope, trust(identity(), other=anchor(lost))) == (False, ["key-compromised"])


def test_only_the_entry_of_a_listed_key_decides_also_with_another_digest() -> None:
    holder, envelope = by_p384(hashes.SHA384())
    retired = listed(holder, status="retired") | {"digest": "sha256"}
    assert codes(envelope, trust(identity(), keys=[retired])) == (False, ["key-unknown"])
    assert codes(envelope, trust(identity(), other=anchor(retired))) == (True, [None])


@pytest.mark.parametrize("status", ["compromised", "retired"])
def test_a_listed_key_decides_also_if_the_limit_of_tries_does_not_reach_it(status: str) -> None:
    holder = by("a")
    trusted = trust(identity(), keys=[listed(holder, status=status)])
    with pytest.raises(InputError) as caught:
        verify(signed(holder), trusted, artifacts=None, now=NOW, limits=Limits(tries=0))
    assert caught.value.code == "too-many-tries"


def test_one_name_below_two_authorities_is_one_signer() -> None:
    cas = {"old": ROOT.pem, "new": OTHER.pem}
    authorities = {
        name: {"kind": "x509", "certificates": [pem], "time": "now-or-timestamp"} for name, pem in cas.items()
    }
    own = {"threshold": 2, "identities": [{"authority": name, "san": {"uri": RELEASE}} for name in cas]}
    trusted = bundle({"release": own}, authorities=authorities)
    assert codes(signed(by("a"), by("b", issuer=OTHER)), trusted) == (False, [None, "identity-already-counted"])


@pytest.mark.parametrize("after", ["?", "#"])
def test_a_wildcard_in_a_host_matches_no_query(after: str) -> None:
    envelope = signed(by("a", f"https://evil.test{after}.example.com/release"))
    assert codes(envelope, trust(identity("https://*.example.com/release"))) == (False, ["certificate-invalid"])


def test_a_compromised_identity_counts_nowhere() -> None:
    apart = trust(
        identity(), other={"threshold": 1, "identities": [identity("https://ci.example.com/**", status="compromised")]}
    )
    assert codes(signed(by("a")), apart) == (False, ["identity-compromised"])


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"status": "retired"}, "identity-retired"),
        ({"status": "retired", "status_since": "2026-12-01T00:00:00Z"}, "identity-retired"),
        ({"not_after": "2026-05-01T00:00:00Z"}, "identity-expired"),
        ({"not_before": "2026-07-01T00:00:00Z"}, "identity-not-yet-valid"),
        ({"claims": {"runner-environment": "github-hosted"}}, "claim-mismatch"),
    ],
)
def test_the_limits_of_an_identity(fields: dict[str, Any], code: str) -> None:
    assert codes(signed(by("a")), trust(identity(**fields))) == (False, [code])


def test_a_chain_to_another_root_proves_nothing() -> None:
    stranger = by("a", issuer=authority("Root", key=key_of("not the same")))
    for holder in (by("a", issuer=OTHER), stranger):
        assert codes(signed(holder), trust(identity())) == (False, ["certificate-untrusted"])


@pytest.mark.parametrize("san", [f"{RELEASE}-evil", f"{RELEASE}/x", RELEASE[:-1], RELEASE.upper()])
def test_a_name_that_only_begins_like_the_allowed_one(san: str) -> None:
    assert codes(signed(by("a", san)), trust(identity())) == (False, ["identity-unknown"])


def test_an_authority_that_requires_a_timestamp_does_not_take_the_present_for_one() -> None:
    document = dict(trust(identity()).document)
    document["authorities"] = {"ca": {"kind": "x509", "certificates": [ROOT.pem]}}
    assert codes(signed(by("a")), TrustBundle.from_document(document)) == (False, ["time-unproven"])


@pytest.mark.parametrize(("minutes", "counts"), [(-9, False), (0, True), (3, True), (6, False)])
def test_a_certificate_is_checked_at_the_time_of_the_timestamp_also_if_that_clock_is_ahead(
    minutes: int, counts: bool
) -> None:
    time = NOW + timedelta(minutes=minutes)
    envelope = signed(by("a", begin=time - timedelta(seconds=10), end=time + timedelta(minutes=10)))
    [signature] = envelope.signatures
    stamp = token(signature.sig, format_time(time), stamper("stamper", TSA_ROOT))
    fields = {**signature.to_dict(), "timestamps": [{"type": "tsp", "data": b64encode(stamp)}]}
    stamped = replace(envelope, signatures=(replace(signature, fields=fields),), raw=None)
    document = dict(trust(identity(not_before=format_time(NOW - timedelta(minutes=5)))).document)
    document["timestamp_authorities"] = {"tsa": {"certificates": [TSA_ROOT.pem]}}
    assert codes(stamped, TrustBundle.from_document(document))[0] is counts


def test_a_refusal_says_who_the_certificate_names_and_how_to_accept_it() -> None:
    for trusted in (bundle(), trust(identity(NIGHTLY))):
        with pytest.raises(Rejected) as caught:
            verify(signed(by("a")), trusted, artifacts=None, now=NOW)
        assert f"names, unverified, uri:{RELEASE}" in (caught.value.hint or "")
        assert f"--identity uri:{RELEASE}" in (caught.value.hint or "")


@pytest.mark.parametrize("san", ["https://ci.example.com/*", "https://ci.example.com/**", "https://ci.example.com/?x"])
def test_a_name_that_would_be_a_glob_is_not_suggested(san: str) -> None:
    with pytest.raises(Rejected) as caught:
        verify(signed(by("a", san)), trust(identity(NIGHTLY)), artifacts=None, now=NOW)
    assert f"names, unverified, uri:{san}" in (caught.value.hint or "")
    assert "--identity" not in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("san", "authorities", "told"),
    [
        (RELEASE, {}, f"--authority NAME=FILE --identity uri:{RELEASE}"),
        (RELEASE, AUTHORITIES, f"--authority ca --identity uri:{RELEASE}"),
        (RELEASE, {**AUTHORITIES, "b": AUTHORITIES["ca"]}, f"--authority NAME --identity uri:{RELEASE}"),
        (f"{RELEASE}/*", AUTHORITIES, "It has wildcards, so an identity with this name would also accept others."),
    ],
)
def test_the_end_of_a_hint_can_be_pasted(san: str, authorities: Any, told: str) -> None:
    with pytest.raises(Rejected) as caught:
        verify(signed(by("a", san)), bundle(authorities=authorities), artifacts=None, now=NOW)
    assert (caught.value.hint or "").endswith(told)


def test_a_certificate_whose_key_signs_with_another_digest_is_named() -> None:
    holder = by("p384", key=ec.generate_private_key(ec.SECP384R1()))
    with pytest.raises(Rejected) as caught:
        verify(signed(holder), trust(identity()), artifacts=None, now=NOW)
    assert "signature 0 with ecdsa-sha2-nistp384 with sha256" in (caught.value.hint or "")
    assert [check.code for check in report(signed(holder), trust(identity())).signatures] == ["signature-invalid"]


def test_two_forms_of_certificates_in_one_signature_are_ambiguous() -> None:
    envelope = signed(by("a"))
    [signature] = envelope.signatures
    fields = {**signature.to_dict(), "certificate": b64encode(by("a").pem.encode())}
    both = replace(envelope, signatures=(replace(signature, fields=fields),), raw=None)
    assert codes(both, trust(identity())) == (False, ["certificate-invalid"])


@pytest.mark.parametrize(
    ("entry", "code", "where"),
    [
        (identity() | {"authority": "none"}, "authority-unknown", "/anchors/release/identities/0/authority"),
        (identity(issuer="https://example.com"), "identity-invalid", "/anchors/release/identities/0/issuer"),
        (identity(claims={"colour": "red"}), "identity-invalid", "/anchors/release/identities/0/claims/colour"),
        (identity(not_after="soon"), "time-invalid", "/anchors/release/identities/0/not_after"),
        ({"authority": "ca", "san": {}}, "trust-invalid", "/anchors/release/identities/0/san"),
        ({"authority": "ca", "san": {"uri": "a", "dns": "b"}}, "trust-invalid", "/anchors/release/identities/0/san"),
    ],
)
def test_an_identity_that_is_not_valid(entry: dict[str, Any], code: str, where: str) -> None:
    with pytest.raises(InputError) as caught:
        trust(entry)
    assert (caught.value.code, caught.value.where) == (code, where)


def test_an_identity_is_in_an_anchor_once() -> None:
    with pytest.raises(InputError) as caught:
        trust(identity(), identity(name="again"), threshold=2)
    assert caught.value.code == "identity-duplicate"


def test_an_anchor_needs_keys_or_identities() -> None:
    with pytest.raises(InputError) as caught:
        bundle({"release": {"threshold": 1}})
    assert caught.value.code == "trust-invalid"
    with pytest.raises(InputError) as caught:
        trust(identity(), threshold=2)
    assert caught.value.code == "threshold-unreachable"
