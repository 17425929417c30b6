"""Collections: what is ignored, what is refused, what is a copy, and what one line cannot do to the call."""

from __future__ import annotations

import io
import json
import os
import resource
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import attest
from attest import AttestError, Envelope, InputError, Limits, Policy, Rejected, SignerError, verify_collection
from attest._base.json import dumps
from attest.collection import decide
from attest.sources import ReadEnvelope, read_all
from tests.collection.test_properties import BOTH, OTHER, OTHER_TYPE, SECOND, UNTRUSTED
from tests.support.making.bundles import NOW, anchor, bundle, key
from tests.support.making.keys import ALICE, BOB, MALLORY
from tests.support.making.statements import ARTIFACT, CONTENT, PREDICATE_TYPE, signed, statement
from tests.support.watching import refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest import CollectionReport
    from attest.results import CheckedEnvelope

TRUST = bundle({"release": anchor(ALICE), "review": anchor(BOB)})
GOOD = signed().to_json()
POLICY = Policy.from_bytes(dumps({"require": [{"type": PREDICATE_TYPE}]}))
OTHER_ARTIFACT = "sha256:" + "1" * 64


def ask(*lines: bytes, **options: Any) -> CollectionReport:
    """The decision about the lines of a file."""
    settings: dict[str, Any] = {"artifacts": [ARTIFACT], "now": NOW} | options
    entries = read_all(["-"], limits=settings.get("limits"), stdin=io.BytesIO(b"\n".join([b"{}", *lines])))
    return decide(entries, settings.pop("trust", TRUST), **settings)


def test_attestations_together_cover_all_artifacts_in_any_order() -> None:
    lines = [GOOD, signed(about=statement(OTHER)).to_json()]
    for given in (lines, lines[::-1]):
        report = ask(*given, artifacts=[ARTIFACT, OTHER_ARTIFACT])
        assert (report.refusal, report.number) == (None, 2)
        assert isinstance(ask(*given, artifacts=[ARTIFACT, "sha256:" + "2" * 64]).refusal, Rejected)


def test_a_copy_with_as_many_or_fewer_signatures_is_ignored_and_counts_once() -> None:
    alone = [signed(ALICE).to_json(), signed(BOB).to_json()]
    for lines in ([BOTH.to_json(), *alone], [*alone, BOTH.to_json()], [alone[0], BOTH.to_json(), BOTH.to_json()]):
        report = ask(*lines, policy=POLICY)
        assert report.policy is not None
        [met] = report.policy.requirements
        assert len(met.by) == 1
    apart = ask(*alone, *alone, policy=POLICY)
    assert apart.policy is not None
    assert apart.policy.requirements[0].by == ("-:2", "-:3"), "neither has all signatures of the other"
    assert {one.code: one.number for one in apart.ignored if one.is_readable} == {"attestation-repeated": 2}


def test_copies_and_what_is_ignored_do_not_count_for_the_limit() -> None:
    limits = Limits(attestations=2)
    noise = [GOOD] * 5 + UNTRUSTED * 3 + [signed(about=statement(OTHER)).to_json()] * 3
    assert ask(GOOD, *noise, signed(about=SECOND).to_json(), limits=limits).refusal is None
    with refused(InputError, "too-many-attestations"):
        ask(GOOD, signed(about=SECOND).to_json(), signed(BOB).to_json(), limits=limits)


def test_of_each_reason_the_first_are_kept_and_all_are_counted() -> None:
    seen: list[CheckedEnvelope] = []
    report = ask(GOOD, *[signed(MALLORY).to_json()] * 250, b"hello", seen=seen.append)
    [foreign] = [one for one in report.ignored if one.code == "threshold-not-met"]
    assert (foreign.number, len(foreign.first)) == (250, 100)
    assert all(one.is_ignored and one.envelope is None for one in foreign.first)
    assert [one.position for one in seen] == list(range(253))


def test_what_is_kept_of_ignored_lines_is_bounded() -> None:
    long = json.loads(signed(MALLORY).to_json())
    long["signatures"][0]["keyid"] = "k" * (1 << 20)
    report = ask(GOOD, *[dumps(long)] * 80)
    [foreign] = [one for one in report.ignored if one.code == "threshold-not-met"]
    kept = [one.outcome for one in foreign.first]
    assert sum(isinstance(one, Rejected) and one.report is not None for one in kept) == 64


def test_an_ignored_line_is_not_kept_by_its_error() -> None:
    report = ask(GOOD, *UNTRUSTED)
    errors = [one.outcome for reason in report.ignored for one in reason.first if isinstance(one.outcome, AttestError)]
    assert len(errors) == len(UNTRUSTED) + 1
    assert [(one.__traceback__, one.__context__, one.__cause__) for one in errors] == [(None, None, None)] * len(errors)


