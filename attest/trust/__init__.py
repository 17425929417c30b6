"""The trust bundle: anchors, keys, roots, history, editing, lint and diff, and which signatures count.

Rule: what a bundle allows is read from the bundle alone, and a limit only ever takes away.

>>> from datetime import UTC, datetime, timedelta
>>> from pathlib import Path
>>> import attest
>>> from attest.trust import diff, editing, lint, signing
>>> now = datetime.now(UTC)
>>> root, old, new = (attest.generate_key(f"file:{name}.pem") for name in ("root", "old", "new"))
>>> roots = {"threshold": 1, "keys": [editing.describe_key(root.public_key)]}
>>> was, becomes = editing.describe_key(old.public_key), editing.describe_key(new.public_key)
>>> first = editing.create("release", [was], now=now, roots=roots)
>>> month = timedelta(days=30)
>>> second = editing.rotate(first, "release", was["keyid"], becomes, now=now, overlap=month)
>>> [change.kind for change in diff.diff(first, second)][0]
'version-changed'
>>> isinstance(lint.check(second, now=now), list)
True

Sign each version with its roots, and load a history by what you trust already:

>>> signed = [signing.sign(signing.signable(one.to_json()), [root]) for one in (first, second)]
>>> _ = Path("history.jsonl").write_bytes(b"\\n".join(one.envelope.to_json() for one in signed))
>>> _ = Path("1.signed.json").write_bytes(signed[0].envelope.to_json())
>>> attest.TrustBundle.load("history.jsonl", root="1.signed.json", min_version=2).version
2
"""

from __future__ import annotations

from attest._base import lazy

__getattr__, __dir__ = lazy.attach(__name__, __file__)
