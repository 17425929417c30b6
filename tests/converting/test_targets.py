"""What each target holds: keys, certificates and timestamps, and what is refused or lost."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest import Envelope, PublicKey, Signature, Timestamper, TrustBundle, sign, verify
from attest._base.json import b64encode
from attest.certificates.material import KIND
from attest.converting import TARGETS, convert
from attest.errors import InputError
from attest.keys import ALGORITHMS, KEYID_FORMATS, keyid_in
from attest.sources import read
from attest.timestamps import tokens
from tests.support.examples import examples
from tests.support.making.bundles import bundle
from tests.support.making.certified import authority, leaf
from tests.support.making.keys import ALICE, BOB, MALLORY, software_key
from tests.support.making.statements import statement
from tests.support.services.tsa import Tsa, serving
from tests.support.watching import refused

if TYPE_CHECKING:
    from pathlib import Path

    from attest.converting import Target

SIGNED = sign(statement(), [ALICE])
ROOT = authority("Root")
CA = authority("CA", ROOT)
LEAF = leaf("Leaf", CA)
NAMES = [
    *("certificate", "x509CertificateChain", "x509_certificate_chain", "certificates", "rawBytes", "publicKey", "hint"),
    *("tlogEntries", "tlog_entries", "timestampVerificationData", "rfc3161Timestamps", "signedTimestamp"),
]


def only(envelope: Envelope | bytes, to: Target = "sigstore", **options: Any) -> Any:
    """The one document that an attestation becomes, without losses."""
    converted = convert(envelope, to, **options)
    assert not converted.lost
    [document] = converted.documents
    assert b"\n" not in document
    return json.loads(document)


def hint_of(envelope: Envelope | bytes, **options: Any) -> str:
    hint: str = only(envelope, **options)["verificationMaterial"]["publicKey"]["hint"]
    return hint


def with_fields(**fields: Any) -> Envelope:
    """SIGNED with more fields in the entry of its signature."""
    [one] = SIGNED.signatures
    entry = {**one.to_dict(), **fields}
    return Envelope(SIGNED.unverified_payload, SIGNED.payload_type, (Signature(one.keyid, one.sig, entry),))


def trusting(*authorities: Tsa) -> TrustBundle:
    listed = {f"tsa{number}": {"certificates": [one.root]} for number, one in enumerate(authorities)}
    return bundle(timestamp_authorities=listed)


def test_a_key_is_named_as_cosign_names_it_and_our_keyid_comes_back() -> None:
    hint = hint_of(SIGNED)
    assert base64.b64decode(hint).hex() == ALICE.public_key.keyid
    document = convert(SIGNED, "sigstore").documents[0]
    assert only(document, "dsse")["signatures"][0]["keyid"] == ALICE.public_key.keyid
    assert hint_of(convert(document, "dsse").documents[0]) == hint
    assert verify(document, bundle(), artifacts=None).anchors == ("release",)


def test_a_bundle_has_one_signature() -> None:
    both = sign(statement(), [ALICE, BOB])
    documents = convert(both, "sigstore").documents
    assert [json.loads(one)["dsseEnvelope"]["signatures"] for one in documents] == [
        [{"sig": base64.b64encode(signature.sig).decode()}] for signature in both.signatures
    ]
    with refused(InputError, "not-convertible", "/signatures"):
        convert(Envelope(b"{}", "application/vnd.in-toto+json"), "sigstore")


@pytest.mark.parametrize("form", KEYID_FORMATS)
@pytest.mark.parametrize("algorithm", [name for name in ALGORITHMS if "ml-dsa" not in name])
def test_keyids_in_every_format(algorithm: str, form: Any) -> None:
    key = software_key(algorithm)
    envelope = Envelope(b"{}", "application/json")
    signed = envelope.with_signatures(Signature("by somebody", key.sign(envelope.pae()).sig))
    wanted = keyid_in(key.public_key, form)
    [entry] = only(signed, "dsse", keyid_format=form, keys=[MALLORY.public_key, key.public_key])["signatures"]
    assert entry.get("keyid", "") == wanted
    assert hint_of(signed, keyid_format=form, keys=[key.public_key]) == wanted
    if form != "none":
        with refused(InputError, "not-convertible", "/signatures/0"):
            convert(signed, "dsse", keyid_format=form, keys=[MALLORY.public_key])


def test_a_digest_becomes_our_keyid_without_the_key_and_nothing_else_does() -> None:
    document = convert(SIGNED, "sigstore").documents[0]
    assert hint_of(document, keyid_format="spki") == ALICE.public_key.keyid
    for form in ("ssh", "sslib"):
        with refused(InputError, "not-convertible"):
            convert(SIGNED, "dsse", keyid_format=form)


def test_a_keyid_in_another_format_stays_what_it_is() -> None:
    [one] = SIGNED.signatures
    named = Envelope(SIGNED.unverified_payload, SIGNED.payload_type, (Signature("SHA256:abc", one.sig),))
    assert hint_of(named) == "SHA256:abc"
    assert only(convert(named, "sigstore").documents[0], "dsse")["signatures"][0]["keyid"] == "SHA256:abc"


def test_the_mark_of_a_simulated_key_stays() -> None:
    key = PublicKey(ALICE.public_key.algorithm, ALICE.public_key.spki, simulated=True)
    named = Envelope(SIGNED.unverified_payload, SIGNED.payload_type, (Signature(key.keyid, SIGNED.signatures[0].sig),))
    assert hint_of(named).startswith("sim:")
    assert hint_of(named, keys=[key]).startswith("sim:")


@pytest.mark.parametrize("form", ["sslib", "ssh"])
def test_there_are_formats_without_ml_dsa(form: Any) -> None:
    with refused(InputError, "algorithm-unsupported"):
        keyid_in(software_key("ml-dsa-65").public_key, form)
    with refused(InputError, "option-invalid"):
        keyid_in(ALICE.public_key, "x509")  # type: ignore[arg-type]


def encoded(*several: Any) -> list[str]:
    return [base64.b64encode(one.pem.encode()).decode() for one in several]


@pytest.mark.parametrize(
    ("fields", "version", "kept"),
    [
        ({"cert": LEAF.pem}, "v0.3", [LEAF]),
        ({"cert": LEAF.pem + CA.pem}, "version=0.2", [LEAF, CA]),
        ({"certificate": encoded(LEAF)[0]}, "v0.3", [LEAF]),
        ({"certificate": encoded(LEAF)[0], "intermediates": encoded(CA)}, "version=0.2", [LEAF, CA]),
    ],
)
def test_certificates_travel_in_the_version_that_holds_them(fields: Any, version: str, kept: list[Any]) -> None:
    written = only(with_fields(**fields))
    material = written["verificationMaterial"]
    assert version in written["mediaType"]
    assert "publicKey" not in material
    chain = material.get("x509CertificateChain", {}).get("certificates") or [material["certificate"]]
    assert [base64.b64decode(one["rawBytes"]) for one in chain] == [one.der for one in kept]
    assert material["tlogEntries"] == []


def test_a_root_does_not_travel_and_that_is_said() -> None:
    converted = convert(with_fields(cert=LEAF.pem + CA.pem + ROOT.pem), "sigstore")
    assert converted.lost == ("a root certificate",)
    [document] = converted.documents
    assert len(json.loads(document)["verificationMaterial"]["x509CertificateChain"]["certificates"]) == 2


def test_a_chain_in_v0_3_is_moved_to_v0_2() -> None:
    """As model-signing writes it, and sigstore-go refuses it."""
    chain = {"certificates": [{"rawBytes": base64.b64encode(one.der).decode()} for one in (LEAF, CA)]}
    document = only(with_fields(cert=LEAF.pem + CA.pem))
    document["mediaType"] = "application/vnd.dev.sigstore.bundle.v0.3+json"
    again = only(json.dumps(document).encode())
    assert "version=0.2" in again["mediaType"]
    assert again["verificationMaterial"]["x509CertificateChain"] == chain


def test_two_certificates_of_one_signature_are_refused() -> None:
    for target in ("sigstore", "pep740"):
        with refused(InputError, "certificate-invalid"):
            convert(with_fields(cert=LEAF.pem, certificate=encoded(LEAF)[0]), target)


def test_a_timestamp_travels_as_the_whole_answer_and_still_proves_the_time(tmp_path: Path) -> None:
    authority = Tsa(tmp_path)
    with serving(authority.answer) as url:
        stamped = sign(statement(), [ALICE], timestamp=Timestamper(url))
    document = convert(stamped, "sigstore").documents[0]
    [answer] = json.loads(document)["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"]
    token = tokens.unwrap(base64.b64decode(answer["signedTimestamp"]))
    assert authority.accepts(token, stamped.signatures[0].sig)
    trust = trusting(authority)
    times = [
        verify(one, trust, artifacts=None).report.signatures[0].timestamp
        for one in (stamped, document, convert(document, "dsse").documents[0])
    ]
    assert times[0] is not None
    assert times[0].code is None
    assert times[1:] == times[:1] * 2
    # Twice the same token is one: what was in the extension already is not added again.
    assert only(convert(document, "dsse").documents[0]) == json.loads(document)


def test_a_timestamp_that_cannot_be_read_is_refused() -> None:
    with refused(InputError, "not-convertible", "/signatures/0"):
        convert(with_fields(timestamps=[{"type": "tsp", "data": "AAAA"}]), "sigstore")


def extended(material: Any) -> Envelope:
    """SIGNED with the verification material of a bundle of version 0.3."""
    return with_fields(extension={"kind": f"{KIND}0.3", "ext": material})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=6,
)


@examples(300)
@given(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=4), JSON, st.sampled_from(TARGETS))
def test_what_is_written_can_be_read_whatever_a_signature_brings(material: Any, stamps: Any, target: Target) -> None:
    envelope = extended(material)
    [one] = envelope.signatures
    entry = {**one.to_dict(), "timestamps": stamps}
    envelope = Envelope(envelope.unverified_payload, envelope.payload_type, (Signature(one.keyid, one.sig, entry),))
    with suppress(InputError):
        for document in convert(envelope, target).documents:
            assert read(document)


@pytest.mark.parametrize(
    "material",
    [
        {"publicKey": "key"},
        {"timestampVerificationData": "none"},
        {"timestampVerificationData": {"rfc3161Timestamps": {}}},
        {"certificate": {"rawBytes": b64encode(LEAF.der)}, "public_key": {"hint": "x"}},
    ],
)
def test_material_that_cannot_be_read_is_not_converted(material: Any) -> None:
    with pytest.raises(InputError) as caught:
        convert(extended(material), "sigstore")
    assert caught.value.code in ("not-convertible", "certificate-invalid")


def test_a_proof_is_needed_where_the_container_requires_one() -> None:
    entry = {"logIndex": "1", "inclusionPromise": {"signedEntryTimestamp": "AAAA"}}
    material = {"certificate": {"rawBytes": b64encode(LEAF.der)}, "tlogEntries": [entry]}
    with refused(InputError, "not-convertible", "/signatures/0"):
        convert(extended(material), "pep740")


def test_what_is_lost_is_named() -> None:
    fields = {"timestamps": [{"type": "rekor", "data": "AAAA"}], "extension": {"kind": "text/x"}, "note": "by hand"}
    named = with_fields(**fields)
    outer = Envelope.from_json(json.dumps({**json.loads(named.to_json()), "created": "today"}).encode())
    assert set(convert(outer, "sigstore").lost) == {
        "the field 'created' of the envelope",
        "the field 'note' of the signature",
        "a timestamp that is not of RFC 3161",
        "an extension of another program",
    }
    assert only(outer, "dsse") == json.loads(outer.to_json())


@pytest.mark.parametrize(
    ("envelope", "where"),
    [
        (SIGNED, "/signatures/0"),
        (with_fields(cert=LEAF.pem), "/signatures/0"),
        (sign(statement(), [ALICE, BOB]), "/signatures"),
        (Envelope(b"{}", "application/json", SIGNED.signatures), "/payloadType"),
    ],
)
def test_pypi_takes_only_what_has_all_it_needs(envelope: Envelope, where: str) -> None:
    with refused(InputError, "not-convertible", where):
        convert(envelope, "pep740")


@examples(100)
@given(
    payload=st.binary(max_size=64),
    kind=st.text(st.characters(codec="utf-8"), max_size=16),
    keyid=st.text(st.characters(codec="utf-8"), max_size=64),
    sig=st.binary(min_size=1, max_size=64),
    form=st.sampled_from([None, "none"]),
)
def test_what_is_signed_and_the_signature_are_the_same_bytes(
    payload: bytes, kind: str, keyid: str, sig: bytes, form: Any
) -> None:
    envelope = Envelope(payload, kind, (Signature(keyid, sig),))
    for to in ("sigstore", "dsse"):
        [document] = convert(envelope, to, keyid_format=form).documents
        [read_again] = read(document)
        envelope = read_again.envelope
        assert (envelope.unverified_payload, envelope.payload_type) == (payload, kind)
        assert [one.sig for one in envelope.signatures] == [sig]


def test_wrong_arguments() -> None:
    with refused(InputError, "option-invalid"):
        convert(SIGNED, "pdf")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="an attestation: expected an Envelope"):
        convert([b"{}"], "dsse")  # type: ignore[list-item]
    with pytest.raises(TypeError, match="a key: expected a PublicKey"):
        convert(SIGNED, "dsse", keys=["key"])  # type: ignore[list-item]
    assert [one.envelope.signatures for one in read(SIGNED.to_json())] == [SIGNED.signatures]
