"""docs/decide/policy.md is executed: its policies are read, its commands do what they are shown for, Python runs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pytest

from attest import Policy, ResourceDescriptor, Statement, sign
from attest._base.json import dumps
from attest._base.times import format_time
from attest.policy import _ages, _cel_worker
from attest.schema import predicate_documents
from tests.support.cli.calls import Ran, call
from tests.support.making.bundles import anchor, bundle_document
from tests.support.making.keys import ALICE, BOB, MALLORY, MemorySigner, file_signer
from tests.support.reading import pages

PAGE: Final = pages.DOCS / "decide" / "policy.md"
GUIDE: Final = PAGE.read_text()
CONTENT: Final = b"the wheel\n"
CAROL: Final = MemorySigner("ecdsa-sha2-nistp256", 4)
BUILDER: Final = "https://github.com/acme/builders/.github/workflows/release.yml@refs/tags/v7"
REVIEW: Final = "https://example.com/review/v1"
VSA: Final = ("--signer", "file:ed25519-9.pem", "--verifier-id", "https://example.com/verifier")


def write(name: str, kind: str, predicate: dict[str, Any], *signers: MemorySigner, called: str | None = None) -> None:
    """An envelope about app.whl, under that name unless told otherwise."""
    about = [ResourceDescriptor(called or "app.whl", {"sha256": sha256(CONTENT).hexdigest()})]
    made = Statement.build(about, predicate_type=kind, predicate=predicate)
    Path(name).write_bytes(sign(made, signers).to_json())


def provenance(tag: str) -> dict[str, Any]:
    workflow = {"repository": "https://github.com/acme/app", "ref": f"refs/tags/{tag}", "path": ".github/x.yml"}
    yesterday = format_time(datetime.now(UTC) - timedelta(days=1))
    return {
        "buildDefinition": {
            "buildType": "https://actions.github.io/buildtypes/workflow/v1",
            "externalParameters": {"workflow": workflow},
        },
        "runDetails": {"builder": {"id": BUILDER}, "metadata": {"finishedOn": yesterday}},
    }


def review(**changed: Any) -> dict[str, Any]:
    today = format_time(datetime.now(UTC) - timedelta(hours=1))
    return {"verdict": "approved", "approvedBy": "bob", "author": "alice", "approvedOn": today, **changed}


@pytest.fixture(autouse=True)
def _workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with what the guide assumes: an artifact, a trust bundle, and what its policy asks for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    verifier = file_signer(tmp_path, "ed25519", 9)
    anchors = {"ci": anchor(ALICE), "security": anchor(BOB), "owners": anchor(CAROL), "verifier": anchor(verifier)}
    Path("trust.json").write_bytes(dumps(bundle_document(anchors)))
    Path("app.whl").write_bytes(CONTENT)
    requires, _, takes = pages.blocks(PAGE, "toml")
    Path("policy.toml").write_text(f"{requires}\n{takes}")
    write("provenance.intoto.json", "slsa-provenance", provenance("v1.2.3"), ALICE)
    write("review.intoto.json", REVIEW, review(), BOB, CAROL)


def shell(line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)


def verify(*arguments: str, tag: str = "v1.2.3") -> Ran:
    words = ("--trust", "trust.json", "--artifact", "app.whl", "--policy", "policy.toml", "--set", f"tag={tag}")
    return call("verify", *arguments, *words, "--format", "json")


def test_the_policies_are_policies_alone_and_together() -> None:
    requires, together, takes = pages.blocks(PAGE, "toml")
    assert len(Policy.from_bytes(requires.encode()).requirements) == 2
    assert len(Policy.from_bytes(together.encode()).requirements) == 3
    summaries = Policy.from_bytes(takes.encode()).summaries
    assert summaries is not None
    assert summaries.verifiers == ("https://example.com/verifier",)
    assert Policy.from_bytes("\n".join([requires, takes]).encode()).missing == ("tag",)


def test_the_commands_check_verify_and_explain_a_yes_and_a_no() -> None:
    check, decide, explain = pages.blocks(PAGE, "sh")[0].strip().splitlines()
    checked = shell(check)
    assert (checked.returncode, "parameter   tag is required" in checked.stdout) == (0, True), checked.stderr
    yes = shell(decide)
    assert yes.returncode == 0, yes.stderr
    said = json.loads(Path("result.json").read_bytes())["policy"]
    assert {met["id"]: met["by"] for met in said["requirements"]} == {
        "provenance": ["provenance.intoto.json"],
        "review": ["review.intoto.json"],
    }
    assert said["levels"] == ["SLSA_BUILD_LEVEL_3"]
    assert shell(explain).stdout.startswith("met: the policy is met\n")
    write("review.intoto.json", REVIEW, review(approvedBy="alice", verdict="maybe"), BOB)
    no = shell(decide)
    assert no.returncode == 1
    told = shell(explain)
    assert told.returncode == 0
    for code in ("keys-too-few", "cel-false", "schema-mismatch"):
        assert f"({code})" in told.stdout
    assert told.stdout.count("to change") == 3


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"tag": "v2"}, "ref-mismatch"),
        ({"review": review(approvedOn=format_time(datetime.now(UTC) - timedelta(days=91)))}, "too-old"),
        ({"by": (BOB,)}, "keys-too-few"),
        ({"by": (ALICE, MALLORY)}, "anchor-not-accepted"),
        ({"builder": ALICE}, None),
        ({"builder": BOB}, "anchor-not-accepted"),
        ({"called": "app.tar"}, "subject-name-mismatch"),
    ],
)
def test_each_line_of_the_policy_asks_what_its_comment_says(changed: dict[str, Any], code: str | None) -> None:
    write("review.intoto.json", REVIEW, changed.get("review", review()), *changed.get("by", (BOB, CAROL)))
    write(
        "provenance.intoto.json",
        "slsa-provenance",
        provenance("v1.2.3"),
        changed.get("builder", ALICE),
        called=changed.get("called"),
    )
    ran = verify("provenance.intoto.json", "review.intoto.json", tag=changed.get("tag", "v1.2.3"))
    failed = [failure["code"] for met in ran.json["policy"]["requirements"] for failure in met["failures"]]
    assert (ran.code, failed) == ((0, []) if code is None else (1, [code]))


def test_a_yes_is_kept_as_a_summary_that_takes_the_place_of_the_evidence() -> None:
    files = ("provenance.intoto.json", "review.intoto.json")
    resource = ("--resource-uri", "pkg:pypi/app@1")
    assert verify(*files, "--vsa-out", "vsa.json", *VSA, *resource).code == 0
    assert verify("vsa.json").code == 1, "nobody asked for it"
    again = verify("vsa.json", "--accept-vsa")
    assert (again.code, again.json["policy"]["vsa"]["by"]) == (0, ["vsa.json"])
    assert again.json["policy"]["levels"] == ["SLSA_BUILD_LEVEL_2"]
    assert verify("vsa.json", "--accept-vsa", tag="v2").code == 1, "it is of other parameters"
    assert verify(*files, "--vsa-out", "no.json", *VSA, *resource, tag="v2").code == 1
    assert not Path("no.json").exists()


def test_approvals_the_newest_verdict_and_the_same_run_are_asked_of_several_together() -> None:
    Path("together.toml").write_text(pages.blocks(PAGE, "toml")[1])
    run = "https://example.com/runs/7"
    built = provenance("v1.2.3")
    built["runDetails"]["metadata"]["invocationId"] = run
    tested = {"configuration": [], "result": "PASSED", "url": run}
    write("provenance.intoto.json", "slsa-provenance", built, ALICE)
    write("tests.intoto.json", "test-result", tested, ALICE)
    write("review.intoto.json", REVIEW, review(), BOB)
    write("second.intoto.json", REVIEW, review(approvedBy="carol"), CAROL)

    def codes(*files: str) -> list[str]:
        words = ("--trust", "trust.json", "--artifact", "app.whl", "--policy", "together.toml", "--format", "json")
        decided = call("verify", *(f"{name}.intoto.json" for name in files), *words).json["policy"]
        return [failure["code"] for met in decided["requirements"] if not met["met"] for failure in met["failures"]]

    everything = ("provenance", "tests", "review", "second")
    assert codes(*everything) == []
    assert codes("provenance", "tests", "review") == ["signers-too-few"]
    now = format_time(datetime.now(UTC))
    write("veto.intoto.json", REVIEW, review(verdict="rejected", approvedOn=now), BOB)
    assert codes(*everything, "veto") == ["anchor-not-accepted", "schema-mismatch", "newest-decides"]
    write("tests.intoto.json", "test-result", {**tested, "url": "https://example.com/runs/8"}, ALICE)
    assert codes(*everything) == ["cel-false"]


def test_the_python_runs_and_says_what_the_command_line_says() -> None:
    [shown] = pages.blocks(PAGE, "python")
    before = """
