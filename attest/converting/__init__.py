"""Conversion: attestations in the containers that other programs read, with everything that is signed.

Rule: no signed byte changes, nothing is verified, and what a container cannot hold is refused or reported.

>>> import attest
>>> from attest import converting
>>> subject = attest.ResourceDescriptor("app.whl", {"sha256": "0" * 64})
>>> statement = attest.Statement.build([subject], predicate_type="https://example.com/review/v1", predicate={})
>>> with attest.generate_key("file:converted.pem") as signer:
...     envelope = attest.sign(statement, [signer])
>>> converted = converting.convert(envelope, "sigstore")
>>> [document[:67] for document in converted.documents]
[b'{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verif']
>>> [again] = converting.convert(converted.documents[0], "dsse").documents
>>> attest.Envelope.from_json(again).signatures == envelope.signatures
True
"""

from __future__ import annotations

from attest._base import lazy

__getattr__, __dir__ = lazy.attach(__name__, __file__)
