"""RFC 3161 timestamps: authorities of a trust bundle, tokens, and the client that requests them.

Rule: a token is parsed only where there is one, so that an attestation without timestamps costs nothing more.

A Timestamper connects when something is signed with it: `attest.sign(statement, [signer], timestamp=timestamper)`.

>>> from attest.timestamps import Timestamper
>>> timestamper = Timestamper("https://timestamp.example/tsr", timeout=5)
>>> timestamper.url
'https://timestamp.example/tsr'
"""

from __future__ import annotations

from attest._base import lazy

__getattr__, __dir__ = lazy.attach(__name__, __file__)
