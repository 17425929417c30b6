"""`attest build` with `--checksums`, `--each` and `--limit`, on to signing what it writes."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from tests.support.cli.calls import call
from tests.support.making import reports

if TYPE_CHECKING:
    from pathlib import Path

TYPE = ("--type", "https://example.com/review/v1")
NAMES = ["a.whl", "b.whl", "c.whl"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that everything happens in: three files and their checksums."""
    monkeypatch.chdir(tmp_path)
    for name in NAMES:
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "SHA256SUMS").write_text("".join(f"{digest(name)}  {name}\n" for name in NAMES))
    return tmp_path


def digest(name: str) -> str:
    return sha256(name.encode()).hexdigest()


def lines(data: bytes) -> list[dict[str, object]]:
    return [json.loads(line) for line in data.splitlines()]


def test_checksums_are_subjects_as_the_files_would_be(folder: Path) -> None:
    hashed = call("build", *NAMES, *TYPE).done().stdout
    assert call("build", "--checksums", "SHA256SUMS", *TYPE).done().stdout == hashed
    assert call("build", "--checksums", "-", *TYPE, stdin=(folder / "SHA256SUMS").read_bytes()).stdout == hashed
    both = json.loads(call("build", "d=sha256:" + "d" * 64, "--checksums", "SHA256SUMS", *TYPE).done().stdout)
    assert [one["name"] for one in both["subject"]] == ["d", *NAMES]
    for name in NAMES:
        (folder / name).unlink()
    assert call("build", "--checksums", "SHA256SUMS", *TYPE).done().stdout == hashed


def test_checksums_that_are_not_good_are_refused(folder: Path) -> None:
    (folder / "MD5SUMS").write_text(f"{'a' * 32}  a.whl\n")
    call("build", "--checksums", "MD5SUMS", *TYPE).refused(3, "checksums-invalid")
    call("build", "a.whl", "--checksums", "nowhere", *TYPE).refused(3, "file-unreadable")
    (folder / "OTHER").write_text(f"{'a' * 64}  a.whl\n")
    call("build", "a.whl", "--checksums", "OTHER", *TYPE).refused(3, "subject-ambiguous")
    call("build", "a.whl", "--checksums", "SHA256SUMS", "--purl", *TYPE).refused(2, "cannot be used together")
    call("build", "-", "--checksums", "-", *TYPE, stdin=b"").refused(2, "standard input can be read only once")
    call("build", "a.whl", "--checksums", "SHA256SUMS", *TYPE, "-o", "SHA256SUMS").refused(2, "is also an input")


def test_each_subject_has_a_statement_that_is_signed_with_the_others() -> None:
    call("build", "--checksums", "SHA256SUMS", "--each", *TYPE, "-o", "s.jsonl").done()
    signed = call("sign", "s.jsonl", "--signer", "sim:ci", "-o", "out.intoto.jsonl").done()
    assert signed.stdout == b""
    call("trust", "init", "--anchor", "ci", "--key", "sim:ci", "-o", "trust.json").done()
    for name in NAMES:
        asked = ("--trust", "trust.json", "--artifact", name, "--allow-simulated", "--format", "json")
        found = call("verify", "out.intoto.jsonl", *asked)
        verified = [one for one in found.json["envelopes"] if one["result"] == "verified"]
        assert [[subject["name"] for subject in one["subjects"]] for one in verified] == [[name]]


def test_each_statement_is_what_build_makes_of_one_subject() -> None:
    built = call("build", *NAMES, "a.whl", "--each", *TYPE).done()
    assert built.stdout == b"".join(call("build", name, *TYPE).done().stdout for name in NAMES)
    piped = call("sign", "--signer", "sim:ci", stdin=built.stdout).done()
    assert len(lines(piped.stdout)) == 3
    shown = call("build", *NAMES, "--each", *TYPE, "--format", "json").done().json
    assert shown["statements"] == lines(built.stdout)
    one = call("build", "a.whl", "--each", *TYPE).done().stdout
    assert one == call("build", "a.whl", *TYPE).done().stdout
    assert call("sign", "--signer", "sim:ci", stdin=one).done().json["payload"]


