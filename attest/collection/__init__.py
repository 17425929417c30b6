"""Verification of collections: which attestations count, which are ignored, and one decision about all artifacts.

Rule: what does not verify in a collection is ignored, and what is ignored decides nothing (docs/adr/0036).

>>> from datetime import UTC, datetime
>>> from pathlib import Path
>>> import attest
>>> from attest.trust import editing
>>> def made(name: str, signer: attest.Signer) -> bytes:
...     subject = attest.ResourceDescriptor(name, {"sha256": name[0] * 64})
...     statement = attest.Statement.build([subject], predicate_type="https://example.com/review/v1", predicate={})
...     return attest.sign(statement, [signer]).to_json()
>>> with attest.generate_key("file:mine.pem") as mine, attest.generate_key("file:theirs.pem") as theirs:
...     lines = [made("a.whl", mine), made("b.whl", mine), made("a.whl", theirs)]
...     trust = editing.create("release", [editing.describe_key(mine.public_key)], now=datetime.now(UTC))
>>> _ = Path("release.intoto.jsonl").write_bytes(b"\\n".join(lines))
>>> report = attest.verify_collection(["release.intoto.jsonl"], trust, artifacts=["sha256:" + "a" * 64])
>>> [one.name for one in report.verified]
['release.intoto.jsonl:1']
>>> [(reason.code, reason.number) for reason in report.ignored]
[('artifact-mismatch', 1), ('threshold-not-met', 1)]
"""

from __future__ import annotations

from attest._base import lazy

__getattr__, __dir__ = lazy.attach(__name__, __file__)
