"""Signing: a statement or an envelope is signed by one or more signers.

Rule: every signature is verified with the signer's public key before it leaves.

`attest.sign` returns the envelope. `sign_all` also returns the signers that are missing if a quorum was enough, and
`signable` reads a statement or an envelope from bytes:

>>> import attest
>>> from attest.signing import sign_all, signable
>>> subject = attest.ResourceDescriptor("app.whl", {"sha256": "0" * 64})
>>> statement = attest.Statement.build([subject], predicate_type="https://example.com/review/v1", predicate={})
>>> with attest.open_signer("sim:one") as one, attest.open_signer("sim:other?fail-rate=1") as other:
...     signed = sign_all(signable(statement.to_json()), [one, other], quorum=1, timeout=10)
>>> len(signed.envelope.signatures)
1
>>> [str(signer.uri) for signer, why in signed.missing]
['sim:other?fail-rate=1']
"""

from __future__ import annotations

from attest._base import lazy

__getattr__, __dir__ = lazy.attach(__name__, __file__)
