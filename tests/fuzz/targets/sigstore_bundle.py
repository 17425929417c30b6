"""Sigstore bundles, and lines of them and of envelopes: what is read is an envelope, and nothing beside it counts.

Rule: whatever was read is an envelope when it is written, and a yes to it is counted again by another library.
"""

from __future__ import annotations

import base64
import io
import json
from typing import TYPE_CHECKING, Any

import attest
from attest import sources
from attest.errors import InputError, Rejected
from attest.limits import Limits
from attest.sources import sigstore
from tests.fuzz.oracle import NOW, attempt, refusal, signed_for, trust
from tests.vectors.keys import ALICE, BOB, CAROL
from tests.vectors.parts import b64, compact, envelope_of
from tests.vectors.subjects.timestamps import GOOD

if TYPE_CHECKING:
    from collections.abc import Iterator


def check(data: bytes) -> None:
    for one in sources.read_all(["-"], stdin=io.BytesIO(data)):
        assert (one.envelope is None) is (one.error is not None)
        if one.error is not None:
            refusal(one.error)
    found = attempt(lambda: sources.read(data))
    if found is None:
        return
    [(envelope, unchecked)] = found
    assert all(unchecked)
    written = envelope.to_json()
    again = attest.Envelope.from_json(written)
    assert (again, again.pae()) == (envelope, envelope.pae())
    document = json.loads(data)
    inner = document["dsseEnvelope"] if sigstore.recognises(sources.Document(data, Limits())) else document
    verified = attempt(lambda: attest.verify(envelope, trust(), artifacts=None, now=NOW), InputError, Rejected)
    if verified is not None:
        signed_for(verified, inner)
        assert attest.verify(written, trust(), artifacts=None, now=NOW).report == verified.report


def seeds() -> Iterator[bytes]:
    signed = envelope_of(ALICE)
    response = bytes.fromhex("3003020100") + GOOD
    answer = base64.b64encode(b"\x30\x82" + len(response).to_bytes(2, "big") + response).decode()
    material: dict[str, Any] = {
        "publicKey": {"hint": ALICE.keyid},
        "tlogEntries": [{"logIndex": "1", "logId": {"keyId": b64(b"log")}, "integratedTime": "1"}],
        "timestampVerificationData": {"rfc3161Timestamps": [{"signedTimestamp": answer}]},
    }
    certified = {"x509CertificateChain": {"certificates": [{"rawBytes": b64(b"der")}]}}
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
