"""`attest verify` over many envelopes: lines, folders, Sigstore bundles, processes, and machines."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from attest import ResourceDescriptor, Statement, sign
from attest._base.json import dumps
from tests.support.builders import ALICE, ARTIFACT, MALLORY, PREDICATE_TYPE, anchor, bundle, signed
from tests.support.cli import ATTEST, call
from tests.support.missing import missing
from tests.verifying.test_bulk_dask import cluster

if TYPE_CHECKING:
    from tests.support.cli import Ran
    from tests.support.clusters import Cluster

__all__ = ["cluster"]  # a fixture

FIELD = Path(__file__).parents[3] / "shared" / "data" / "field"


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
    assert ran.code == 1
    names = [line.split()[1] for line in ran.stdout.decode().splitlines()]
    assert names == [f"all.intoto.jsonl:{number + 1}" for number in range(599) if number not in (7, 300)]
    assert "attest: note: 597 verified, 1 rejected, 2 ignored" in ran.prose
    assert ran.prose[-1] == "attest: error: 1 of 598 attestations did not verify (threshold-not-met)"


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
    assert (none.code, none.prose[-1]) == (3, "attest: error: none.jsonl: no attestation found (envelope-missing)")
    Path("empty").mkdir()
    assert "empty: no attestation found" in verify("empty", "--no-artifact").refused(3, "envelope-missing")


def test_of_what_is_not_understood_the_first_thousand_are_named_and_all_are_counted() -> None:
    Path("noise.jsonl").write_bytes(b"hello\n" * 1500 + about(1))
    for ran in (verify("noise.jsonl", "--no-artifact"), verify("noise.jsonl", "--no-artifact", "--format", "junit")):
        assert ran.code == 0
        warnings = [line for line in ran.prose if line.startswith("attest: warning: ") and "ignored" in line]
        assert len(warnings) == 1001
        assert "500 more" in warnings[-1]
    said = verify("noise.jsonl", "--no-artifact", "--format", "json").json
    assert (len(said["not_understood"]), said["not_understood_in_all"]) == (1000, 1500)
    page = verify("noise.jsonl", "--no-artifact", "--format", "markdown").stdout.decode()
    assert "1,500 files or lines" in page


def test_an_artifact_must_be_covered_by_one_of_many_and_none_may_be_about_others() -> None:
    Path("two.jsonl").write_bytes(signed().to_json() + b"\n" + signed().to_json())
    assert verify("two.jsonl", "--artifact", ARTIFACT).code == 0
    uncovered = verify("two.jsonl", "--artifact", ARTIFACT, "--artifact", "sha256:" + "1" * 64)
    assert (uncovered.code, b"artifact-not-covered" in uncovered.stderr) == (1, True)
    Path("two.jsonl").write_bytes(signed().to_json() + b"\n" + about(2))
    for jobs in ((), ("--jobs", "2")):
        ran = verify("two.jsonl", "--artifact", ARTIFACT, *jobs)
        assert (ran.code, b"artifact-mismatch" in ran.stderr) == (1, True)


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
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [ATTEST, "verify", "all.jsonl", "--no-artifact", "--trust", "trust.json", "--dask", cluster.address]
    ran = subprocess.run(command, capture_output=True, env=environment, timeout=120, check=False)
    assert (ran.returncode, ran.stdout.count(b"verified: all.jsonl:")) == (0, 300), ran.stderr
    assert ran.stderr == b"attest: note: 300 verified\n"
