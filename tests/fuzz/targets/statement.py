"""Statements that a trusted key did sign: what is in them is read, checked, and asked of by every ready-made rule.

Rule: a signed lie is a no and never a fault; a yes is to these bytes, and to the digests that stand in them.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

import attest
from attest import predicates
from attest.errors import InputError, Rejected
from attest.policy import rules
from tests.fuzz.oracle import NOW, attempt, trust, unbase64
from tests.vectors.keys import ALICE
from tests.vectors.parts import DIGEST, IN_TOTO, STATEMENT_V0_1, STATEMENT_V1, pae
from tests.vectors.scenarios import load, paths

if TYPE_CHECKING:
    from collections.abc import Iterator

ARTIFACT = attest.Artifact.of(f"sha256:{DIGEST}")


def check(data: bytes) -> None:
    signature = attest.Signature(ALICE.keyid, ALICE.sign(pae(data)))
    envelope = attest.Envelope(data, IN_TOTO, (signature,))
    statement = attempt(lambda: attest.Statement.from_json(data, foreign=True))
    strict = attempt(lambda: attest.Statement.from_json(data))
    verified = attempt(lambda: attest.verify(envelope, trust(), artifacts=None, now=NOW), Rejected)
    if statement is None:
        assert verified is None
        assert strict is None
        return
    assert (strict is None) is bool(statement.deviations)
    assert statement.to_json() == data
    for subject in statement.subjects:
        assert attest.ResourceDescriptor.from_dict(subject.to_dict(), where="") == subject
    typed = attempt(lambda: predicates.from_statement(statement))
    assert typed is None or typed.to_dict() == statement.predicate
    noted = attempt(lambda: [statement.examine_predicate(foreign=True)])
    strictly = attempt(statement.check_predicate)
    if noted is None:
        assert verified is None
        assert strictly is None
    if verified is None:
        return
    # What is not accepted strictly is never accepted without a note.
    assert verified.report.notes or (strict is not None and strictly is not None)
    document = json.loads(data)
    assert verified.payload == data
    assert document["_type"] in (STATEMENT_V1, STATEMENT_V0_1)
    digests = [subject["digest"] for subject in document["subject"]]
    assert digests
    if attempt(lambda: attest.verify(envelope, trust(), artifacts=[ARTIFACT], now=NOW), Rejected) is not None:
        assert any(str(digest.get("sha256")).lower() == DIGEST for digest in digests)
    attempt(lambda: policy().decide([verified], artifacts=[ARTIFACT], now=NOW), InputError)


@cache
def policy() -> attest.Policy:
    """A policy with every ready-made rule, as the rule's own example sets it."""
    text = '[parameters.tag]\ndefault = "v1"\n'
    for name in rules.names():
        rule = rules.named(name)
        assert rule is not None
        text += f'[[require]]\nid = "{name}"\nanchors = ["release"]\n'
        text += 'max_age = "30d"\n' * ("max_age" in rule.needs)
        text += f"[require.rules.{name}]\n{rule.example}\n"
    return attest.Policy.from_bytes(text.encode())


def seeds() -> Iterator[bytes]:
    for data in (data for name in paths() for data in load(name).files.values()):
        try:
            payload = unbase64(json.loads(data)["payload"])
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):  # no envelope
            continue
        if len(payload) <= 6000:
            yield payload
