"""Keys, trust bundles, statements and envelopes as the unit tests use them, made through the package itself."""

from __future__ import annotations

from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import pytest

from attest import Envelope, PublicKey, ResourceDescriptor, Signature, Signer, Statement, TrustBundle, sign
from attest._base.json import dumps
from attest.errors import AttestError
from attest.signers import BaseSigner, SignerURI
from attest.trust.bundle import MEDIA_TYPE
from attest.trust.editing import describe_key
from tests.support.making.helpers import software_key

if TYPE_CHECKING:
    from collections.abc import Iterator

PAST, FUTURE = "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"

CONTENT: Final = b"what was built\n"
DIGEST: Final = sha256(CONTENT).hexdigest()
ARTIFACT: Final = f"sha256:{DIGEST}"
# A type that no schema describes, so that nothing about the predicate decides a test that isn't about predicates.
PREDICATE_TYPE: Final = "https://example.com/review/v1"


class MemorySigner(BaseSigner):
    """A key that lives as long as the test run: a real one, not marked as simulated."""

    def __init__(self, algorithm: str, number: int) -> None:
        super().__init__(SignerURI.parse(f"memory:{algorithm}-{number}"))
        self._key = software_key(algorithm, number)

    @property
    def public_key(self) -> PublicKey:
        return self._key.public_key

    def sign(self, data: bytes) -> Signature:
        return self._key.sign(data)


ALICE, BOB, MALLORY = (MemorySigner("ed25519", number) for number in (1, 2, 3))


def key(owner: Signer | PublicKey, **fields: Any) -> dict[str, Any]:
    """The entry of an anchor's `keys`."""
    return describe_key(owner if isinstance(owner, PublicKey) else owner.public_key) | fields


def anchor(*keys: Signer | dict[str, Any], threshold: int = 1, **limits: Any) -> dict[str, Any]:
    """An anchor as it stands in a trust bundle."""
    return {
        "threshold": threshold,
        "keys": [entry if isinstance(entry, dict) else key(entry) for entry in keys],
        **limits,
    }


def bundle_document(anchors: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """A trust bundle's JSON; ALICE's key alone in the anchor `release` unless told otherwise."""
    chosen = {"release": anchor(ALICE)} if anchors is None else anchors
    return {"mediaType": MEDIA_TYPE, "version": 1, "anchors": chosen, **fields}


def bundle(anchors: dict[str, Any] | None = None, **fields: Any) -> TrustBundle:
    """That trust bundle, read back from its bytes."""
    return TrustBundle.from_json(dumps(bundle_document(anchors, **fields)))


def statement(
    *subjects: ResourceDescriptor, predicate_type: str = PREDICATE_TYPE, predicate: dict[str, Any] | None = None
) -> Statement:
    """A statement about CONTENT under the name app.whl, unless told otherwise."""
    about = subjects or (ResourceDescriptor("app.whl", {"sha256": DIGEST}),)
    return Statement.build(about, predicate_type=predicate_type, predicate=predicate, check_predicate=False)


def signed(*signers: Signer, about: Statement | None = None) -> Envelope:
    """An envelope around a statement, signed by ALICE unless told otherwise."""
    return sign(about or statement(), signers or (ALICE,))


def signed_payload(payload: bytes, payload_type: str = "application/vnd.in-toto+json") -> Envelope:
    """ALICE's good signature over whatever the payload is."""
    return sign(Envelope(payload, payload_type), [ALICE])


@contextmanager
def refused(
    kind: type[AttestError], code: str, where: str | None = None
) -> Iterator[pytest.ExceptionInfo[AttestError]]:
    """The block raises exactly this kind of error, with this code and, if given, about this place."""
    with pytest.raises(AttestError) as caught:
        yield caught
    assert (type(caught.value), caught.value.code) == (kind, code), caught.value
    assert where is None or caught.value.where == where
