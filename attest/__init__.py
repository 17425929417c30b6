"""attest: build, sign and verify in-toto attestations.

Rule: the public names are here, and importing the package loads none of their modules.

Sign a file, and verify it against a trust bundle, the file that lists the keys you trust:

>>> from datetime import UTC, datetime
>>> from pathlib import Path
>>> import attest
>>> _ = Path("app.whl").write_bytes(b"what was built")
>>> statement = attest.Statement.build(
...     ["app.whl"], predicate_type="https://example.com/review/v1", predicate={"result": "passed"}
... )
>>> with attest.generate_key("file:release.pem", "ed25519") as signer:
...     envelope = attest.sign(statement, [signer])
...     key = attest.trust.editing.describe_key(signer.public_key)
>>> trust = attest.trust.editing.create("release", [key], now=datetime.now(UTC))
>>> _ = Path("trust.json").write_bytes(trust.to_json())
>>> trust = attest.TrustBundle.load("trust.json")
>>> verified = attest.verify(envelope.to_json(), trust, artifacts=["app.whl"])
>>> verified.anchors
('release',)
>>> verified.statement.predicate
{'result': 'passed'}

`verify` returns a Verified or raises. What to catch:

    attest.InputError     the input cannot be read, so nothing was decided
    attest.SignerError    a signer, token or KMS is not available
    attest.Rejected       verification failed; `report` says what was checked

All three are attest.AttestError, with a stable `code`, a `message` and, where possible, a `hint`.

Other modules, each with an example in `help`:

    attest.building       subjects, packages, CI systems, commands that are run and attested
    attest.evidence       predicates from test reports, scans and SBOMs
    attest.predicates     typed builders of predicates
    attest.keys           public keys and algorithms
    attest.signers        signers by URI, and what your own signer needs: three members
    attest.signing        signing with a quorum, and the signers that are missing
    attest.timestamps     RFC 3161 timestamps
    attest.trust          trust bundles: load, edit, check, compare, sign
    attest.policy         which attestations are required, and what they must say
    attest.sources        envelopes from files, lines, directories and Sigstore bundles
    attest.collection     one decision about files, directories and lines; some may be about other artifacts
    attest.bulk           many envelopes, in several processes or on several computers
    attest.results        the result of a verification
    attest.resigning      additional signatures, when keys are replaced
    attest.converting     Sigstore bundles, envelopes and PyPI attestations, each from the others
    attest.interop        keys and signers to and from securesystemslib

Nothing here prompts, prints or reads the environment. Events are logged to the logger `attest`:
reconnects, failovers and ignored input at INFO, details at DEBUG. docs/develop/python.md is the guide, for asyncio too.
"""

from __future__ import annotations

import lazy_loader

__version__ = "0.2.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
