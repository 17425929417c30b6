"""`attest verify` over many envelopes: lines, folders, Sigstore bundles, processes, and machines."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from attest import ResourceDescriptor, Statement, sign
from attest._base.json import dumps
from tests.support.cli.calls import ATTEST, call
from tests.support.making.bundles import anchor, bundle
from tests.support.making.keys import ALICE, MALLORY
from tests.support.making.statements import ARTIFACT, PREDICATE_TYPE, signed
from tests.support.missing import missing
from tests.verifying.test_bulk_dask import cluster

if TYPE_CHECKING:
    from tests.support.cli.calls import Ran
    from tests.support.services.clusters import Cluster

__all__ = ["cluster"]  # a fixture

FIELD = Path(__file__).parents[4] / "shared" / "data" / "field"


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("trust.json").write_bytes(bundle({"release": anchor(ALICE)}).to_json())


def about(number: int) -> bytes:
    subject = ResourceDescriptor(f"{number}", {"sha256": f"{number:064x}"})
    return sign(Statement.build([subject], predicate_type=PREDICATE_TYPE), [ALICE]).to_json()


def verify(*arguments: str, stdin: bytes = b"") -> Ran:
    return call("verify", *arguments, "--trust", "trust.json", stdin=stdin)


@pytest.mark.parametrize("jobs", [(), ("--jobs", "1"), ("--jobs", "3")])
def test_lines_are_verified_in_their_order_and_bad_ones_stop_nothing(jobs: tuple[str, ...]) -> None:
    lines = [about(number) for number in range(600)]
    lines[7], lines[300], lines[599] = b"hello", b"{}", signed(MALLORY).to_json()
    Path("all.intoto.jsonl").write_bytes(b"\n".join(lines))
    ran = verify("all.intoto.jsonl", "--no-artifact", *jobs)
    assert ran.code == 0
    names = [line.split()[1] for line in ran.stdout.decode().splitlines()]
    assert names == [f"all.intoto.jsonl:{number + 1}" for number in range(599) if number not in (7, 300)]
    assert ran.prose[0] == "attest: note: 597 verified, 3 ignored"
    assert [re.findall(r"\(([a-z-]+)\)", line)[-1] for line in ran.prose[1:]] == [
        "threshold-not-met",
        "envelope-invalid",
        "json-invalid",
    ]
    strict = verify("all.intoto.jsonl", "--no-artifact", "--strict", *jobs)
    assert (strict.code, strict.stdout) == (1, ran.stdout)
    assert strict.prose[1] == "attest: note: 597 verified, 1 rejected, 2 not decided"
    message = "3 of 600 attestations did not verify (threshold-not-met)"
    assert strict.prose[0] == f"attest: error: {message}"


def test_what_is_not_understood_is_no_yes_and_no_no() -> None:
    Path("some.jsonl").write_bytes(b"hello\n" + about(1) + b"\n{}\n")
    ran = verify("some.jsonl", "--no-artifact", "--format", "json")
    assert (ran.code, ran.json["result"], len(ran.json["envelopes"])) == (0, "verified", 1)
    assert [(one["name"], one["code"]) for one in ran.json["not_understood"]] == [
        ("some.jsonl:1", "json-invalid"),
        ("some.jsonl:3", "envelope-invalid"),
    ]
    Path("none.jsonl").write_bytes(b"hello\n{}\n")
    none = verify("none.jsonl", "--no-artifact")
    message = "none.jsonl: no attestation found (1 envelope-invalid, 1 json-invalid) (envelope-missing)"
    assert (none.code, none.prose[0]) == (3, f"attest: error: {message}")
    Path("empty").mkdir()
    assert "empty: no attestation found" in verify("empty", "--no-artifact").refused(3, "envelope-missing")


def test_of_what_is_ignored_the_first_are_named_and_all_are_counted() -> None:
    foreign = signed(MALLORY).to_json() + b"\n"
    Path("noise.jsonl").write_bytes(b"hello\n" * 1500 + foreign * 300 + about(1))
    for form in ("text", "junit"):
        ran = verify("noise.jsonl", "--no-artifact", "--format", form)
        assert (ran.code, len(ran.prose)) == (0, 3)
        assert "; this code also for noise.jsonl:2, noise.jsonl:3, noise.jsonl:4 and 1,496 more" in ran.prose[2]
        assert ran.prose[0] == "attest: note: 1 verified, 1,800 ignored"
    named = [line for line in verify("noise.jsonl", "--no-artifact", "-v").prose if "ignored: noise.jsonl:" in line]
    assert len(named) == 1800
    said = verify("noise.jsonl", "--no-artifact", "--format", "json").json
    assert said["ignored"] == {"number": 1800, "codes": {"threshold-not-met": 300, "json-invalid": 1500}}
    assert [entry.get("ignored", False) for entry in said["envelopes"]] == [True] * 100 + [False]
    assert (len(said["not_understood"]), said["not_understood_in_all"]) == (100, 1500)
    for form in ("markdown", "html"):
        page = verify("noise.jsonl", "--no-artifact", "--format", form).stdout.decode()
        assert "1,800 ignored" in page
        assert "more" in page


def test_an_artifact_must_be_covered_by_one_of_many_and_others_may_be_about_others() -> None:
    Path("two.jsonl").write_bytes(signed().to_json() + b"\n" + about(2))
    wanted = ("--artifact", ARTIFACT)
    for jobs in ((), ("--jobs", "2")):
        assert verify("two.jsonl", *wanted, *jobs).code == 0
        assert b"(artifact-mismatch)" in verify("two.jsonl", *wanted, "--strict", *jobs).stderr
        ran = verify("two.jsonl", *wanted, "--artifact", "sha256:" + "1" * 64, *jobs)
        assert (ran.code, b"artifact-not-covered" in ran.stderr) == (1, True)
        assert ran.prose[1] == "attest: hint: Ignored: 1 artifact-mismatch."


def test_files_that_are_named_must_verify_and_their_errors_are_short() -> None:
    names = [f"{number}.intoto.json" for number in range(200)]
    for number, name in enumerate(names):
        Path(name).write_bytes(signed(MALLORY).to_json() if number else signed().to_json())
    ran = verify(*names, "--artifact", ARTIFACT)
    assert (ran.code, ran.stdout, len(ran.prose)) == (1, b"", 3)
    assert "; this code also for 2.intoto.json, 3.intoto.json, 4.intoto.json and 195 more" in ran.prose[1]
    assert ": 199 of 200 attestations did not verify (threshold-not-met)" in ran.prose[0]
    assert len(verify(*names, "--artifact", ARTIFACT, "--format", "json").json["envelopes"]) == 200


def test_where_none_verifies_it_says_why_and_what_there_is() -> None:
    Path("some.jsonl").write_bytes(b"\n".join([about(1), about(2), signed(MALLORY).to_json(), b"hello"]))
    prose = verify("some.jsonl", "--artifact", ARTIFACT).prose
    codes = "2 artifact-mismatch, 1 threshold-not-met, 1 json-invalid"
    assert prose[:2] == [
        f"attest: error: some.jsonl: none of the 3 attestations verified ({codes}) (artifact-mismatch)",
        "attest: hint: They are about other artifacts: '1', '2'.",
    ]
    asked = verify("some.jsonl", "--artifact", ARTIFACT, "--type", "https://example.com/none")
    assert (asked.code, asked.prose[1]) == (
        1,
        f"attest: hint: Use an attestation of this type, or correct --type. Types found: {PREDICATE_TYPE}.",
    )
    Path("one.jsonl").write_bytes(signed(MALLORY).to_json())
    alone = verify("one.jsonl", "--artifact", ARTIFACT)
    assert alone.code == 1
    assert alone.prose[0].startswith("attest: error: one.jsonl:1: not enough valid signatures")


def test_a_sigstore_bundle_is_verified_and_what_is_not_checked_is_said() -> None:
    content = {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": "x"}, "tlogEntries": [{"logIndex": "1"}]},
        "dsseEnvelope": json.loads(signed().to_json()),
    }
    Path("app.sigstore.json").write_bytes(dumps(content))
    said = "transparency log entries that were not checked: 1"
    assert f"  not checked     {said}" in verify("app.sigstore.json", "--artifact", ARTIFACT).done().stdout.decode()
    [envelope] = verify("app.sigstore.json", "--artifact", ARTIFACT, "--format", "json").done().json["envelopes"]
    assert envelope["unchecked"] == [said]


def test_everything_that_the_field_has_is_read_in_one_call() -> None:
    if not FIELD.is_dir():
        missing("the published envelopes in shared/data/field")
    ran = verify(str(FIELD / "envelopes"), "--no-artifact", "--format", "json")
    assert (ran.code, ran.json["code"]) == (1, "threshold-not-met")
    assert all(one["ignored"] for one in ran.json["envelopes"])
    read = {Path(one["envelope"]).stem for one in ran.json["envelopes"]}
    cases = json.loads((FIELD / "cases.json").read_bytes())
    others = {Path(one["name"]).stem for one in ran.json["not_understood"]}
    assert read | others == {Path(case["envelope"]).stem for case in cases}
    parallel = verify(str(FIELD / "envelopes"), "--no-artifact", "--format", "json", "--jobs", "2")
    assert parallel.json["envelopes"] == ran.json["envelopes"]


def test_a_pipe_is_verified_as_it_comes() -> None:
    command = [ATTEST, "verify", "-", "--no-artifact", "--trust", "trust.json"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as ran:
        stdout, stderr = ran.communicate(b"".join(about(number) + b"\n" for number in range(40)), timeout=60)
    assert (ran.returncode, stderr) == (0, b"attest: note: 40 verified\n")
    assert stdout.splitlines() == [b"verified: -:%d (release)" % number for number in range(1, 41)]


def test_the_workers_of_a_scheduler_verify(cluster: Cluster) -> None:
    Path("all.jsonl").write_bytes(b"\n".join(about(number) for number in range(300)))
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    command = [ATTEST, "verify", "all.jsonl", "--no-artifact", "--trust", "trust.json", "--dask", cluster.address]
    ran = subprocess.run(command, capture_output=True, env=environment, timeout=120, check=False)
    assert (ran.returncode, ran.stdout.count(b"verified: all.jsonl:")) == (0, 300), ran.stderr
    assert ran.stderr == b"attest: note: 300 verified\n"
