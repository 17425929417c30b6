"""Trust bundles: read, written as they were, compared with themselves, and believed about what their keys have signed.

Rule: a bundle says yes only where the keys that stand in its own text have signed, by another library's count.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

import attest
from attest._base.json import dumps
from attest.errors import InputError, Rejected
from attest.trust import diff, lint
from attest.trust.history import read
from tests.fuzz.oracle import NOW, TRUSTED, attempt
from tests.vectors.keys import ALICE, BOB, P256
from tests.vectors.parts import compact, envelope_of
from tests.vectors.scenarios import load, paths

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNERS = ALICE, BOB, P256
ENVELOPE = compact(envelope_of(*SIGNERS))


def check(data: bytes) -> None:
    bundle = attempt(lambda: attest.TrustBundle.from_json(data))
    if bundle is None:
        return
    assert bundle.to_json() == data
    assert read(data) == bundle
    again = attest.TrustBundle.from_json(dumps(bundle.document))
    assert (again.anchors, again.roots, again.timestamp_authorities) == (
        (bundle.anchors, bundle.roots, bundle.timestamp_authorities)
    )
    assert (again.version, again.issued, again.expires) == (bundle.version, bundle.issued, bundle.expires)
    assert diff.diff(bundle, again) == []
    lint.check(bundle, now=NOW)
    asked: dict[str, Any] = {"artifacts": None, "now": NOW}
    verified = attempt(lambda: attest.verify(ENVELOPE, bundle, **asked), InputError, Rejected)
    if verified is None:
        return
    assert attest.verify(ENVELOPE, again, **asked).report == verified.report
    signers = {key.keyid for key in SIGNERS}
    anchors = json.loads(data)["anchors"]
    lost = {keyid(key) for anchor in anchors.values() for key in anchor["keys"] if key.get("status") == "compromised"}
    for name in verified.anchors:
        usable = {keyid(key) for key in anchors[name]["keys"] if key.get("status", "active") == "active"}
        assert len((usable - lost) & signers) >= anchors[name]["threshold"] >= 1


def keyid(key: dict[str, Any]) -> str:
    """The keyid of the key in an entry; in a form that this reader can't read, the one that is written beside it."""
    try:
        public = load_pem_public_key(key["public_key"].encode())
    except ValueError:
        return str(key["keyid"])
    return hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def seeds() -> Iterator[bytes]:
    yield compact(TRUSTED)
    for scenario in map(load, paths()):
        yield from scenario.trusts().values()
