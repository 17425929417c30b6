"""The official libraries as the differential tests ask them, and attest asked the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from securesystemslib.dsse import Envelope as TheirEnvelope
from securesystemslib.signer import CryptoSigner, SSlibKey  # type: ignore[attr-defined]

from attest import InputError, PublicKey, Rejected, TrustBundle, verify
from attest._base.json import dumps
from tests.support.making.bundles import trust_in
from tests.support.making.keys import private_key, software_key
from tests.support.making.statements import envelope_by, envelope_json

if TYPE_CHECKING:
    from attest.results.report import Report
    from attest.results.verified import Verified

__all__ = ["CryptoSigner", "SSlibKey", "TheirEnvelope"]

ED25519 = software_key("ed25519")
OTHER = software_key("ed25519", 1)


def their_key(algorithm: str = "ed25519", number: int = 0, keyid: str | None = None) -> SSlibKey:
    """The key as they have it, under our keyid or another."""
    keyid = keyid or software_key(algorithm, number).public_key.keyid
    return SSlibKey.from_crypto(private_key(algorithm, number).public_key(), keyid=keyid, scheme=algorithm)


def theirs(data: bytes, *keys: SSlibKey, threshold: Any = 1) -> set[str]:
    """The keyids that they accept."""
    return set(TheirEnvelope.from_dict(json.loads(data)).verify(list(keys) or [their_key()], threshold))


def ours(data: bytes, *keys: PublicKey, threshold: int = 1) -> Verified:
    return verify(data, trust_in(*(keys or [ED25519.public_key]), threshold=threshold), artifacts=None)


def our_codes(data: bytes, *keys: PublicKey, threshold: int = 1) -> list[str | None]:
    """Why each signature of an envelope with too few good ones doesn't count."""
    with pytest.raises(Rejected) as caught:
        ours(data, *keys, threshold=threshold)
    assert caught.value.code == "threshold-not-met"
    report: Report = caught.value.report  # type: ignore[assignment]
    return [check.code for check in report.signatures]


def signed(**entry: str | None) -> bytes:
    """A good envelope, with other fields in its one signature and without those that are None."""
    envelope = envelope_by(ED25519)
    [good] = envelope.signatures
    changed = {**good.to_dict(), **entry}
    return envelope_json(envelope, signatures=[{name: text for name, text in changed.items() if text is not None}])


def trust_refusal(threshold: Any, **fields: Any) -> str:
    """The code with which a trust bundle with this threshold, and these fields in its one key, is refused."""
    document = json.loads(trust_in(ED25519.public_key).to_json())
    document["anchors"]["release"]["threshold"] = threshold
    document["anchors"]["release"]["keys"][0].update(fields)
    with pytest.raises(InputError) as caught:
        TrustBundle.from_json(dumps(document))
    return caught.value.code