def test_lines_without_an_envelope_do_not_wait_for_one() -> None:
    def entries() -> Iterator[ReadEnvelope]:
        for number in range(5_000):
            unjudged.append(number)
            yield ReadEnvelope(str(number), None, InputError("json-invalid", "no"), True)

    def seen(_: object) -> None:
        most.append(len(unjudged))
        unjudged.pop()

    unjudged: list[int] = []
    most: list[int] = []
    report = decide(entries(), TRUST, artifacts=[ARTIFACT], now=NOW, workers=2, seen=seen)
    assert (report.ignored[0].number, len(most)) == (5_000, 5_000)
    assert max(most) < 1_000


@pytest.mark.parametrize("line", UNTRUSTED, ids=range(len(UNTRUSTED)))
@pytest.mark.parametrize("workers", [1, 2])
def test_no_line_ends_the_call(line: bytes, workers: int) -> None:
    report = ask(line, GOOD, line, workers=workers, limits=Limits(envelope=6000, signatures=8))
    assert (report.refusal, report.number) == (None, 1)
    assert sum(one.number for one in report.ignored) == 3


def test_a_line_that_needs_more_memory_than_there_is_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    path.write_bytes(b'{"payload":"' + b"AAAA" * 50_000 + b'","a":[' + b"{}," * 500_000 + b"{}]}\n" + GOOD)
    child = os.fork()
    if child == 0:
        code = 2
        try:
            used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
            resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20),) * 2)
            report = verify_collection([path], TRUST, artifacts=[ARTIFACT], now=NOW)
            code = 0 if [one.code for one in report.ignored] == ["out-of-memory"] else 1
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_an_artifact_that_cannot_be_read_ends_the_call(tmp_path: Path) -> None:
    with refused(InputError, "file-unreadable"):
        ask(GOOD, artifacts=[tmp_path / "gone"])
    path = tmp_path / "app.whl"
    path.write_bytes(CONTENT)
    assert ask(GOOD, artifacts=[path]).refusal is None


def test_options_that_are_not_valid_end_the_call_before_anything_is_read() -> None:
    for options, code in (
        ({"anchors": ["nobody"]}, "anchor-unknown"),
        ({"policy": []}, "option-invalid"),
        ({"signers": attest.SignerChecks(), "workers": 2}, "option-invalid"),
        ({"predicate_type": "no such name"}, "predicate-type-unknown"),
    ):
        with refused(InputError, code):
            ask(GOOD, **options)
    with pytest.raises(
        TypeError, match="each of attestations: expected a path, bytes, an Envelope or a ReadEnvelope, found int"
    ):
        verify_collection([1], TRUST, artifacts=None)  # type: ignore[list-item]
    with pytest.raises(TypeError, match="put it into a list"):
        verify_collection("app.intoto.jsonl", TRUST, artifacts=None)


def test_a_refusal_says_how_many_and_why_and_what_there_is() -> None:
    other_type = signed(about=statement(predicate_type=OTHER_TYPE)).to_json()
    found = ask(other_type, signed(MALLORY).to_json(), predicate_type=PREDICATE_TYPE).refusal
    assert isinstance(found, Rejected)
    counts = "1 predicate-type-mismatch, 1 threshold-not-met, 1 envelope-invalid"
    assert found.message == f"none of the 2 attestations verified ({counts})"
    assert str(found.hint).endswith(f" Types found: {OTHER_TYPE}.")
    assert isinstance(ask(b"hello").refusal, InputError)


def test_a_signer_that_is_away_leaves_it_undecided() -> None:
    away = key(BOB, backend="pkcs11", signer="pkcs11:token=none;object=x?module-path=/nowhere.so")
    trust = bundle({"release": anchor(ALICE), "review": anchor(away)})
    by_bob = signed(BOB, about=statement(OTHER)).to_json()
    with attest.SignerChecks() as checks:
        options: dict[str, Any] = {"trust": trust, "signers": checks}
        assert ask(GOOD, by_bob, **options).refusal is None
        for artifacts, policy in (([ARTIFACT, OTHER_ARTIFACT], None), ([OTHER_ARTIFACT], None)):
            assert isinstance(ask(GOOD, by_bob, artifacts=artifacts, policy=policy, **options).refusal, SignerError)
        unmet = Policy.from_bytes(dumps({"require": [{"type": OTHER_TYPE}]}))
        for policy in (unmet, POLICY):  # what cannot be checked could be a summary that says FAILED
            assert isinstance(ask(GOOD, by_bob, policy=policy, **options).refusal, SignerError)


def test_a_file_must_verify_and_a_collection_needs_one_that_does(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.json"
    foreign.write_bytes(signed(MALLORY).to_json())
    good = tmp_path / "good.json"
    good.write_bytes(GOOD)
    for policy in (None, POLICY):
        with refused(Rejected, "threshold-not-met"):
            verify_collection([good, foreign], TRUST, artifacts=[ARTIFACT], policy=policy, now=NOW)
        report = verify_collection([tmp_path], TRUST, artifacts=[ARTIFACT], policy=policy, now=NOW)
        assert [one.name for one in report.verified] == [str(good)]
        report = verify_collection(
            [good, Envelope.from_json(GOOD), b"{"], TRUST, artifacts=None, policy=policy, now=NOW
        )
        assert [(one.code, one.number) for one in report.ignored] == [("attestation-repeated", 1), ("json-invalid", 1)]
