"""Every container that attestations come in: what is in the published ones, and what a broken one is."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Any

import pytest

from attest import Envelope, InputError, Limits, Rejected, sign, verify, verify_many
from attest._base.json import b64encode, dumps
from attest.certificates.material import material_of
from attest.converting import attachable
from attest.envelope import Signature
from attest.signing import signable
from attest.sources import UnverifiedEnvelope, read_all, read_layer, read_single
from attest.sources._containers import read_each
from tests.support.making.bundles import bundle
from tests.support.making.keys import ALICE, BOB
from tests.support.making.statements import signed
from tests.support.missing import missing
from tests.support.watching import refused

IDENTITY = Path(__file__).parents[3] / "shared" / "data" / "identity"
FILES: list[dict[str, Any]] = (
    json.loads((IDENTITY / "containers.json").read_text())["files"] if IDENTITY.is_dir() else []
)


# A bundle has one signature, and base64 has one spelling (docs/adr/0005); neither is a valid attestation.
REFUSED = {
    "sigstore-go-two-signatures.json": "container-invalid",
    "slsa-verifier-invalid-dsse-sig.json": "base64-invalid",
}
ALONE = ("sigstore-bundle", "dsse", "dsse-cert", "cosign-old-bundle", "pep740-attestation")


def published() -> list[Any]:
    return [pytest.param(row, id=Path(row["file"]).name) for row in FILES]


def carried(envelope: Any) -> set[str]:
    """What a signature brings, in the words of containers.json."""
    [signature] = envelope.signatures
    fields = signature.fields or {}
    material = fields.get("extension", {}).get("ext", {})
    found = {name for name in ("x509CertificateChain", "certificate", "publicKey") if material.get(name)}
    found |= {"certificate"} if "cert" in fields else set()
    found |= {"log-entry"} if material.get("tlogEntries") else set()
    stamps = (material.get("timestampVerificationData") or {}).get("rfc3161Timestamps")
    return found | ({"timestamp"} if stamps else set())


def test_there_are_published_files() -> None:
    if not FILES:
        missing("the published containers in shared/data/identity")
    assert len(FILES) == 53


@pytest.mark.parametrize("row", published())
def test_what_is_in_a_published_file(row: dict[str, Any]) -> None:
    path = IDENTITY / row["file"]
    if row["container"] == "cosign-att-layer":
        layers = json.loads(path.read_text())["layers"]
        layer = path.with_name(path.name.replace("manifest", "layer0")).read_bytes()
        read = [read_layer(layer, layers[0]["annotations"]).envelope]
    elif path.name in REFUSED or "expect" in row["attestations"][0]:
        [found] = read_all([str(path)])
        assert found.error is not None
        assert found.error.code == REFUSED.get(path.name, "sigstore-unsupported")
        return
    else:
        found_all = list(read_all([str(path)]))
        assert {one.is_one_of_many for one in found_all} == {row["container"] not in ALONE}
        read = [one.envelope for one in found_all if one.envelope is not None]
    assert len(read) == len(row["attestations"])
    for envelope, expected in zip(read, row["attestations"], strict=True):
        assert hashlib.sha256(envelope.unverified_payload).hexdigest() == expected["payload_sha256"]
        assert envelope.payload_type == expected["payload_type"]
        assert len(envelope.signatures) == expected["signatures"]
        if expected["signatures"] == 1:
            carries = carried(envelope)
            if "cosign" in row["container"]:
                carries = {name.replace("x509CertificateChain", "certificate") for name in carries}
            assert carries == set(expected["carries"])
            material = material_of(envelope.signatures[0])
            assert (material is not None) is bool(carries & {"certificate", "x509CertificateChain"})
        if expected["predicate_type"] is not None:
            assert json.loads(envelope.unverified_payload).get("predicateType") == expected["predicate_type"]


ONE, TWO = signed(ALICE), signed(BOB)
PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
CHAIN = {"x509CertificateChain": {"certificates": [{"rawBytes": "AAAA"}]}}
BODY = dumps({"kind": "dsse", "apiVersion": "0.0.1", "spec": {}})
REKOR: dict[str, Any] = {
    "SignedEntryTimestamp": "c2V0",
    "Payload": {"body": b64encode(BODY), "integratedTime": 1675272243, "logIndex": 12, "logID": "ab" * 32},
}
ENTRY = {
    "logIndex": "12",
    "logId": {"keyId": b64encode(bytes.fromhex("ab" * 32))},
    "kindVersion": {"kind": "dsse", "version": "0.0.1"},
    "integratedTime": "1675272243",
    "inclusionPromise": {"signedEntryTimestamp": "c2V0"},
    "canonicalizedBody": b64encode(BODY),
}


def read_one(document: dict[str, Any]) -> Envelope:
    envelope = read_single(dumps(document)).envelope
    assert envelope.pae() == ONE.pae()
    assert envelope.signatures[0].sig == ONE.signatures[0].sig
    return envelope


def brought(envelope: Envelope) -> tuple[str, dict[str, Any]]:
    """The version and the verification material of the one signature."""
    [signature] = envelope.signatures
    extension = signature.to_dict()["extension"]
    return extension["kind"].rpartition("=")[2], extension["ext"]


def pypi(**changes: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "verification_material": {"certificate": "AA\nAA", "transparency_entries": [{"log_index": "1"}]},
        "envelope": {
            "statement": b64encode(ONE.unverified_payload),
            "signature": b64encode(ONE.signatures[0].sig) + "\n",
        },
        **changes,
    }


def test_a_pypi_attestation_is_a_sigstore_bundle_in_other_words() -> None:
    material = {"certificate": {"rawBytes": "AAAA"}, "tlogEntries": [{"logIndex": "1"}]}
    assert brought(read_one(pypi())) == ("0.3", material)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"version": 2}, "container-unsupported"),
        ({"version": True}, "container-unsupported"),
        ({"envelope": []}, "container-invalid"),
        ({"envelope": {"statement": "AAAA"}}, "base64-invalid"),
        ({"envelope": {"statement": "?", "signature": "AAAA"}}, "base64-invalid"),
        ({"verification_material": None}, "container-invalid"),
        ({"verification_material": {"certificate": 1, "transparency_entries": []}}, "container-invalid"),
        ({"verification_material": {"certificate": "AAAA"}}, "container-invalid"),
    ],
)
def test_another_pypi_attestation_is_refused(changes: dict[str, Any], code: str) -> None:
    with refused(InputError, code):
        read_single(dumps(pypi(**changes)))


def each(document: dict[str, Any]) -> list[str]:
    """The code of each entry of a collection, empty for one that was read."""
    found = read_each(dumps(document))
    assert found.is_collection
    return [one.code if isinstance(one, InputError) else "" for one in found.envelopes]


def test_a_pypi_provenance_object_is_a_collection_and_its_publisher_is_not_signed() -> None:
    publisher = {"kind": "GitHub", "repository": "acme/app", "workflow": "release.yml", "environment": None}
    entries = [pypi(), pypi(version=2), {}, 1, {"envelope": {}}]
    document = {
        "version": 1,
        "attestation_bundles": [{"publisher": publisher, "attestations": entries}, {"attestations": []}],
    }
    assert each(document) == ["", "container-unsupported", *["container-invalid"] * 3]
    first = read_each(dumps(document)).envelopes[0]
    assert isinstance(first, UnverifiedEnvelope)
    assert first.unchecked == ("the publisher that the index names: GitHub acme/app release.yml",)
    with refused(InputError, "container-unsupported"):
        read_each(dumps(document | {"version": 2}))
    others: list[Any] = [1, [1], [{}]]
    for broken in others:
        with refused(InputError, "container-invalid"):
            read_each(dumps(document | {"attestation_bundles": broken}))


def cosign(**changes: Any) -> dict[str, Any]:
    content = b64encode(ONE.to_json())
    return {"base64Signature": content, "cert": b64encode(PEM.encode()), "rekorBundle": REKOR, **changes}


def rekor(**changes: Any) -> dict[str, Any]:
    return {"rekorBundle": {**REKOR, "Payload": {**REKOR["Payload"], **changes}}}


def test_a_bundle_of_cosign_becomes_what_a_sigstore_bundle_has() -> None:
    assert brought(read_one(cosign())) == ("0.1", {**CHAIN, "tlogEntries": [ENTRY]})
    assert brought(read_one(cosign(cert="", rekorBundle=None))) == ("0.1", {"publicKey": {}})


@pytest.mark.parametrize(
    ("changes", "code", "where"),
    [
        ({"base64Signature": "AAAA"}, "container-unsupported", "/base64Signature"),
        ({"base64Signature": 1}, "base64-invalid", "/base64Signature"),
        ({"base64Signature": b64encode(b"{}")}, "envelope-invalid", "/base64Signature/payloadType"),
        ({"cert": b64encode(b"no certificate")}, "container-invalid", None),
        ({"rekorBundle": {}}, "container-invalid", "/rekorBundle"),
        (rekor(logID="ab"), "container-invalid", "/rekorBundle"),
        (rekor(logIndex="1"), "container-invalid", "/rekorBundle"),
        (rekor(integratedTime=True), "container-invalid", "/rekorBundle"),
        (rekor(body="?"), "base64-invalid", "/rekorBundle/Payload/body"),
        (rekor(body="AAAA"), "json-invalid", "/rekorBundle"),
    ],
)
def test_another_bundle_of_cosign_is_refused(changes: dict[str, Any], code: str, where: str | None) -> None:
    with refused(InputError, code, where):
        read_single(dumps(cosign(**changes)))


def layer(data: bytes = ONE.to_json(), annotations: Any = None, **changes: Any) -> dict[str, Any]:
    return {
        "mediaType": "application/vnd.dsse.envelope.v1+json",
        "digest": f"sha256:{hashlib.sha256(data).hexdigest()}",
        "size": len(data),
        "data": b64encode(data),
        "annotations": annotations,
        **changes,
    }


def test_a_layer_is_read_with_its_annotations_and_only_if_it_is_what_its_digest_says() -> None:
    layers = [
        layer(),
        layer(data=TWO.to_json(), digest=layer()["digest"]),
        layer(size=1),
        {key: value for key, value in layer().items() if key != "data"},
        layer(annotations={"dev.sigstore.cosign/bundle": "{}"}),
        layer(annotations={"dev.sigstore.cosign/bundle": "{"}),
        {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip"},
    ]
    manifest = {"schemaVersion": 2, "layers": layers}
    refusals = ["container-invalid"] * 2, ["container-unsupported"], ["container-invalid", "json-invalid"]
    assert each(manifest) == ["", *refusals[0], *refusals[1], *refusals[2]]
    with refused(InputError, "container-unsupported", "/layers"):
        read_each(dumps({"schemaVersion": 2, "layers": layers[-1:]}))


def test_a_layer_can_be_a_sigstore_bundle_and_is_nothing_else_then() -> None:
    kind = "application/vnd.dev.sigstore.bundle.v0.3+json"
    data = attachable(ONE).data
    annotations = {"dev.sigstore.bundle.predicateType": "https://example.com/another"}
    layers = [layer(data, mediaType=kind), layer(mediaType=kind), layer(b"{", mediaType=kind)]
    manifest = {"schemaVersion": 2, "layers": layers, "annotations": annotations}
    assert each(manifest) == ["", "container-invalid", "json-invalid"]
    [found, *_] = read_each(dumps(manifest)).envelopes
    assert isinstance(found, UnverifiedEnvelope)
    assert found.envelope.unverified_payload == ONE.unverified_payload
    assert "not its predicate type" in found.unchecked[-1]


def test_the_annotations_of_a_layer_become_what_a_sigstore_bundle_has() -> None:
    annotations = {
        "dev.sigstore.cosign/certificate": PEM,
        "dev.sigstore.cosign/chain": PEM,
        "dev.sigstore.cosign/bundle": json.dumps(REKOR),
        "dev.sigstore.cosign/rfc3161timestamp": json.dumps({"SignedRFC3161Timestamp": "AAAA"}),
        "dev.cosignproject.cosign/signature": "",
        "predicateType": "https://example.com/another",
    }
    envelope, unchecked = read_layer(ONE.to_json(), annotations)
    two = {"certificates": [{"rawBytes": "AAAA"}, {"rawBytes": "AAAA"}]}
    stamps = {"timestampVerificationData": {"rfc3161Timestamps": [{"signedTimestamp": "AAAA"}]}}
    assert brought(envelope) == ("0.1", {"x509CertificateChain": two, "tlogEntries": [ENTRY], **stamps})
    assert len(unchecked) == 1
    assert "https://example.com/another" in unchecked[0]
    assert read_layer(ONE.to_json(), {}) == (ONE, ())


def task_run(kind: str = "TaskRun", **annotations: str) -> dict[str, Any]:
    named = {f"chains.tekton.dev/{name.replace('_', '-')}-taskrun-1": text for name, text in annotations.items()}
    return {"apiVersion": "tekton.dev/v1", "kind": kind, "metadata": {"name": "build", "annotations": named}}


SIGNATURE = b64encode(ONE.to_json())


@pytest.mark.parametrize("kind", ["TaskRun", "PipelineRun"])
def test_the_annotations_of_tekton_chains_are_read(kind: str) -> None:
    run = task_run(kind, signature=SIGNATURE, payload=b64encode(ONE.unverified_payload), cert="", chain="")
    certified = task_run(signature=SIGNATURE, cert=b64encode(PEM.encode()), chain=b64encode(PEM.encode()))
    assert each(run) == [""]
    listed = {"apiVersion": "v1", "kind": "List", "items": [run, {"kind": "Pod"}, 1, certified]}
    assert each(listed) == ["", ""]
    plain, with_chain = read_each(dumps(listed)).envelopes
    assert isinstance(plain, UnverifiedEnvelope)
    assert isinstance(with_chain, UnverifiedEnvelope)
    assert plain.envelope == ONE
    assert with_chain.envelope.signatures[0].to_dict()["cert"].split() == (PEM + PEM).split()


def test_other_annotations_of_tekton_chains_are_errors_in_their_place() -> None:
    assert each(task_run(signature="AAAA")) == ["container-unsupported"]
    assert each(task_run(signature="?")) == ["base64-invalid"]
    assert each(task_run(signature=SIGNATURE, payload="AAAA")) == ["container-invalid"]
    two = b64encode(ONE.with_signatures(*TWO.signatures).to_json())
    assert each(task_run(signature=two)) == [""]
    assert each(task_run(signature=two, cert=b64encode(PEM.encode()))) == ["container-invalid"]
    with refused(InputError, "container-unsupported", "/metadata/annotations"):
        read_each(dumps(task_run(payload="AAAA")))


def test_a_document_that_is_two_containers_is_neither_and_an_envelope_is_an_envelope() -> None:
    with refused(InputError, "container-ambiguous"):
        read_each(dumps(pypi() | cosign()))
    envelope = json.loads(ONE.to_json())
    for other in (pypi(), cosign(), task_run(signature=SIGNATURE), {"schemaVersion": 2, "layers": [layer()]}):
        assert read_single(dumps(other | envelope)).envelope == ONE


def test_one_attestation_is_not_several() -> None:
    documents: list[dict[str, Any]] = [task_run(signature=SIGNATURE), {"attestations": []}]
    for document in documents:
        with refused(InputError, "several-attestations") as caught:
            read_single(dumps(document))
        assert "verify_collection" in (caught.value.hint or "")


def test_verify_reads_every_container_with_one_attestation() -> None:
    documents = [dumps(pypi()), dumps(cosign(rekorBundle=None, cert="")), b"\n " + ONE.to_json()]
    trust = bundle()
    for outcome in verify_many([*documents, dumps(task_run(signature=SIGNATURE))], trust, artifacts=None):
        if outcome.position < len(documents):
            assert outcome.verified is not None
            again = verify(documents[outcome.position], trust, artifacts=None, now=outcome.verified.report.now)
            assert outcome.verified == again
        else:
            assert outcome.error is not None
            assert outcome.error.code == "several-attestations"


def test_what_a_container_brings_is_kept_when_it_is_signed_again() -> None:
    what = signable(dumps(cosign()), limits=Limits())
    assert isinstance(what, Envelope)
    again = Envelope.from_json(sign(what, [BOB]).to_json())
    assert brought(replace(again, signatures=again.signatures[:1])) == ("0.1", {**CHAIN, "tlogEntries": [ENTRY]})
    assert again.signatures[1].sig == TWO.signatures[0].sig


def test_no_container_has_more_attestations_than_the_limit() -> None:
    runs = {"apiVersion": "v1", "kind": "List", "items": [task_run(signature=SIGNATURE)] * 3}
    documents: list[dict[str, Any]] = [
        {"attestations": [1] * 3},
        {"provenance_summary": {"provenance": [1] * 3}},
        {"version": 1, "attestation_bundles": [{"attestations": [1] * 2}, {"attestations": [1]}]},
        {"schemaVersion": 2, "layers": [layer()] * 3},
        runs,
    ]
    for document in documents:
        assert len(read_each(dumps(document), Limits(attestations=3)).envelopes) == 3
        with refused(InputError, "too-many-attestations"):
            read_each(dumps(document), Limits(attestations=2))


def test_certificates_in_pem_take_a_time_that_grows_with_the_text() -> None:
    begun = process_time()
    for text in ("-----BEGIN CERTIFICATE-----" * 40_000, PEM * 20_000):
        with refused(Rejected, "certificate-invalid"):
            material_of(Signature("", b"", {"sig": "", "cert": text}))
        with suppress(InputError):
            read_single(dumps(cosign(cert=b64encode(text.encode()))))
    assert process_time() - begun < 5
