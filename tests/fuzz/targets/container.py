"""Containers, and lines of them and of envelopes: what is read is an envelope, and nothing beside it counts.

Rule: whatever was read is an envelope when it is written, and a yes to it is counted again by another library.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
from typing import TYPE_CHECKING, Any

import attest
from attest import sources
from attest.certificates import evidence_of
from attest.errors import InputError, Rejected
from attest.sources._containers import read_each
from attest.timestamps.authorities import unverified_times
from tests.fuzz.oracle import NOW, attempt, refusal, signed_for, trust
from tests.vectors.keys import ALICE, BOB, CAROL
from tests.vectors.parts import b64, compact, envelope_of
from tests.vectors.subjects.timestamps import GOOD
from tests.vectors.tokens import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator


def check(data: bytes) -> None:
    for one in sources.read_all(["-"], stdin=io.BytesIO(data)):
        assert (one.envelope is None) is (one.error is not None)
        if one.error is not None:
            refusal(one.error)
    verified = attempt(lambda: attest.verify(data, trust(), artifacts=None, now=NOW), InputError, Rejected)
    found = attempt(lambda: read_each(data))
    if found is None:
        assert verified is None
        return
    yes = [_verified(one) for one in found.envelopes]
    if len(yes) == 1 and not found.is_collection:
        assert verified == yes[0]
    else:
        assert verified is None


def _verified(one: sources.UnverifiedEnvelope | InputError) -> attest.Verified | None:
    if isinstance(one, InputError):
        refusal(one)
        return None
    envelope, unchecked = one
    assert all(unchecked)
    written = envelope.to_json()
    again = attest.Envelope.from_json(written)
    assert (again, again.pae()) == (envelope, envelope.pae())
    for signature, same in zip(envelope.signatures, again.signatures, strict=True):
        assert same.to_dict() == signature.to_dict()
        attempt(lambda signature=signature: evidence_of(signature), Rejected)  # type: ignore[misc]
        unverified_times(signature)
    verified = attempt(lambda: attest.verify(envelope, trust(), artifacts=None, now=NOW), InputError, Rejected)
    if verified is not None:
        signed_for(verified, json.loads(written))
        assert attest.verify(written, trust(), artifacts=None, now=NOW).report == verified.report
    return verified


def seeds() -> Iterator[bytes]:
    signed = envelope_of(ALICE)
    response = bytes.fromhex("3003020100") + GOOD
    answer = base64.b64encode(b"\x30\x82" + len(response).to_bytes(2, "big") + response).decode()
    entry = {"logIndex": "1", "logId": {"keyId": b64(b"log")}, "integratedTime": "1"}
    material: dict[str, Any] = {
        "publicKey": {"hint": ALICE.keyid},
        "tlogEntries": [entry],
        "timestampVerificationData": {"rfc3161Timestamps": [{"signedTimestamp": answer}]},
    }
    certified = {"x509CertificateChain": {"certificates": [{"rawBytes": b64(ROOT.der)}]}}
    bundles = [
        {"mediaType": f"application/vnd.dev.sigstore.bundle{kind}", "verificationMaterial": one, "dsseEnvelope": signed}
        for kind in ("+json;version=0.1", "+json;version=0.2", "+json;version=0.3", ".v0.3+json", "+json;version=0.9")
        for one in (material, certified, {})
    ]
    yield from map(compact, bundles)
    yield compact({**bundles[0], "dsseEnvelope": None, "messageSignature": {"signature": b64(b"x")}})
    yield compact({**bundles[0], "dsseEnvelope": {**signed, "signatures": [{"sig": signed["signatures"][0]["sig"]}]}})
    two = compact(envelope_of(ALICE, BOB))
    lines = [compact(bundles[0]), compact(envelope_of(CAROL)), b"", two]
    yield b"\n".join(lines)
    yield b"\r\n".join([b"hello", *lines])
    yield json.dumps(bundles[3], indent=1).encode()
    yield compact({"attestations": [{"predicateType": "x", "bundle": bundle} for bundle in bundles[:3]]})
    yield compact({"provenance_summary": {"provenance": [{"build": {}, "envelope": signed}]}})
    yield from map(compact, _of_pypi(signed, entry))
    yield from map(compact, _of_cosign(signed))
    yield from map(compact, _of_tekton(signed))


def _of_pypi(signed: dict[str, Any], entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
    one = {
        "version": 1,
        "verification_material": {"certificate": b64(ROOT.der), "transparency_entries": [entry]},
        "envelope": {"statement": signed["payload"], "signature": signed["signatures"][0]["sig"]},
    }
    yield one
    yield {"version": 1, "attestation_bundles": [{"publisher": {"kind": "GitHub"}, "attestations": [one]}]}


def _of_cosign(signed: dict[str, Any]) -> Iterator[dict[str, Any]]:
    body = b64(compact({"kind": "dsse", "apiVersion": "0.0.1"}))
    payload = {"body": body, "integratedTime": 1, "logIndex": 1, "logID": "ab" * 32}
    rekor = {"SignedEntryTimestamp": b64(b"set"), "Payload": payload}
    data = compact(signed)
    yield {"base64Signature": b64(data), "cert": b64(ROOT.pem.encode()), "rekorBundle": rekor}
    annotations = {
        "dev.sigstore.cosign/certificate": ROOT.pem,
        "dev.sigstore.cosign/chain": ROOT.pem,
        "dev.sigstore.cosign/bundle": compact(rekor).decode(),
        "predicateType": "x",
    }
    layer = {
        "mediaType": "application/vnd.dsse.envelope.v1+json",
        "digest": f"sha256:{hashlib.sha256(data).hexdigest()}",
        "size": len(data),
        "data": b64(data),
        "annotations": annotations,
    }
    yield {"schemaVersion": 2, "layers": [layer]}


def _of_tekton(signed: dict[str, Any]) -> Iterator[dict[str, Any]]:
    names = {"signature": b64(compact(signed)), "payload": signed["payload"], "cert": b64(ROOT.pem.encode())}
    annotations = {f"chains.tekton.dev/{name}-taskrun-1": text for name, text in names.items()}
    run = {"apiVersion": "tekton.dev/v1", "kind": "TaskRun", "metadata": {"annotations": annotations}}
    yield run
    yield {"apiVersion": "v1", "kind": "List", "items": [run]}
