"""What is stored under the tag of cosign v2: cosign's own layers written again, and what Sigstore bundles bring."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from attest import Envelope, sign
from attest._base.json import dumps
from attest.certificates.log import check_entry
from attest.certificates.material import KIND, material_of
from attest.converting import attachable
from attest.sources import read
from attest.sources.cosign_image import read_layer
from attest.timestamps.authorities import EXTENSION, FIELD
from tests.converting.test_targets import SIGNED, with_fields
from tests.support.making.certified import authority, leaf
from tests.support.making.keys import ALICE, BOB
from tests.support.making.sigstore_cases import case
from tests.support.missing import missing

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA = Path(__file__).parents[3] / "shared" / "data" / "oci" / "layouts"


def read_json(annotations: dict[str, Any]) -> dict[str, Any]:
    """cosign's annotations, of which two are JSON."""
    return {
        name: json.loads(text) if name.endswith(("bundle", "timestamp")) else text.strip()
        for name, text in annotations.items()
        if name.startswith("dev.sigstore.cosign/")
    }


def saved() -> Iterator[tuple[bytes, dict[str, Any]]]:
    """The attestations that `cosign save` wrote: each layer and its annotations."""
    for file in sorted(DATA.glob("cosign-*/blobs/sha256/*")):
        data = file.read_bytes()
        for layer in json.loads(data)["layers"] if b"dsse.envelope" in data and b'"layers"' in data else ():
            yield (file.parent / layer["digest"].removeprefix("sha256:")).read_bytes(), layer["annotations"]


def test_what_cosign_wrote_is_written_as_cosign_did() -> None:
    found = list(saved()) or missing("the layouts of cosign in shared/data/oci")
    for data, theirs in found:
        layer = attachable(read_layer(data, theirs).envelope).layer
        assert read_json(dict(layer.annotations)) == read_json(theirs)
        assert json.loads(layer.data) == json.loads(data)
        assert layer.lost == ()


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("conformance-dsse-v3", {"bundle", "certificate"}),
        ("sigstore-go-npm-provenance", {"bundle", "certificate", "chain"}),
        ("gh-private", {"certificate", "rfc3161timestamp"}),
        ("model-signing-sigstore", {"bundle", "certificate", "rfc3161timestamp"}),
    ],
)
def test_what_a_sigstore_bundle_brings_is_in_annotations_and_still_proves_it(name: str, parts: set[str]) -> None:
    one = case(name)
    [found] = read(dumps(one.bundle))
    layer = attachable(found.envelope).layer
    assert {key.rpartition("/")[2] for key in layer.annotations} == parts
    assert layer.lost == ()
    [entry] = json.loads(layer.data)["signatures"]
    assert set(entry) <= {"sig", "keyid"}
    again = read_layer(layer.data, layer.annotations).envelope
    before, after = (material_of(envelope.signatures[0]) for envelope in (found.envelope, again))
    assert before is not None
    assert after is not None
    assert (after.certificate, after.intermediates) == (before.certificate, before.intermediates)
    for log_entry in after.entries:
        proof = check_entry(log_entry, after.version, one.trusted_root().logs, one.signed())
        assert "signed-entry-timestamp" in proof.checks


def test_without_certificates_the_envelope_is_stored_as_it_is() -> None:
    for envelope in (SIGNED, sign(SIGNED, [BOB])):
        assert attachable(envelope).layer == (envelope.to_json(), {}, ())


ROOT = authority("Root")
LEAF = leaf("Leaf", ROOT)
ENTRY = {"logIndex": "1", "canonicalizedBody": "e30=", "integratedTime": "1", "logId": {"keyId": "AAAA"}}


def extended(**content: Any) -> dict[str, Any]:
    return {EXTENSION: {"kind": KIND + "0.3", "ext": content}}


@pytest.mark.parametrize(
    "fields",
    [
        extended(tlogEntries=[ENTRY]),
        extended(tlogEntries=[7]),
        extended(tlogEntries=["x"]),
        extended(tlogEntries=[{**ENTRY, "inclusionPromise": {"signedEntryTimestamp": "AA=="}, "logId": {}}]),
        extended(tlogEntries=[{**ENTRY, "inclusionPromise": 7}]),
        extended(timestampVerificationData={"rfc3161Timestamps": [{}]}),
        extended(timestampVerificationData={"rfc3161Timestamps": ["x"]}),
        {EXTENSION: {"kind": "another", "ext": {}}, FIELD: []},
        {"cert": "-----BEGIN CERTIFICATE-----"},
    ],
    ids=str,
)
def test_what_annotations_cannot_hold_stays_in_the_envelope_and_is_named(fields: dict[str, Any]) -> None:
    from attest.converting._cosign import cosign_layer

    envelope = with_fields(**fields)
    layer = cosign_layer(envelope)
    assert (layer.data, layer.annotations) == (envelope.to_json(), {})
    assert layer.lost


def test_the_certificates_of_several_signatures_cannot_be_in_annotations() -> None:
    first = with_fields(cert=LEAF.pem)
    several = Envelope(
        first.unverified_payload, first.payload_type, (*first.signatures, *sign(SIGNED, [BOB]).signatures[1:])
    )
    assert attachable(several).layer == (several.to_json(), {}, ("the certificates of several signatures",))
    one = attachable(first).layer
    assert one.annotations == {"dev.sigstore.cosign/certificate": LEAF.pem}
    assert json.loads(one.data)["signatures"] == [SIGNED.signatures[0].to_dict()]
    assert ALICE.public_key.keyid in one.data.decode()
