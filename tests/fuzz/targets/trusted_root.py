"""Sigstore's trusted roots: read whole, each part with what it needs to be trusted, or refused at a place in them.

Rule: what was read is as much as stands in the document, and nothing in it is empty.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.serialization import Encoding

from attest.certificates.trusted_root import TrustedRoot
from attest.errors import InputError
from tests.fuzz.oracle import attempt
from tests.vectors.keys import ALICE, P256, P384, RSA
from tests.vectors.parts import b64, compact
from tests.vectors.tokens import BETWEEN, ROOT, TSA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.vectors.keys import Key
    from tests.vectors.tokens import Party

NAMES = ("certificateAuthorities", "tlogs", "ctlogs", "timestampAuthorities")
WINDOW = {"start": "2025-01-01T00:00:00Z", "end": "2027-01-01T00:00:00Z"}
DETAILS = {
    "PKIX_ECDSA_P256_SHA_256": P256,
    "PKIX_ECDSA_P384_SHA_384": P384,
    "PKIX_ED25519": ALICE,
    "PKIX_RSA_PKCS1V15_2048_SHA256": RSA,
}


def check(data: bytes) -> None:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return
    root = attempt(lambda: TrustedRoot.read(document), InputError)
    if root is None:
        return
    parts: tuple[tuple[Any, ...], ...] = (
        root.certificate_authorities,
        root.logs,
        root.ct_logs,
        root.timestamp_authorities,
    )
    for name, part in zip(NAMES, parts, strict=True):
        snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
        assert len(part) == len(document.get(name) or document.get(snake) or ())
        assert all(one.not_before is None or one.not_after is None or one.not_before <= one.not_after for one in part)
    assert all(one.certificates for part in (parts[0], parts[3]) for one in part)
    for logs in (root.logs, root.ct_logs):
        assert len({log.key_id for log in logs}) == len(logs)
        assert all(log.base_url and log.key_id and len(log.checkpoint_key_id) == 4 for log in logs)


def log(details: str, key: Key) -> dict[str, Any]:
    key_id = {"keyId": b64(hashlib.sha256(key.spki).digest())}
    public = {"rawBytes": b64(key.spki), "keyDetails": details, "validFor": WINDOW}
    return {"baseUrl": "https://log.example", "hashAlgorithm": "SHA2_256", "publicKey": public, "logId": key_id}


def authority(*chain: Party) -> dict[str, Any]:
    listed = [{"rawBytes": b64(one.certificate.public_bytes(Encoding.DER))} for one in chain]
    subject = {"organization": "Example", "commonName": chain[0].name}
    return {"subject": subject, "uri": "https://ca.example", "certChain": {"certificates": listed}, "validFor": WINDOW}


def seeds() -> Iterator[bytes]:
    logs = [log(details, key) for details, key in DETAILS.items()]
    tsa = authority(TSA, ROOT)
    del tsa["uri"]
    whole = {
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": logs,
        "certificateAuthorities": [authority(BETWEEN, ROOT)],
        "ctlogs": logs[:1],
        "timestampAuthorities": [tsa],
    }
    yield compact(whole)
    for name in NAMES:
        yield compact({"mediaType": "application/vnd.dev.sigstore.trustedroot.v0.2+json", name: whole[name]})
    yield compact({"mediaType": whole["mediaType"], "tlogs": [{**logs[0], "checkpointKeyId": {"keyId": b64(b"1234")}}]})
