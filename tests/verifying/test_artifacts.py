"""Verification of artifacts: matched by strong digests alone, each of them covered, and nothing matches nothing."""

from __future__ import annotations

import hashlib
import io
from concurrent.futures import ProcessPoolExecutor
from hashlib import md5, sha1, sha256, sha512
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from attest import Artifact, InputError, Rejected, ResourceDescriptor, Verified, digest, verify, verify_many
from attest.results.report import Report
from attest.verifying import uncovered
from tests.support.making.bundles import NOW, bundle
from tests.support.making.statements import ARTIFACT, CONTENT, DIGEST, signed, statement
from tests.support.watching import refused, shared_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest.artifacts import ArtifactCheck

SHA512 = sha512(CONTENT).hexdigest()
MD5 = md5(CONTENT, usedforsecurity=False).hexdigest()
SHA1 = sha1(CONTENT, usedforsecurity=False).hexdigest()
OTHER = "sha256:" + "0" * 64


def ask(artifacts: Sequence[Any] | None, *subjects: dict[str, str], cover: Literal["all", "any"] = "all") -> Verified:
    """Verify a statement about subjects with these digests; about CONTENT by default."""
    about = statement(*(ResourceDescriptor(f"file-{index}", digests) for index, digests in enumerate(subjects)))
    return verify(signed(about=about), bundle(), artifacts=artifacts, now=NOW, cover=cover)


def checks(verified: Verified) -> tuple[ArtifactCheck, ...]:
    assert verified.report.artifacts is not None
    return verified.report.artifacts


@pytest.fixture
def app(tmp_path: Path) -> Path:
    (tmp_path / "app.whl").write_bytes(CONTENT)
    return tmp_path / "app.whl"


def test_an_artifact_is_a_path_or_a_digest(app: Path) -> None:
    for given in (app, str(app), ARTIFACT, f"sha256:{DIGEST.upper()}", Artifact("x", {"sha256": DIGEST})):
        [check] = checks(ask([given]))
        assert check.subjects == (0,)
        assert check.artifact.digests == {"sha256": DIGEST}


def test_a_file_that_no_digest_here_is_about_is_named_by_its_sha256(app: Path) -> None:
    artifact = Artifact.of(app)
    with refused(Rejected, "artifact-mismatch"):
        ask([artifact], {"gitCommit": "a" * 40})
    assert artifact.digests == {"sha256": DIGEST}


def test_no_artifact_must_be_said() -> None:
    verified = ask(None)
    assert verified.report.artifacts is None
    with refused(Rejected, "artifact-missing"):
        ask([])


@pytest.mark.parametrize(
    ("artifact", "subjects", "code"),
    [
        (ARTIFACT, [{"sha256": DIGEST}], None),
        (ARTIFACT, [{"sha256": DIGEST.upper()}], None),
        (ARTIFACT, [{"sha256": DIGEST, "sha512": "0" * 128}], None),  # nothing is known about the other one
        (f"{ARTIFACT},sha512:{SHA512}", [{"sha256": DIGEST}, {"sha512": SHA512}], None),
        (OTHER, [{"sha256": DIGEST}], "artifact-mismatch"),
        (f"sha512:{SHA512}", [{"sha256": DIGEST}], "artifact-mismatch"),
        (f"{ARTIFACT},sha512:{SHA512}", [{"sha256": DIGEST, "sha512": "0" * 128}], "digest-conflict"),
        (f"{ARTIFACT},md5:{MD5}", [{"sha256": DIGEST, "md5": "0" * 32}], "digest-conflict"),
        (f"{ARTIFACT},md5:{MD5}", [{"sha256": "0" * 64, "md5": MD5}], "digest-conflict"),
        (
            f"{ARTIFACT},sha512:{SHA512}",
            [{"sha256": DIGEST}, {"sha256": DIGEST, "sha512": "0" * 128}],
            "digest-conflict",
        ),
        (f"md5:{MD5}", [{"md5": MD5}], "digest-weak"),
        (f"sha1:{SHA1},md5:{MD5}", [{"sha1": SHA1, "md5": MD5}], "digest-weak"),
        (f"md5:{MD5},{ARTIFACT}", [{"md5": MD5}], "digest-weak"),
        (f"md5:{MD5},{ARTIFACT}", [{"md5": MD5}, {"sha256": DIGEST}], None),
        ("gitCommit:" + "a" * 40, [{"gitCommit": "a" * 40}], None),
    ],
)
def test_a_digest_is_matched(artifact: str, subjects: list[dict[str, str]], code: str | None) -> None:
    if code is None:
        assert checks(ask([artifact], *subjects))[0].subjects
        return
    with refused(Rejected, code, artifact) as caught:
        ask([artifact], *subjects)
    assert isinstance(caught.value, Rejected)
    report = caught.value.report
    assert isinstance(report, Report)
    assert report.artifacts is not None
    assert [(check.subjects, check.code) for check in report.artifacts] == [((), code)]


