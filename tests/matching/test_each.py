"""Many artifacts are compared with a statement without a look at each of them, and with the same result."""

from __future__ import annotations

import copy
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest import Artifact, ResourceDescriptor, Statement, verify
from attest._base.json import dumps
from attest.artifacts import Artifacts, artifacts_of
from attest.errors import InputError, Rejected
from attest.matching import match_each, match_statement
from tests.support.making.bundles import bundle
from tests.support.making.statements import signed

if TYPE_CHECKING:
    from collections.abc import Sequence

TYPE = "https://example.com/review/v1"
NAMES = ("sha256", "sha512", "md5", "gitCommit", "acme_id")


def value(name: str, number: int) -> str:
    text = f"{number}".encode()
    if name in ("sha256", "sha512", "md5"):
        return hashlib.new(name, text).hexdigest()
    return hashlib.sha256(text).hexdigest()[:40] if name == "gitCommit" else f"{number}"


SETS = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 6), min_size=1).map(
    lambda one: {name: value(name, number) for name, number in one.items()}
)
CLAIMED = st.tuples(SETS, st.booleans()).map(
    lambda one: {name: text.upper() if one[1] else text for name, text in one[0].items()}
)


def about(*digests: dict[str, str]) -> Statement:
    subjects = [{"name": f"{number}", "digest": one} for number, one in enumerate(digests)]
    document: dict[str, Any] = {"_type": "https://in-toto.io/Statement/v1", "subject": subjects, "predicateType": TYPE}
    return Statement.from_json(dumps(document), foreign=True)


def one_by_one(artifacts: Sequence[Artifact], statement: Statement) -> tuple[object, ...]:
    return tuple([match_statement(artifact, statement) for artifact in artifacts])


@given(wanted=st.lists(SETS, min_size=1, max_size=12), claimed=st.lists(CLAIMED, min_size=1, max_size=40))
def test_many_are_compared_as_one_by_one(wanted: list[dict[str, str]], claimed: list[dict[str, str]]) -> None:
    artifacts = Artifacts([Artifact(f"{number}", one) for number, one in enumerate(wanted)])
    for statement in (about(*claimed), about(claimed[0])):
        assert match_each(artifacts, statement) == one_by_one(artifacts, statement)


def test_files_are_hashed_with_each_algorithm_that_a_statement_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = [f"{number}.txt" for number in range(8)]
    for name in names:
        Path(name).write_text(name)
    Path("directory").mkdir()
    Path("directory", "a").write_text("a")
    artifacts = artifacts_of([*names, "directory", f"sha256:{'a' * 64}"])
    digests = [{"sha256": hashlib.sha256(b"3.txt").hexdigest()}, {"sha512": hashlib.sha512(b"4.txt").hexdigest()}]
    digests.append({**digests[0], "sha512": digests[1]["sha512"]})
    digests.append({**Artifact.of("directory").hash_for(["sha256"])})
    for statement in (*map(about, digests), about(*digests), about(*reversed(digests))):
        assert match_each(artifacts, statement) == one_by_one(
            artifacts_of([*names, "directory", artifacts[-1]]), statement
        )


def test_what_a_statement_is_not_about_costs_nothing_for_each_artifact() -> None:
    artifacts = artifacts_of([f"sha256:{number:064x}" for number in range(10)])
    assert match_each(artifacts, about({"sha256": f"{11:064x}"})) is artifacts.unmatched
    assert artifacts_of(artifacts) is artifacts
    assert copy.copy(artifacts) == artifacts  # by `__reduce__`, as a pickle
    assert copy.copy(artifacts).unmatched == artifacts.unmatched


def test_a_file_that_cannot_be_read_is_an_error_and_no_mismatch() -> None:
    artifacts = artifacts_of([*[f"sha256:{number:064x}" for number in range(10)], "missing"])
    for _ in range(2):
        with pytest.raises(InputError, match="missing"):
            match_each(artifacts, about({"sha256": f"{1:064x}"}))


def test_verification_decides_alike_about_few_and_many() -> None:
    digests = [f"{number:064x}" for number in range(20)]
    envelope = signed(about=Statement.build([ResourceDescriptor("a", {"sha256": digests[7]})], predicate_type=TYPE))
    wanted = [f"sha256:{one}" for one in digests]
    for cover in ("any", "none"):
        found = verify(envelope, bundle(), artifacts=wanted, cover=cover)
        assert {one.name for one in found.artifacts} == {wanted[7]}
        checks = found.report.artifacts or ()
        assert [(one.artifact.name, one.subjects, one.code) for one in checks] == [
            (name, (0,), None) if name == wanted[7] else (name, (), "artifact-mismatch") for name in wanted
        ]
    with pytest.raises(Rejected, match="not about this artifact") as caught:
        verify(envelope, bundle(), artifacts=wanted)
    assert caught.value.where == wanted[0]
    others = [*wanted[:7], *wanted[8:]]
    with pytest.raises(Rejected, match="not about this artifact"):
        verify(envelope, bundle(), artifacts=others, cover="any")