def test_a_report_is_in_each_statement_and_its_subjects_have_one_each(folder: Path) -> None:
    document = reports.cyclonedx()
    (folder / "sbom.json").write_text(json.dumps(document, indent=2))
    built = call("build", *NAMES, "--from", "sbom.json", "--each")
    assert [one["predicate"] for one in lines(built.stdout)] == [document] * 3
    alone = call("build", "--from", "sbom.json", "--each")
    [statement] = lines(alone.stdout)
    assert statement["subject"] == json.loads(call("build", "--from", "sbom.json").stdout)["subject"]
    (folder / "junit.xml").write_bytes(reports.data("junit"))
    call("build", "--from", "junit.xml", "--each").refused(3, "subject-missing")


def test_a_predicate_that_is_not_valid_is_refused_for_each_too(folder: Path) -> None:
    (folder / "bad.json").write_text('{"buildDefinition": 1}')
    made = ("build", *NAMES, "--each", "--type", "slsa-provenance", "--predicate", "bad.json")
    call(*made).refused(3, "predicate-invalid")
    assert len(lines(call(*made, "--no-schema").done().stdout)) == 3
    call("build", "a.whl", f"a.whl=sha256:{'a' * 64}", "--each", *TYPE).refused(3, "subject-ambiguous")


def test_the_limits_of_a_statement_can_be_raised(folder: Path) -> None:
    (folder / "SUMS").write_text("".join(f"{n:064x}  f{n}\n" for n in range(1025)))
    many = ("build", "--checksums", "SUMS", *TYPE)
    call(*many).refused(3, "too-many-subjects")
    statement = call(*many, "--limit", "subjects=1025").done().json
    assert len(statement["subject"]) == 1025
    call(*many, "--each", "--limit", "attestations=1024").refused(3, "too-many-attestations")
    assert len(lines(call(*many, "--each", "--limit", "attestations=1025").done().stdout)) == 1025
    (folder / "predicate.json").write_text(json.dumps({"x": "y" * 2000}))
    small = ("build", "a.whl", *TYPE, "--predicate", "predicate.json", "--limit", "envelope=1000")
    refused = call(*small)
    refused.refused(3, "file-too-large")
    assert b"--limit envelope=BYTES" in refused.stderr
    deep = json.dumps({"x": json.loads("[" * 70 + "]" * 70)})
    (folder / "predicate.json").write_text(deep)
    call("build", "a.whl", *TYPE, "--predicate", "predicate.json").refused(3, "json-too-deep")
    call("build", "a.whl", *TYPE, "--predicate", "predicate.json", "--limit", "depth=100").done()


def test_what_is_in_the_lines_is_refused_with_its_line(folder: Path) -> None:
    good = call("build", "a.whl", *TYPE).done().stdout
    for bad, code in ((b"not json\n", "json-invalid"), (b"{}\n", "not-signable"), (b"[1]\n", "json-invalid")):
        (folder / "s.jsonl").write_bytes(good + b"\n" + bad + good)
        ran = call("sign", "s.jsonl", "--signer", "sim:ci")
        ran.refused(3, code)
        assert b"s.jsonl:3" in ran.stderr
        assert ran.stdout == b""
    assert call("sign", "s.jsonl", "--signer", "sim:ci", "--limit", "envelope=100").code == 3
    (folder / "s.jsonl").write_bytes(good * 3)
    call("sign", "s.jsonl", "--signer", "sim:ci", "--limit", "attestations=2").refused(3, "too-many-attestations")
    (folder / "empty.jsonl").write_bytes(b"\n")
    call("sign", "empty.jsonl", "--signer", "sim:ci").refused(3, "not-signable")
    call("sign", "s.jsonl", "empty.jsonl", "--signer", "sim:ci").refused(3, "not-signable")


def test_a_statement_over_several_lines_is_one_input(folder: Path) -> None:
    pretty = json.dumps(json.loads(call("build", "a.whl", *TYPE).done().stdout), indent=2)
    (folder / "s.json").write_text(pretty)
    assert call("sign", "s.json", "--signer", "sim:ci").done().json["payload"]
    assert call("sign", "--signer", "sim:ci", stdin=pretty.encode()).done().json["payload"]