def test_an_algorithm_that_nobody_knows_matches_nothing(app: Path) -> None:
    with refused(Rejected, "artifact-mismatch"):
        ask([app], {"example_custom": DIGEST})


@pytest.mark.parametrize("weak", [{"md5": MD5}, {"sha1": SHA1}])
def test_a_file_is_not_recognised_by_a_weak_digest(app: Path, weak: dict[str, str]) -> None:
    with refused(Rejected, "artifact-mismatch"):
        ask([app], weak)


def test_a_file_is_hashed_with_what_the_statement_has_and_once_with_each(app: Path) -> None:
    told: list[int] = []
    artifact = Artifact.of(app, progress=told.append)
    subjects = [{"sha256": DIGEST, "sha512": SHA512, "md5": MD5}]
    assert checks(ask([artifact], *subjects))[0].subjects == (0,)
    assert artifact.digests == {"sha256": DIGEST, "sha512": SHA512}
    ask([artifact], *subjects)
    ask([artifact])
    assert sum(told) == len(CONTENT), "it was read once"


def test_a_file_that_changes_between_two_attestations_is_about_neither(app: Path) -> None:
    artifact = Artifact.of(app)
    ask([artifact], {"sha256": DIGEST})
    app.write_bytes(b"something else")
    with refused(InputError, "file-changed", str(app)):
        ask([artifact], {"sha512": sha512(b"something else").hexdigest()})
    assert artifact.digests == {"sha256": DIGEST}


def test_a_file_that_contradicts_one_of_several_strong_digests_is_no_match(app: Path) -> None:
    with refused(Rejected, "digest-conflict", str(app)):
        ask([app], {"sha256": DIGEST, "sha3_256": "0" * 64})


def test_an_artifact_is_every_subject_that_it_is(app: Path) -> None:
    [check] = checks(ask([app], {"sha512": SHA512}, {"sha256": "0" * 64}, {"sha256": DIGEST}))
    assert check.subjects == (0, 2)


def test_a_directory_is_matched_by_its_dirhash(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "file").write_bytes(CONTENT)
    expected = digest.hash_directory(tmp_path / "tree")
    assert checks(ask([tmp_path / "tree"], dict(expected)))[0].subjects == (0,)
    with refused(Rejected, "artifact-mismatch"):
        ask([tmp_path / "tree"], {"sha256": expected["dirHash"]})
    told: list[int] = []
    ask([Artifact.of(tmp_path / "tree", progress=told.append)], dict(expected))
    assert sum(told) == len(CONTENT)


def test_a_stream_is_hashed_when_it_is_given() -> None:
    artifact = Artifact.of_stream("standard input", io.BytesIO(CONTENT))
    assert artifact.digests["sha256"] == DIGEST
    for name in ("sha256", "sha384", "sha512"):
        assert checks(ask([artifact], {name: hashlib.new(name, CONTENT).hexdigest()}))[0].subjects == (0,)


def test_every_artifact_must_be_covered_unless_any_is_enough(app: Path) -> None:
    assert ask([app, ARTIFACT])
    with refused(Rejected, "artifact-mismatch", OTHER):
        ask([app, OTHER])
    verified = ask([app, OTHER], cover="any")
    assert [check.code for check in checks(verified)] == [None, "artifact-mismatch"]
    with refused(Rejected, "artifact-mismatch"):
        ask([OTHER], cover="any")
    with refused(Rejected, "artifact-missing"):
        ask([], cover="any")


def test_a_cover_that_does_not_exist_is_refused() -> None:
    with refused(InputError, "option-invalid"):
        ask([ARTIFACT, OTHER], cover="ALL")  # type: ignore[arg-type]


