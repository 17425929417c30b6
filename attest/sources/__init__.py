"""Where attestations come from: files, lines of files, directories, Sigstore bundles and other containers.

Rule: nothing that is read here is verified yet.

A container, such as a Sigstore bundle, is one file in this folder. Other packages add containers through the entry
point group `attest.sources`: a Container, under any name. They are asked only about what is not ours to read.
>>> from pathlib import Path
>>> import attest
>>> from attest import sources
>>> subject = attest.ResourceDescriptor("app.whl", {"sha256": "0" * 64})
>>> statement = attest.Statement.build([subject], predicate_type="https://example.com/review/v1", predicate={})
>>> with attest.open_signer("sim:test") as signer:
...     line = attest.sign(statement, [signer]).to_json()
>>> _ = Path("attestations.jsonl").write_bytes(line + b"\\nnot an envelope")
>>> for found in sources.read_all(["attestations.jsonl"]):
...     print(found.name, found.envelope is not None, found.error and found.error.code)
attestations.jsonl:1 True None
attestations.jsonl:2 False json-invalid
"""

from __future__ import annotations

from attest._base import lazy

__getattr__, __dir__ = lazy.attach(__name__, __file__)
