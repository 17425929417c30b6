"""What `convert` writes, asked of the programs that it is for: sigstore-python, sigstore-js and pypi-attestations."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from attest.converting import convert
from tests.support.making.identity_cases import DATA
from tests.support.making.sigstore_cases import Case, originals
from tests.support.peers.sigstore import Question, ask_js, ask_python


@cache
def cases() -> tuple[Case, ...]:
    return tuple(originals(log=False))


def rewritten(bundle: dict[str, Any]) -> dict[str, Any]:
    """A Sigstore bundle that was an envelope in between."""
    [envelope] = convert(json.dumps(bundle).encode(), "dsse").documents
    [document] = convert(envelope, "sigstore").documents
    written: dict[str, Any] = json.loads(document)
    return written


def question(case: Case, bundle: dict[str, Any]) -> Question:
    return Question(bundle, case.root, log=case.log)


@pytest.mark.slow
@pytest.mark.parametrize("ask", [ask_js, ask_python], ids=["sigstore-js", "sigstore-python"])
def test_they_accept_a_converted_bundle_where_they_accept_it_unchanged(ask: Any) -> None:
    before = ask([question(case, case.bundle) for case in cases()])
    after = ask([question(case, rewritten(case.bundle)) for case in cases()])
    assert after == before
    assert sum(answer is None for answer in after) >= 10


def test_pypi_attestations_verifies_what_we_write() -> None:
    from pypi_attestations import Attestation, Distribution, VerificationError
    from sigstore.verify.policy import UnsafeNoOp

    bundle = (DATA / "files" / "pep740-pair.sigstore.json").read_bytes()
    [document] = convert(bundle, "pep740").documents
    attestation = Attestation.model_validate_json(document)
    [subject] = attestation.statement["subject"]
    dist = Distribution(name=subject["name"], digest=subject["digest"]["sha256"])
    predicate_type, _ = attestation.verify(UnsafeNoOp(), dist, offline=True)
    assert predicate_type == attestation.statement["predicateType"]
    other = json.loads(document)
    other["envelope"]["signature"] = json.loads(document)["envelope"]["signature"][::-1]
    with pytest.raises(VerificationError):
        Attestation.model_validate(other).verify(UnsafeNoOp(), dist, offline=True)
