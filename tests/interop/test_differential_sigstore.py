"""Sigstore bundles by attest, sigstore-python and sigstore-js: real ones, their mutations, and where they disagree.

Rule: attest never says yes where all that can read the unchanged bundle say no, but for the reasons that stand here.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest

from attest import InputError, Rejected, verify
from tests.support.examples import few
from tests.support.making.identity_cases import trust_for
from tests.support.making.sigstore_cases import Case, case, originals, read, rows
from tests.support.peers.bundle_mutations import mutations
from tests.support.peers.sigstore import Question, ask_js, ask_python

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest import TrustBundle

NOW = datetime(2026, 11, 29, tzinfo=UTC)

# Of each kind of entry, version, and instance one.
NAMES = [
    "conformance-dsse-v3",
    "conformance-rekor2-dsse",
    "conformance-intoto-custom-root",
    "gh-npm-sigstore-js-v01",
    "gh-npm-sigstore-js-v03",
    "sigstore-go-npm-provenance",
    "service-account-rekor2",
    "model-signing-sigstore",
    "npm-registry-provenance",
    "gh-private",
    "pypi-attestations-publish",
]

# Where attest says yes and no peer that can read the bundle does: what they say, and why attest is right.
LOOSER = {
    r"Extra inputs are not permitted": "sigstore-python refuses fields that it does not know; sigstore-js ignores them",
    r"Error: invalid bundle": "sigstore-js refuses a chain in a bundle of version 0.3, as model-signing writes it",
}
# Where attest says no and a peer says yes: what attest says, and why.
STRICTER = {
    r"does not lead to the root of the tree|at /inclusionProof/(rootHash|treeSize)|about different": "sigstore-js "
    "reads neither rootHash nor treeSize, and sigstore-python not the size in the checkpoint",
    r"not base64|has no data in base64|is not base64": "sigstore-js reads base64 that is not canonical",
    r"certificate of the signature cannot be read|TimeStampResp|TimeStampToken": "sigstore-js reads DER with a tail",
    r"log entry has another index than its inclusion proof": "without a SET nobody signs this index",
    r"log of the entry is not in the trusted root|at /logId/keyId": "sigstore-python compares four bytes",
    r"a timestamp does not count": "sigstore-python goes on if another time is proven",
    r"checkpoint is not|control characters": "both ignore lines that are no signatures, and who the log is",
    r"at most 64 values": "sigstore-js takes any value for a list",
    r"not trusted for the time": "sigstore-python ignores the end of a window",
    r"expected a Sigstore bundle of version": "sigstore-js takes unknown media types",
    r"expected a string": "sigstore-js takes a keyid that is no text",
    r"signed entry timestamp": "sigstore-python takes an entry without its time, if a timestamp proves one",
}


def ours(one: Case, bundle: Any) -> str | None:
    """None for a yes, else why not. The predicate is not looked at, as the peers don't."""
    data = json.dumps(bundle).encode()
    try:
        trust = trusted(one)
        verify(data, trust, artifacts=None, now=NOW, check_predicate=False)
    except (InputError, Rejected) as error:
        report: Any = getattr(error, "report", None)
        checks = report.signatures if report is not None else ()
        return " ".join([error.code, error.message, *(f"{check.code}: {check.message}" for check in checks)])
    return None


def trusted(one: Case) -> TrustBundle:
    """The trust bundle with the root and the identity of a case. Raises InputError where both do not go together."""
    return trust_for(dict(one.row), json.dumps(one.bundle).encode())


def question(one: Case, bundle: Any) -> Question:
    return Question(bundle, one.root, one.row["issuer"], one.row["identity"], one.log)


def explained(reason: str, known: dict[str, str]) -> bool:
    return any(re.search(pattern, reason) for pattern in known)


def judge(asked: Sequence[tuple[Case, str, Any]], readers: dict[str, tuple[bool, bool]]) -> list[str]:
    """The answers to all that attest and a peer disagree about without a known reason."""
    questions = [question(one, bundle) for one, _, bundle in asked]
    wrong = []
    for (one, what, bundle), *theirs in zip(asked, ask_js(questions), ask_python(questions), strict=True):
        mine = ours(one, bundle)
        peers = [answer for answer, reads in zip(theirs, readers[one.id], strict=True) if reads]
        noes = [answer for answer in peers if answer is not None]
        if mine is None and len(noes) == len(peers) and not any(explained(no, LOOSER) for no in noes):
            wrong.append(f"{one.id} {what}: attest says yes, and they say {noes}")
        if mine is not None and len(noes) < len(peers) and not explained(mine, STRICTER):
            wrong.append(f"{one.id} {what}: attest alone says no: {mine}")
    return wrong


def readers_of(cases: Sequence[Case]) -> dict[str, tuple[bool, bool]]:
    """Which of the two peers says yes to the unchanged bundle of each case."""
    questions = [question(one, one.bundle) for one in cases]
    answers = zip(ask_js(questions), ask_python(questions), strict=True)
    return {one.id: (js is None, python is None) for one, (js, python) in zip(cases, answers, strict=True)}


@pytest.mark.slow
def test_mutations_are_refused_by_attest_where_its_peers_refuse_them() -> None:
    cases = [case(name) for name in NAMES]
    readers = readers_of(cases)
    assert all(any(found) for found in readers.values())
    asked: list[tuple[Case, str, Any]] = []
    for number, one in enumerate(cases):
        assert ours(one, one.bundle) is None
        others = [other.bundle for other in cases if other is not one]
        changed = mutations(one.bundle, others, number)
        asked += [(one, what, bundle) for what, bundle in islice(changed, len(few(15, range(400))))]
    wrong = judge(asked, readers)
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
def test_the_cases_are_judged_by_the_peers_as_they_are_by_attest() -> None:
    readers = readers_of(originals(log=False))
    asked: list[tuple[Case, str, Any]] = []
    for row in few(40, [row for row in rows()[::3] if row.get("of") in readers]):
        if not row.get("claims") and "root_patch" not in row and row["container"] == "sigstore-bundle":
            one = read(row)
            asked.append((one, "", one.bundle))
            readers[one.id] = readers[row["of"]]
    wrong = judge(asked, readers)
    assert not wrong, "\n".join(wrong)
