"""Statements and envelopes: good ones, built through the package, and the JSON of those that nothing would build."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from attest import Envelope, ResourceDescriptor, Signer, Statement, sign
from attest._base.json import dumps, loads_object
from attest.envelope import PAYLOAD_TYPE
from tests.support.making.keys import ALICE

if TYPE_CHECKING:
    from attest.signers._software import SoftwareKey

CONTENT: Final = b"what was built\n"
DIGEST: Final = sha256(CONTENT).hexdigest()
ARTIFACT: Final = f"sha256:{DIGEST}"
# A type that no schema describes, so that nothing about the predicate decides a test that isn't about predicates.
PREDICATE_TYPE: Final = "https://example.com/review/v1"
EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


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


def statement_json(*without: str, **fields: Any) -> bytes:
    """The JSON of a valid Statement v1 about an empty file, without some of its fields and with others."""
    document: dict[str, Any] = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "app.whl", "digest": {"sha256": EMPTY_SHA256}}],
        "predicateType": "https://example.com/predicate/v1",
        "predicate": {"passed": True},
    }
    return dumps({name: value for name, value in {**document, **fields}.items() if name not in without})


def read_statement(**fields: Any) -> Statement:
    """`statement_json`, read."""
    return Statement.from_json(statement_json(**fields))


def envelope_by(*keys: SoftwareKey, payload: bytes | None = None, payload_type: str = PAYLOAD_TYPE) -> Envelope:
    """An envelope around `payload`, a valid statement by default, signed whatever it is."""
    envelope = Envelope(statement_json() if payload is None else payload, payload_type)
    return envelope.with_signatures(*(key.sign(envelope.pae()) for key in keys))


def envelope_json(envelope: Envelope, **fields: Any) -> bytes:
    """The envelope's JSON with other `fields`, for what no signer would write."""
    document = loads_object(envelope.to_json(), what="the envelope")
    return dumps({**document, **fields})