import attest
from datetime import UTC, datetime
now = datetime.now(UTC)
trust = attest.TrustBundle.load("trust.json")
envelopes = [open(name, "rb").read() for name in ("provenance.intoto.json", "review.intoto.json")]
"""
    one = "verified = attest.verify("  # which asks everything of one attestation, and so can't say yes here
    parts = "\n".join(line for line in shown.splitlines() if not line.startswith(one))
    assert shown.count(one) == 1
    program = before + parts + "\nprint(decision.yes, decision.levels)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ran.stdout == "True ('SLSA_BUILD_LEVEL_3',)\n", ran.stderr
    write("review.intoto.json", REVIEW, review(), BOB)
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "1 of 2 requirements of the policy is not met: review" in ran.stdout, ran.stderr
    Path("policy.toml").write_text('[parameters.tag]\n[[require]]\ntype = "slsa-provenance"\n')
    alone = next(line for line in shown.splitlines() if line.startswith(one))
    program = f"{before}policy = attest.Policy.load('policy.toml', {{'tag': 'x'}})\nenvelope = envelopes[0]\n{alone}"
    ran = subprocess.run(
        [sys.executable, "-c", f"{program}\nprint(verified.anchors)"], capture_output=True, text=True, check=False
    )
    assert ran.stdout == "('ci',)\n", ran.stderr


def test_the_names_that_expressions_see_are_those_of_the_table() -> None:
    table = GUIDE.partition("These names are available:\n")[2].partition("## ")[0]
    named = [name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)]
    seen: dict[str, Any] = {}

    class Library:
        """Takes note of the names that an environment is made with."""

        class Type:
            DYN = STRING = TIMESTAMP = None
            List = Map = staticmethod(lambda *_: None)

        @staticmethod
        def NewEnv(variables: dict[str, Any]) -> None:  # noqa: N802
            seen.update(variables)

    _cel_worker.new_environment(Library)
    assert sorted(named) == sorted(seen)


def test_the_types_with_a_known_time_are_those_that_are_named() -> None:
    known = {name for name, document in predicate_documents().items() if _ages.time_of(document["$id"]) is not None}
    families = {re.sub(r"-v[0-9.]+$", "", name) for name in known}
    words = {
        **{"slsa-provenance": "provenance", "vulns": "Vulns", "cosign-vuln": "Vulns", "openvex": "OpenVEX"},
        **{"cyclonedx": "CycloneDX", "spdx": "SPDX 2", "vsa": "VSA", "svr": "SVR", "runtime-trace": "runtime traces"},
    }
    assert families == set(words)
    [said] = re.findall(r"place is known for (.*?); for other", GUIDE, re.DOTALL)
    assert set(words.values()) == set(re.split(r",\s+| and ", said))


def test_where_a_time_is_not_known_for_all_types_of_a_rule_the_way_out_is_told() -> None:
    Path("policy.toml").write_text('[[require]]\nanchors = ["ci"]\nmax_age = "1d"\n[require.rules.sbom]\n')
    ran = call("policy", "check", "policy.toml")
    ran.refused(3, "policy-invalid", hint=True)
    [kinds] = re.findall(r"type = (\[.*?\])", ran.stderr.decode())
    Path("policy.toml").write_text(
        f'[[require]]\nanchors = ["ci"]\nmax_age = "1d"\ntype = {kinds}\n[require.rules.sbom]\n'
    )
    call("policy", "check", "policy.toml").done()
