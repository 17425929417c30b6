"""Results of verification: the report, its parts, the decisions of policies, and `Verified`.

Rule: a result only reports; only `attest.verify` makes a `Verified`.

>>> from datetime import UTC, datetime
>>> import attest
>>> from attest.trust import editing
>>> subject = attest.ResourceDescriptor("app.whl", {"sha256": "0" * 64})
>>> statement = attest.Statement.build([subject], predicate_type="https://example.com/review/v1", predicate={})
>>> with attest.generate_key("file:results.pem") as signer:
...     envelope = attest.sign(statement, [signer])
...     key = editing.describe_key(signer.public_key)
>>> trust = editing.create("release", [key], now=datetime.now(UTC), predicate_types=["https://example.com/build/v1"])
>>> try:
...     attest.verify(envelope, trust, artifacts=None)
... except attest.Rejected as error:
...     print(error.code, [check.code for check in error.report.signatures])
predicate-type-not-allowed [None]
"""

from __future__ import annotations

from attest._base import lazy

__getattr__, __dir__ = lazy.attach(__name__, __file__)