def test_what_no_attestation_covers_is_found(app: Path) -> None:
    covered, other = Artifact.of(app), Artifact.of(OTHER)
    verified = ask([covered, other], cover="any")
    assert verified.covers(covered)
    assert not verified.covers(other)
    assert uncovered([covered, other], [verified]) == [other]
    assert uncovered([covered], []) == [covered]


def test_what_is_covered_is_still_covered_after_another_process_said_so(app: Path) -> None:
    artifact = Artifact.of(app)
    with ProcessPoolExecutor(1) as pool:
        [outcome] = verify_many([signed()], bundle(), artifacts=[artifact], now=NOW, executor=pool)
    assert outcome.verified is not None
    assert uncovered([artifact], [outcome.verified]) == []


def test_an_artifact_that_can_have_no_name_can_not_be_read() -> None:
    with refused(InputError, "file-unreadable"):
        ask(["a\0b"])


def test_an_artifact_that_can_not_be_read_is_no_verdict(tmp_path: Path) -> None:
    for given in (tmp_path / "missing", "/dev/null"):
        with refused(InputError, "file-unreadable", str(given)):
            ask([given])


def test_what_is_a_digest_and_the_name_of_a_file_is_neither(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / OTHER).write_bytes(CONTENT)
    real = {"sha256": sha256(CONTENT).hexdigest()}
    with refused(InputError, "name-ambiguous") as caught:
        ask([OTHER], {"sha256": OTHER.partition(":")[2]})
    assert f"./{OTHER}" in (caught.value.hint or "")
    assert f"digest:{OTHER}" in (caught.value.hint or "")
    with refused(Rejected, "artifact-mismatch"):
        ask([f"digest:{OTHER}"], real)
    assert checks(ask([f"digest:{OTHER}"], {"sha256": OTHER.partition(":")[2]}))[0].subjects == (0,)
    assert checks(ask([f"./{OTHER}"], real))[0].subjects == (0,)
    assert checks(ask([tmp_path / OTHER], real))[0].subjects == (0,)
    assert checks(ask([Path(OTHER)], real))[0].subjects == (0,)


def test_artifacts_are_one_by_their_name_and_a_digests_by_its_digests_too(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(CONTENT)
    name = str(tmp_path / "a")
    file, hashed, digests = Artifact(name), Artifact(name), Artifact(name, {"sha256": DIGEST})
    hashed.hash_for(["sha256"])
    assert file == hashed
    assert digests == Artifact(name, {"sha256": DIGEST})
    assert hash(file) == hash(hashed)
    assert hash(digests) == hash(Artifact(name, {"sha256": DIGEST}))
    for other in (Artifact(name, {"sha256": "0" * 64}), Artifact("b", {"sha256": DIGEST}), hashed, name):
        assert digests != other
    assert file != Artifact(str(tmp_path / "b"))


def test_several_large_files_are_hashed_at_the_same_time_and_once(
    app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = shared_out(monkeypatch)
    large = [tmp_path / "one", tmp_path / "two"]
    for number, path in enumerate(large):
        path.write_bytes(bytes([number]) * digest.LARGE)
    names = [str(path) for path in large]
    subjects = [{"sha512": sha512(path.read_bytes()).hexdigest()} for path in (large[0], app, large[1])]
    pieces: list[int] = []
    artifacts = [Artifact.of(path, progress=pieces.append) for path in (large[0], app, large[1])]
    for _ in range(2):
        assert [check.subjects for check in checks(ask(artifacts, *subjects))] == [(0,), (1,), (2,)]
    assert (together, sum(pieces)) == ([names], 2 * digest.LARGE + len(CONTENT))

    ask([large[0], app, ARTIFACT], *subjects, {"sha256": DIGEST})
    assert together == [names]  # one large file needs no thread
    with refused(Rejected, "artifact-mismatch"):
        ask(large, subjects[0])
    assert together[1:] == [names]
    with refused(InputError, "file-unreadable") as caught:  # the first that cannot be read, whatever its size
        ask([tmp_path / "missing", *large], *subjects)
    assert caught.value.where == str(tmp_path / "missing")
    outcomes = verify_many([signed(about=statement(ResourceDescriptor("x", subjects[0])))], bundle(), artifacts=large)
    assert [type(outcome.error) for outcome in outcomes] == [Rejected]
    assert together[2:] == [names, names]
