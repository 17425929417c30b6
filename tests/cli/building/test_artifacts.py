"""What people type for artifacts, and the statement that they get."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from attest import Envelope
from tests.support.cli.calls import call

pytestmark = pytest.mark.usefixtures("among_inputs")

VERIFY = ("verify", "--trust", "trust.json")
ARTIFACT = ("--artifact", "app.whl")


@pytest.fixture
def dist(among_inputs: Path) -> Path:
    """Both wheels, and nothing else."""
    folder = among_inputs / "dist"
    folder.mkdir()
    for name in ("app.whl", "other.whl"):
        Path(name).rename(folder / name)
    return folder


def test_each_file_of_a_quoted_glob_must_be_covered(dist: Path) -> None:
    assert call(*VERIFY, "app.intoto.json", "other.intoto.json", "--artifact", "dist/*").code == 0
    call(*VERIFY, "app.intoto.json", "--artifact", "dist/*").refused(1, "(artifact-mismatch)")


def test_a_glob_leaves_out_no_directory_without_a_word(dist: Path) -> None:
    (dist / "sub").mkdir()
    both = (*VERIFY, "app.intoto.json", "other.intoto.json", "--artifact", "dist/*")
    ran = call(*both)
    assert "dist/sub: the glob matches a directory" in ran.refused(3, "(directory-left-out)", hint=True)
    assert b"--artifact 'dist/**'" in ran.stderr
    (dist / "sub" / "third.whl").write_bytes(b"third")
    for every in ("dist/sub/*", "dist/sub/**", "dist/sub/third.whl", "dist/sub"):  # said of it what it is, or not all
        code = {"dist/sub/third.whl": 3}.get(every, 1)
        assert call(*both, "--artifact", every).code == code, every
    (dist / "sub" / "third.whl").write_bytes((dist / "app.whl").read_bytes())
    assert call(*both, "--artifact", "dist/sub/*").code == 0
    assert call(*both[:-1], "dist/**").code == 0
    assert call(*both[:-1], "dist/*.whl").code == 0


def test_a_link_to_a_directory_is_not_left_out_either(dist: Path) -> None:
    Path("elsewhere").mkdir()
    Path("elsewhere", "third.whl").write_bytes(b"third")
    (dist / "link").symlink_to("../elsewhere")
    both = (*VERIFY, "app.intoto.json", "other.intoto.json", "--artifact")
    for glob in ("dist/*", "dist/**", "**/*.whl", "dist/*/third.whl"):
        ran = call(*both, glob)
        assert "dist/link: the glob matches a link to a directory" in ran.refused(3, "(directory-left-out)", hint=True)
        assert b"cp -rL" in ran.stderr
    call(*both, "dist/**", "--artifact", "dist/link/*").refused(
        1, "dist/link/third.whl: no verified attestation is about"
    )
    assert call(*both, "dist/*.whl").code == 0


def test_a_hidden_file_is_an_artifact_too(dist: Path) -> None:
    (dist / ".hidden").write_bytes(b"hidden")
    ran = call(*VERIFY, "app.intoto.json", "other.intoto.json", "--artifact", "dist/*")
    ran.refused(1, "dist/.hidden: no verified attestation is about this artifact")
    (dist / ".hidden").unlink()
    (dist / ".git").mkdir()
    (dist / ".git" / "hook").write_bytes(b"hidden")
    ran = call(*VERIFY, "app.intoto.json", "other.intoto.json", "--artifact", "dist/**")
    ran.refused(1, "dist/.git/hook: no verified attestation is about this artifact")


@pytest.mark.usefixtures("dist")
@pytest.mark.parametrize("policy", [(), ("--policy", "simple-policy.json")])
def test_an_artifact_is_never_taken_for_an_attestation(policy: tuple[str, ...]) -> None:
    ran = call(*VERIFY, *policy, "app.intoto.json", "--artifact", "dist/app.whl", "dist/other.whl")
    assert "dist/other.whl" in ran.refused(3, "(json-invalid)", hint=True)
    assert b"quote the glob: --artifact 'dist/*.whl'" in ran.stderr


def test_a_directory_of_artifacts_says_what_to_type_for_a_collection_too(dist: Path) -> None:
    both = Path("both.jsonl")
    both.write_bytes(b"\n".join(Path(name).read_bytes() for name in ("app.intoto.json", "other.intoto.json")))
    for given in ("app.intoto.json", str(both)):
        ran = call(*VERIFY, given, "--artifact", "dist")
        assert ran.code == 1
        assert b"For the files in it: --artifact 'dist/**'." in ran.stderr
    assert call(*VERIFY, str(both), "--artifact", "dist/*").code == 0


def test_a_file_that_is_called_like_a_glob_decides_nothing_for_others(dist: Path) -> None:
    (dist / "app.whl").rename(dist / "*")
    ran = call(*VERIFY, "app.intoto.json", "--artifact", "dist/*")
    ran.refused(2, "(name-ambiguous)", hint=True)


def test_the_statement_is_written_byte_for_byte_and_only_after_a_yes() -> None:
    payload = Envelope.from_json(Path("app.intoto.json").read_bytes()).unverified_payload
    assert call(*VERIFY, "app.intoto.json", *ARTIFACT, "--statement-out", "-").done().stdout == payload
    assert call(*VERIFY, "app.intoto.json", *ARTIFACT, "--statement-out", "out.json").done()
    assert Path("out.json").read_bytes() == payload
    Path("out.json").unlink()
    for line in (["stranger.intoto.json", *ARTIFACT], ["app.intoto.json", "--artifact", "other.whl"]):
        for output in ("-", "out.json"):
            ran = call(*VERIFY, *line, "--statement-out", output)
            assert (ran.code, ran.stdout, Path("out.json").exists()) == (1, b"", False)


def test_a_statement_is_not_written_over_an_input() -> None:
    before = Path("app.intoto.json").read_bytes()
    for name in ("app.intoto.json", "app.whl", "trust.json"):
        call(*VERIFY, "app.intoto.json", *ARTIFACT, "--statement-out", name).refused(2, "is also an input")
    policy = ("--policy", "simple-policy.json", "--statement-out", "simple-policy.json")
    call(*VERIFY, "app.intoto.json", *ARTIFACT, *policy).refused(2, "is also an input")
    assert Path("app.intoto.json").read_bytes() == before


def test_notes_are_not_lost_where_the_statement_is_printed() -> None:
    ran = call(*VERIFY, "app.intoto.json", "--artifact", "renamed.whl", "--statement-out", "-")
    assert ran.code == 0
    assert json.loads(ran.stdout)["predicateType"] == "https://slsa.dev/provenance/v1"
    assert ran.prose == ["attest: note: app.intoto.json: the statement calls renamed.whl 'app.whl'"]


def test_a_result_has_the_statements_that_verified_and_no_others() -> None:
    ran = call(*VERIFY, "app.intoto.json", "stranger.intoto.json", *ARTIFACT, "--format", "json")
    good, bad = ran.json["envelopes"]
    assert good["statement"] == json.loads(Envelope.from_json(Path("app.intoto.json").read_bytes()).unverified_payload)
    assert "statement" not in bad


def test_a_commit_is_an_artifact() -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.com")
    for arguments in (("init", "--quiet"), (*identity, "commit", "--quiet", "--allow-empty", "-m", "one")):
        subprocess.run(["git", "-C", ".", *arguments], check=True)
    statement = call("build", "git:.", "--type", "https://example.com/review/v1").done().stdout
    Path("commit.intoto.json").write_bytes(call("sign", "--signer", "file:release.pem", stdin=statement).done().stdout)
    Path("any.json").write_bytes(
        call("trust", "init", "--anchor", "release", "--key", "file:release.pem").done().stdout
    )
    verify = ("verify", "commit.intoto.json", "--trust", "any.json", "--artifact")
    assert call(*verify, "git:.").done()
    subprocess.run(["git", *identity, "commit", "--quiet", "--allow-empty", "-m", "two"], check=True)
    call(*verify, "git:.").refused(1, "(artifact-mismatch)")
    assert call(*verify, "git:.@HEAD~1").done()
