"""`attest verify --policy` and `attest policy`: what decides, what is written, and what a result says of it."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

import attest
from tests.support.cli.calls import ATTEST, SCHEMA, call
from tests.support.making.certified import authority, leaf

if TYPE_CHECKING:
    from tests.support.cli.calls import Ran

pytestmark = pytest.mark.usefixtures("among_inputs")

RESULT = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_bytes()), format_checker=jsonschema.FormatChecker())
VERIFY = ("verify", "--trust", "trust.json", "--artifact", "app.whl", "--policy", "simple-policy.json")
OWN_TYPE = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://example.com/own/v1",
    "title": "Own",
    "type": "object",
}
VSA = ("--signer", "file:release.pem", "--verifier-id", "https://example.com/v", "--resource-uri", "pkg:pypi/app@1")


def result(ran: Ran) -> Any:
    RESULT.validate(ran.json)
    return ran.json


def test_an_entry_of_a_collection_that_does_not_verify_decides_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "attestations"
    folder.mkdir()
    for name in ("app", "other", "stranger"):
        shutil.copy(f"{name}.intoto.json", folder)
    (folder / "empty.json").touch()
    ran = call(*VERIFY, "attestations", "--format", "json")
    said = result(ran)
    assert (ran.code, said["policy"]["decision"]) == (0, "yes")
    assert said["policy"]["requirements"][0]["by"] == ["attestations/app.intoto.json"]
    assert [entry["result"] for entry in said["envelopes"]] == ["verified", "verified", "rejected"]
    assert said["envelopes"][2]["ignored"]
    assert said["ignored"] == {"number": 2, "codes": {"threshold-not-met": 1, "json-invalid": 1}}
    assert call(*VERIFY, "attestations", "--strict", "--format", "json").json["code"] == "threshold-not-met"


def test_a_file_that_is_named_must_verify_with_a_policy_too() -> None:
    assert call(*VERIFY, "app.intoto.json", "other.intoto.json").code == 0
    ran = call(*VERIFY, "app.intoto.json", "stranger.intoto.json", "--format", "json")
    said = result(ran)
    assert (ran.code, said["code"], said["where"]) == (1, "threshold-not-met", "stranger.intoto.json")
    assert said["policy"]["decision"] == "yes", "it is shown, and not enough"


def test_where_nothing_verifies_the_envelopes_say_why() -> None:
    assert call(*VERIFY, "empty.txt").refused(3, "(json-invalid)")
    ran = call(*VERIFY, "stranger.intoto.json", "empty.txt")
    assert (ran.code, "2 of 2 attestations did not verify (threshold-not-met)" in ran.prose[0]) == (1, True)
    assert ["(threshold-not-met)" in ran.prose[1], "(json-invalid)" in ran.prose[3]] == [True, True]


def test_a_no_writes_no_summary() -> None:
    ran = call(*VERIFY, "other.intoto.json", "--vsa-out", "vsa.json", *VSA, "--format", "json")
    said = result(ran)
    assert (ran.code, said["code"], said["policy"]["decision"]) == (1, "policy-failed", "no")
    assert not Path("vsa.json").exists()


def test_a_summary_is_signed_as_other_things_are() -> None:
    key = load_pem_private_key(Path("release.pem").read_bytes(), None)
    root = authority("Root")
    Path("chain.pem").write_text(leaf("Leaf", root, key=key).pem + root.pem)
    signed = ("--vsa-out", "vsa.json", *VSA, "--certificate-chain", "chain.pem", "--keyid-format", "none")
    assert call(*VERIFY, "app.intoto.json", *signed).code == 0
    [entry] = json.loads(Path("vsa.json").read_bytes())["signatures"]
    assert set(entry) == {"sig", "certificate"}
    before = Path("chain.pem").read_bytes()
    call(*VERIFY, "app.intoto.json", "--vsa-out", "chain.pem", *signed[2:]).refused(2, "is also an input")
    assert Path("chain.pem").read_bytes() == before
    for option in (signed[-4:-2], signed[-2:]):
        call(*VERIFY, "app.intoto.json", *option).refused(2, f"{option[0]} requires --vsa-out")


def test_a_summary_is_made_of_evidence_and_never_of_another_summary() -> None:
    ran = call(*VERIFY, "app.intoto.json", "--accept-vsa", "--vsa-out", "vsa.json", *VSA)
    ran.refused(2, "--vsa-out and --accept-vsa cannot be used together")
    assert not Path("vsa.json").exists()


def test_a_summary_says_of_no_artifact_that_it_passed_because_another_one_did(tmp_path: Path) -> None:
    asked = {"require": [{"type": "https://slsa.dev/provenance/v1", "subjects": "any"}]}
    (tmp_path / "any.json").write_text(json.dumps(asked))
    both = ("verify", "app.intoto.json", "other.intoto.json", "--trust", "trust.json", "--policy", "any.json")
    two = ("--artifact", "app.whl", "--artifact", "other.whl")
    assert call(*both, *two).code == 0
    call(*both, *two, "--vsa-out", "vsa.json", *VSA).refused(2, "about each artifact")
    assert not Path("vsa.json").exists()
    assert call(*both, *two[:2], "--vsa-out", "vsa.json", *VSA).code == 0


def test_a_summary_is_never_written_over_what_was_read_of_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "attestations"
    folder.mkdir()
    shutil.copy("app.intoto.json", folder / "a.json")
    before = (folder / "a.json").read_bytes()
    (tmp_path / "link").symlink_to(folder)
    for output in ("attestations/a.json", "link/a.json"):
        call(*VERIFY, "attestations", "--vsa-out", output, *VSA).refused(2, "is also an input")
    assert (folder / "a.json").read_bytes() == before
    assert call(*VERIFY, "attestations", "--vsa-out", "attestations/vsa.json", *VSA).code == 0
    types = tmp_path / "types"
    types.mkdir()
    (types / "own.json").write_text(json.dumps(OWN_TYPE))
    own = call(*VERIFY, "app.intoto.json", "--schema-dir", "types", "--vsa-out", "types/own.json", *VSA)
    own.refused(2, "is also an input")
    assert json.loads((types / "own.json").read_bytes()) == OWN_TYPE


def test_a_signer_that_is_away_keeps_no_half_a_summary() -> None:
    changed = [word if word != "file:release.pem" else "file:nothing.pem" for word in VSA]
    ran = call(*VERIFY, "app.intoto.json", "--vsa-out", "vsa.json", *changed)
    ran.refused(4, "(key-unreadable)")
    assert ran.stdout == b""
    assert not Path("vsa.json").exists()


def test_a_summary_is_an_attestation_like_any_other() -> None:
    call(*VERIFY, "app.intoto.json", "--vsa-out", "vsa.json", *VSA).done()
    said = result(
        call("verify", "vsa.json", "--trust", "trust.json", "--artifact", "app.whl", "--format", "json").done()
    )
    assert said["envelopes"][0]["predicateType"] == "https://slsa.dev/verification_summary/v1"


def test_a_token_that_is_away_leaves_a_no_undecided() -> None:
    trust = json.loads(Path("trust.json").read_bytes())
    trust["anchors"]["release"]["keys"][0]["signer"] = "pkcs11:token=none;object=x?module-path=/nowhere.so"
    trust["anchors"]["release"]["keys"][0]["backend"] = "pkcs11"
    Path("away.json").write_text(json.dumps(trust))
    away = (
        "verify",
        "--trust",
        "away.json",
        "--artifact",
        "app.whl",
        "--policy",
        "simple-policy.json",
        "--with-signer",
    )
    assert call(*away, "app.intoto.json").code == 4


def test_no_artifact_asks_of_whatever_it_is_about() -> None:
    asked = ("verify", "--trust", "trust.json", "--no-artifact", "--policy", "simple-policy.json", "other.intoto.json")
    assert result(call(*asked, "--format", "json").done())["artifacts"] is None


@pytest.mark.parametrize("options", [("--policy", "simple-policy.json"), ()])
def test_any_result_of_verify_can_be_explained(options: tuple[str, ...]) -> None:
    asked = ("verify", "--trust", "trust.json", "--artifact", "app.whl", *options, "--format", "json")
    for name in ("app.intoto.json", "stranger.intoto.json", "empty.txt"):
        said = call(*asked, name).stdout
        Path("result.json").write_bytes(said)
        assert call("policy", "explain", "result.json").done().stdout
        result(call("policy", "explain", "result.json", "--format", "json").done())


def test_a_result_that_has_changed_shape_is_refused() -> None:
    said = call(*VERIFY, "other.intoto.json", "--format", "json").json
    del said["policy"]["requirements"][0]["failures"]
    Path("result.json").write_text(json.dumps(said))
    call("policy", "explain", "result.json").refused(3, "(result-invalid)", hint=True)


def test_more_attestations_than_a_policy_decides_over_are_an_error() -> None:
    lines = [made(number) for number in range(3)]
    Path("three.jsonl").write_bytes(b"\n".join([lines[0], b"hello", *lines]))
    few = ("three.jsonl", "--limit", "attestations=2")
    asked = [word if word != "--artifact" else "--no-artifact" for word in VERIFY if word != "app.whl"]
    for jobs in ((), ("--jobs", "2")):
        ran = call(*asked, *few, *jobs, "--format", "json")
        assert (ran.code, result(ran)["code"]) == (3, "too-many-attestations")
        assert ran.json["hint"].endswith("--limit attestations=N.")
    assert call(*asked, "three.jsonl", "--limit", "attestations=3", "--format", "json").json["code"] == "policy-failed"
    without = [word for word in asked if "policy" not in word]
    assert call(*without, *few).code == 0, "what is told as it comes has no end"
    assert result(call(*without, *few, "--format", "json"))["code"] == "too-many-attestations"
    inspected = call("inspect", "app.intoto.json", "--limit", "attestations=2")
    assert "NAME one of envelope" in inspected.refused(2, "attestations=2")


def made(number: int) -> bytes:
    subject = attest.ResourceDescriptor(f"{number}", {"sha256": f"{number:064x}"})
    with attest.open_signer("file:release.pem") as signer:
        statement = attest.Statement.build([subject], predicate_type="https://example.com/x", predicate={})
        return attest.sign(statement, [signer]).to_json()


def test_of_many_lines_no_more_are_read_than_a_policy_decides_over() -> None:
    lines = [made(number) + b"\n" for number in range(11)]
    command = [ATTEST, *VERIFY, "-", "--limit", "attestations=10", "--format", "json"]
    written = 0
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as ran:
        assert ran.stdin is not None
        assert ran.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            while written < 100_000:  # it stops reading long before
                ran.stdin.write(lines[min(written, 10)])
                written += 1
        with contextlib.suppress(BrokenPipeError):
            ran.stdin.close()
        said = json.loads(ran.stdout.read())
    assert (ran.returncode, said["code"]) == (3, "too-many-attestations")
    assert written < 5000
