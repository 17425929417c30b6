"""The main job at the command line, end to end: keys, trust, build, sign, counter-sign, verify, inspect."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.make_transcripts import PROVENANCE
from tests.support.cli.calls import call, program, shell
from tests.support.cli.inputs import copy_inputs

VERIFY = ("verify", "app.intoto.json", "--trust", "trust.json")
OWN = "https://example.com/own/v1"


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def _inputs(tmp_path: Path) -> None:
    copy_inputs(tmp_path)


inputs = pytest.mark.usefixtures("_inputs")


def test_the_five_commands_work_as_they_are_written() -> None:
    Path("dist").mkdir()
    Path("dist/app.whl").write_bytes(b"a wheel")
    Path("provenance.json").write_text(json.dumps(PROVENANCE))
    for line in (
        "attest key generate file:release.pem                       # Ed25519 unless told otherwise",
        "attest trust init --anchor release --key file:release.pem -o trust.json",
        "attest build dist/app.whl --type slsa-provenance --predicate provenance.json"
        " | attest sign --signer file:release.pem -o app.intoto.json",
        "attest verify app.intoto.json --trust trust.json --artifact dist/app.whl",
        "attest inspect app.intoto.json",
    ):
        ran = shell(line)
        assert (ran.code, ran.stderr) == (0, b""), line
    assert Path("release.pem").stat().st_mode & 0o777 == 0o600
    Path("dist/app.whl").write_bytes(b"another wheel")
    shell("attest verify app.intoto.json --trust trust.json --artifact dist/app.whl").refused(1, "(artifact-mismatch)")


@inputs
def test_three_commands_in_a_pipe_need_no_file() -> None:
    build = "attest build app.whl --type slsa-provenance --predicate provenance.json"
    verify = "attest verify - --trust trust.json --artifact app.whl"
    assert shell(f"{build} | attest sign --signer file:release.pem | {verify}").done()
    shell(f"{build} | attest sign --signer file:stranger.pem | {verify}").refused(1, "(threshold-not-met)")
    ran = shell(f"{build} --predicate nothing.json | attest sign --signer file:release.pem | {verify}")
    assert (ran.code, ran.stdout) == (3, b"")


@inputs
def test_two_keys_counter_sign_to_a_threshold_of_two() -> None:
    keys = [word for name in ("release", "stranger") for word in ("--key", f"{name}.pub.pem")]
    call("trust", "init", "--anchor", "both", *keys, "--threshold", "2", "-o", "both.json")
    verify = ("--trust", "both.json", "--artifact", "app.whl")
    call("sign", "statement.json", "--signer", "file:release.pem", "-o", "one.json").done()
    call("verify", "one.json", *verify).refused(1, "(threshold-not-met)")
    call("sign", "one.json", "--signer", "file:stranger.pem", "-o", "two.json").done()
    assert call("verify", "two.json", *verify).done().stdout.count(b"(counted)") == 2
    one, two = (json.loads(Path(name).read_bytes()) for name in ("one.json", "two.json"))
    assert two["payload"] == one["payload"]
    assert two["signatures"][0] == one["signatures"][0]
    call("sign", "two.json", "--signer", "file:release.pem").refused(3, "(already-signed)")
    two["signatures"][0]["keyid"] = two["signatures"][1]["keyid"] = "another"
    Path("two.json").write_text(json.dumps(two))
    call("sign", "two.json", "--signer", "file:release.pem").refused(3, "(already-signed)")
    two["signatures"] = two["signatures"][:1] * 2
    Path("twice.json").write_text(json.dumps(two))
    call("verify", "twice.json", *verify).refused(1, "(threshold-not-met)")


@inputs
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{}", "not-signable"),
        ("[]", "json-invalid"),
        ('{"_type": "https://in-toto.io/Statement/v1"}', "statement-invalid"),
        ('{"_type": "https://in-toto.io/Statement/v2", "subject": [], "predicateType": "a:b"}', "subject-missing"),
        ('{"payload": "e30=", "payloadType": "text/plain", "signatures": []}', "not-signable"),
        ('{"payload": "e30=", "payloadType": "application/vnd.in-toto+json", "signatures": []}', "statement-invalid"),
        ('{"payload": "???", "payloadType": "application/vnd.in-toto+json", "signatures": []}', "base64-invalid"),
    ],
)
def test_what_is_no_statement_is_not_signed(text: str, code: str) -> None:
    ran = call("sign", "--signer", "file:release.pem", "-o", "out.json", stdin=text.encode())
    ran.refused(3, f"({code})")
    assert not Path("out.json").exists()


@inputs
def test_nothing_is_written_unless_every_signer_signed() -> None:
    ran = call(*"sign statement.json --signer file:release.pem --signer sim:a?fail-rate=1 -o out.json".split())
    ran.refused(4, "(token-failed)")
    assert not Path("out.json").exists()


@inputs
@pytest.mark.parametrize(
    ("envelopes", "artifacts", "code"),
    [
        ("app other", "app other", None),
        ("app other", "other app", None),
        ("app app", "app", None),
        ("app other", "app other other", None),
        ("app", "app other", "artifact-mismatch"),
        ("app app", "app other", "artifact-not-covered"),
        ("app other", "app", "artifact-mismatch"),
        ("app other", "app other third", "artifact-not-covered"),
        ("app stranger", "app", "threshold-not-met"),
        ("stranger app", "app", "threshold-not-met"),
    ],
)
def test_every_envelope_is_about_something_and_every_artifact_is_covered(
    envelopes: str, artifacts: str, code: str | None
) -> None:
    Path("third.whl").write_bytes(b"the third")
    names = [f"{name}.intoto.json" for name in envelopes.split()]
    wanted = [word for name in artifacts.split() for word in ("--artifact", f"{name}.whl")]
    ran = call("verify", *names, "--trust", "trust.json", *wanted)
    if code is None:
        assert ran.done().stdout.count(b"verified: ") == len(names)
    else:
        ran.refused(1, f"({code})")
        assert ran.stdout == b""


@inputs
def test_a_no_goes_before_what_could_not_be_decided() -> None:
    ran = call("verify", "nothing.json", "stranger.intoto.json", *VERIFY[1:], "--artifact", "app.whl")
    assert "2 of 3 attestations did not verify (threshold-not-met)" in ran.prose[0]
    assert (ran.code, len([line for line in ran.prose if line.startswith("attest: error: ")])) == (1, 3)
    ran = call("verify", "nothing.json", *VERIFY[1:], "--artifact", "app.whl")
    ran.refused(3, "(file-unreadable)")


@inputs
@pytest.mark.parametrize(
    ("now", "code"),
    [
        ("2089-12-31T23:59:59Z", "key-not-yet-valid"),
        ("2090-01-01T00:00:00Z", None),
        ("2090-01-01T01:00:00+01:00", None),
        ("2090-02-01T00:00:00Z", None),
        ("2090-02-01T00:00:01Z", "key-expired"),
        ("2090-03-01T00:00:01Z", "trust-expired"),
    ],
)
def test_now_decides_what_is_in_its_window(now: str, code: str | None) -> None:
    window = "--not-before 2090-01-01T00:00:00Z --not-after 2090-02-01T00:00:00Z --expires 2090-03-01T00:00:00Z"
    call(*f"trust init --anchor release --key release.pub.pem {window} -o window.json".split()).done()
    ran = call("verify", "app.intoto.json", "--trust", "window.json", "--artifact", "app.whl", "--now", now)
    assert ran.done() if code is None else ran.refused(1, code)


@inputs
@pytest.mark.parametrize(
    ("limit", "exit_code", "code"),
    [
        ("envelope=10", 3, "too-large"),
        ("signatures=0", 3, "too-many-signatures"),
        ("depth=1", 3, "json-too-deep"),
        ("subjects=0", 1, "too-many-subjects"),
        ("digests=0", 1, "too-many-digests"),
    ],
)
def test_a_limit_is_a_limit(limit: str, exit_code: int, code: str) -> None:
    call(*VERIFY, "--artifact", "app.whl", "--limit", limit).refused(exit_code, code)
    name = limit.partition("=")[0]
    assert call(*VERIFY, "--artifact", "app.whl", "--limit", f"{name}=100000").done()


CYCLONEDX = '{"bomFormat": "CycloneDX", "specVersion": "1.4"}'


@inputs
@pytest.mark.parametrize(
    ("built", "asked", "verified"),
    [
        ("slsa-provenance", "slsa-provenance", True),
        ("slsa-provenance", "https://slsa.dev/provenance/v1", True),
        ("https://slsa.dev/provenance/v1", "slsa-provenance", True),
        ("slsa-provenance", "slsa-provenance-v0.2", False),
        ("slsa-provenance", "https://slsa.dev/provenance/v1/", False),
        ("slsa-provenance", "HTTPS://slsa.dev/provenance/v1", False),
        ("cyclonedx", "cyclonedx", True),
        ("https://cyclonedx.org/bom/v1.4", "cyclonedx", True),
        ("https://cyclonedx.org/bom/v1.4", "https://cyclonedx.org/bom/v1.4", True),
        ("https://cyclonedx.org/bom/v1.4", "https://cyclonedx.org/bom", False),
        ("https://openvex.dev/ns/v0.2.0", "openvex", True),
        (OWN, OWN, True),
        (OWN, "slsa-provenance", False),
        ("cosign-custom", "cosign.sigstore.dev/attestation/v1", False),
    ],
)
def test_a_type_is_a_short_name_with_its_aliases_or_a_uri(built: str, asked: str, verified: bool) -> None:
    call("build", "app.whl", "--type", built, "--no-schema", "-o", "own.json").done()
    call("sign", "own.json", "--no-schema", "--signer", "file:release.pem", "-o", "own.intoto.json").done()
    ran = call("verify", "own.intoto.json", *VERIFY[2:], "--artifact", "app.whl", "--no-schema", "--type", asked)
    assert ran.done() if verified else ran.refused(1, "(predicate-type-mismatch)")


@inputs
def test_the_schema_of_a_type_is_asked_at_every_step() -> None:
    call("build", "app.whl", "--type", "slsa-provenance").refused(3, "(predicate-invalid)")
    call("build", "app.whl", "--type", "slsa-provenance", "--no-schema", "-o", "bad.json").done()
    call("sign", "bad.json", "--signer", "file:release.pem").refused(3, "(predicate-invalid)")
    call("sign", "bad.json", "--signer", "file:release.pem", "--no-schema", "-o", "bad.intoto.json").done()
    verify = ("verify", "bad.intoto.json", *VERIFY[2:], "--artifact", "app.whl")
    call(*verify).refused(1, "(predicate-invalid)")
    assert b"schema not checked" in call(*verify, "--no-schema").done().stdout


@inputs
def test_directories_globs_and_commits_are_subjects_and_artifacts() -> None:
    Path("tree/below").mkdir(parents=True)
    Path("tree/below/file").write_bytes(b"in a directory")
    git = ("git", "-C", "tree", "-c", "user.name=a", "-c", "user.email=a@example.com")
    for words in (["init", "-q"], ["add", "below"], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *words], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    shutil.copytree("tree/below", "copy")
    subjects = ["copy", "*.whl", "git:tree", "commit=git:tree@HEAD"]
    call("build", *subjects, "--type", OWN, "-o", "own.json").done()
    call("sign", "own.json", "--signer", "file:release.pem", "-o", "own.intoto.json").done()
    for artifact in ("copy", "tree/below", "app.whl", "other.whl", f"gitCommit:{head}"):
        assert call("verify", "own.intoto.json", *VERIFY[2:], "--artifact", artifact).done()
    Path("copy/file").write_bytes(b"changed")
    call("verify", "own.intoto.json", *VERIFY[2:], "--artifact", "copy").refused(1, "(artifact-mismatch)")


@inputs
@pytest.mark.parametrize(
    "line", ["key generate file:release.pem", "key generate file:release.pem --algorithm ml-dsa-44"]
)
def test_a_key_is_never_written_over(line: str) -> None:
    before = Path("release.pem").read_bytes()
    program(*line.split()).refused(3, "(output-exists)", hint=True)
    assert Path("release.pem").read_bytes() == before


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("verfy x", "'verify'"),
        ("trust shwo x", "'show'"),
        ("verify x --artefact y", "'--artifact'"),
        ("build x --type slsa-provenence", "slsa-provenance"),
        ("build x --type openvexx", "openvex"),
    ],
)
def test_a_slip_is_answered_with_what_was_probably_meant(line: str, meant: str) -> None:
    Path("x").write_bytes(b"")
    ran = call(*line.split())
    assert "Did you mean" in ran.stderr.decode()
    assert meant in ran.stderr.decode()
