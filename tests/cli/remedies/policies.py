"""Remedies for a policy that is not met: what lacks is made, and the same policy says yes."""

from __future__ import annotations

import json
import shutil
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.cli.remedies.desk import REVIEW, Desk, remedy
from tests.cli.remedies.files import sha

NOW = datetime.now(UTC).replace(microsecond=0)
FRESH, STALE, SOON = ((NOW + timedelta(days=days)).isoformat() for days in (-1, -100, 30))
SLSA = "https://slsa.dev/provenance/v1"
TESTS, VULNS = "https://in-toto.io/attestation/test-result/v0.1", "https://in-toto.io/attestation/vulns/v0.2"
LINK, VSA = "https://in-toto.io/attestation/link/v0.3", "https://slsa.dev/verification_summary/v1"
CYCLONEDX, VEX = "https://cyclonedx.org/bom", "https://openvex.dev/ns/v0.2.0"
REPOSITORY = "https://example.com/acme/app"
VERIFY = "verify all --trust trust.json --artifact app.bin --policy policy.json"

Claim = tuple[str, dict[str, Any]]


def claim(
    desk: Desk, name: str, kind: str, predicate: dict[str, Any], by: str = "release", file: str = "app.bin"
) -> None:
    """An attestation about a file in the folder `all`."""
    Path("all").mkdir(exist_ok=True)
    desk.foreign(
        f"all/{name}.json",
        {"name": file, "digest": {"sha256": sha(file)}},
        by=by,
        predicateType=kind,
        predicate=predicate,
    )


def policy(desk: Desk, *requirements: dict[str, Any], **more: Any) -> None:
    listed = [{"id": f"r{number}", **one} for number, one in enumerate(requirements)]
    desk.write("policy.json", json.dumps({"require": listed, **more}))


def unmet(desk: Desk, code: str, verify: str = VERIFY) -> None:
    """The policy is not met for this reason, and what the page names first says what must change."""
    assert f"({code})" in desk.no("policy-failed", verify).stderr.decode()
    Path("result.json").write_bytes(desk.ends(1, f"{verify} --format json").stdout)
    desk.do("policy explain result.json", says=code)
    desk.do(f"explain {code}", says="What to do:")


def corrected(desk: Desk, code: str, wrong: Claim, right: Claim) -> None:
    claim(desk, "one", *wrong)
    unmet(desk, code)
    claim(desk, "one", *right)
    desk.do(VERIFY)


@remedy("policy-empty")
def no_requirement(desk: Desk) -> None:
    policy(desk)
    desk.no("policy-empty", "policy check policy.json")
    claim(desk, "one", REVIEW, {})
    desk.no("policy-failed", VERIFY)
    policy(desk, {"type": REVIEW})
    desk.do("policy check policy.json")
    desk.do(VERIFY)


@remedy("policy-failed", "evidence-missing")
def not_given(desk: Desk) -> None:
    policy(desk, {"type": REVIEW}, {"type": "test-result"})
    claim(desk, "one", REVIEW, {})
    claim(desk, "tests", TESTS, {"configuration": [], "result": "PASSED"}, by="other")
    unmet(desk, "evidence-missing")
    assert b"key-unknown" in desk.ends(1, VERIFY).stderr  # what was given did not verify, and says why
    claim(desk, "tests", TESTS, {"configuration": [], "result": "PASSED"})
    desk.do(VERIFY)


@remedy("keys-too-few", "signers-too-few")
def too_few_people(desk: Desk) -> None:
    desk.do("trust add trust.json --anchor release --key second.pub")
    policy(desk, {"type": REVIEW, "threshold": 2, "anchors": ["release"]})
    claim(desk, "one", REVIEW, {})
    unmet(desk, "keys-too-few")
    claim(desk, "two", REVIEW, {}, by="second")
    desk.do("merge all/one.json all/two.json -o all/both.json")
    desk.do(VERIFY)
    shutil.rmtree("all")
    policy(desk, {"type": REVIEW, "signers": 2, "anchors": ["release"]})
    claim(desk, "one", REVIEW, {})
    unmet(desk, "signers-too-few")
    claim(desk, "two", REVIEW, {"comment": "mine"}, by="second")
    desk.do(VERIFY)


@remedy("newest-decides")
def a_veto(desk: Desk) -> None:
    policy(desk, {"type": REVIEW, "latest": True, "time": "/when", "schema": {"properties": {"ok": {"const": True}}}})
    claim(desk, "one", REVIEW, {"ok": True, "when": STALE})
    claim(desk, "two", REVIEW, {"ok": False, "when": FRESH})
    unmet(desk, "newest-decides")
    claim(desk, "three", REVIEW, {"ok": True, "when": NOW.isoformat()})
    desk.do(VERIFY)


@remedy("too-old", "time-missing", "time-in-future")
def not_at_this_time(desk: Desk) -> None:
    policy(desk, {"type": REVIEW, "max_age": "7d", "time": "/when"})
    right = (REVIEW, {"when": FRESH})
    corrected(desk, "too-old", (REVIEW, {"when": STALE}), right)
    corrected(desk, "time-missing", (REVIEW, {}), right)
    corrected(desk, "time-in-future", (REVIEW, {"when": SOON}), right)


@remedy("command-failed")
def a_step_that_failed(desk: Desk) -> None:
    policy(desk, {"type": LINK})

    def step(code: int) -> Claim:
        return LINK, {"name": "build", "command": ["make"], "byproducts": {"return-value": code}}

    corrected(desk, "command-failed", step(2), step(0))
    claim(desk, "one", *step(2))
    policy(desk, {"type": LINK, "allow_failed": True})
    desk.do(VERIFY)


@remedy("schema-mismatch", "cel-false", "cel-failed")
def another_form(desk: Desk) -> None:
    right = (REVIEW, {"by": "ann"})
    policy(desk, {"type": REVIEW, "schema": {"required": ["by"]}})
    corrected(desk, "schema-mismatch", (REVIEW, {}), right)
    policy(desk, {"type": REVIEW, "cel": ["predicate.by == 'ann'"]})
    corrected(desk, "cel-false", (REVIEW, {"by": "bob"}), right)
    corrected(desk, "cel-failed", (REVIEW, {}), right)
    claim(desk, "one", REVIEW, {})
    policy(desk, {"type": REVIEW, "cel": ["!has(predicate.by) || predicate.by == 'ann'"]})
    desk.do(VERIFY)


def provenance(
    builder: str = "1", source: Any = f"git+{REPOSITORY}@refs/tags/v1", kind: str = "v1", **parameters: Any
) -> Claim:
    definition = {
        "buildType": f"https://example.com/build/{kind}",
        "externalParameters": {"source": source, **parameters},
    }
    run = {"builder": {"id": f"https://example.com/builders/{builder}"}}
    return SLSA, {"buildDefinition": definition, "runDetails": run}


@remedy(
    "builder-mismatch",
    "build-type-mismatch",
    "source-unknown",
    "repository-mismatch",
    "ref-mismatch",
    "source-conflict",
)
def another_build(desk: Desk) -> None:
    rules = {
        "slsa-build": {
            "level": 2,
            "builders": ["https://example.com/builders/1"],
            "build_types": ["https://example.com/build/v1"],
        },
        "slsa-source": {"repository": [REPOSITORY], "tag": ["v*"]},
    }
    policy(desk, {"type": SLSA, "anchors": ["release"], "rules": rules})
    other = {"repository": "https://example.com/fork", "ref": "refs/tags/v1", "path": "x"}
    for code, wrong in {
        "builder-mismatch": provenance("2"),
        "build-type-mismatch": provenance(kind="v2"),
        "source-unknown": provenance(source={"digest": {"gitCommit": "0" * 40}}),
        "repository-mismatch": provenance(source="git+https://example.com/fork@refs/tags/v1"),
        "ref-mismatch": provenance(source=f"git+{REPOSITORY}@refs/heads/main"),
        "source-conflict": provenance(workflow=other),
    }.items():
        corrected(desk, code, wrong, provenance())


@remedy("tests-not-passed", "test-missing", "test-contradictory")
def tests(desk: Desk) -> None:
    policy(desk, {"type": "test-result", "anchors": ["release"], "rules": {"tests-passed": {"tests": ["unit"]}}})

    def result(said: str, **more: list[str]) -> Claim:
        return TESTS, {"configuration": [], "result": said, **more}

    right = result("PASSED", passedTests=["unit"])
    corrected(desk, "tests-not-passed", result("FAILED", failedTests=["unit"]), right)
    corrected(desk, "test-missing", result("PASSED", passedTests=["lint"]), right)
    corrected(desk, "test-contradictory", result("PASSED", passedTests=["unit"], warnedTests=["unit"]), right)


@remedy("vulnerability-found", "vulnerability-unrated", "scan-unreadable")
def a_scan(desk: Desk) -> None:
    desk.do("trust add trust.json --anchor security --key second.pub")
    policy(
        desk,
        {
            "type": "vulns",
            "max_age": "7d",
            "anchors": ["release"],
            "rules": {"vulnerabilities": {"severity": "high", "vex_anchors": ["security"]}},
        },
    )

    def scan(*findings: tuple[str, str]) -> Claim:
        listed = [{"id": name, "severity": [{"method": "nvd", "score": score}]} for name, score in findings]
        scanner = {"uri": "pkg:generic/scanner@1", "db": {"lastUpdate": FRESH}, "result": listed}
        return VULNS, {"scanner": scanner, "metadata": {"scanStartedOn": FRESH, "scanFinishedOn": FRESH}}

    corrected(desk, "vulnerability-found", scan(("CVE-2026-1", "critical")), scan())
    corrected(desk, "vulnerability-unrated", scan(("CVE-2026-1", "?")), scan(("CVE-2026-1", "low")))
    claim(desk, "one", *scan(("CVE-2026-1", "critical")))
    said = {"vulnerability": {"name": "CVE-2026-1"}, "status": "not_affected", "justification": "component_not_present"}
    document = {"@id": "https://example.com/vex/1", "author": "security", "timestamp": FRESH, "version": 1}
    claim(desk, "vex", VEX, {"@context": VEX, **document, "statements": [said]}, by="second")
    desk.do(VERIFY)
    Path("all/vex.json").unlink()
    kind, wrong = scan()
    del wrong["scanner"]["result"]
    claim(desk, "one", kind, wrong)
    unmet(desk, "scan-unreadable", f"{VERIFY} --no-schema")
    claim(desk, "one", *scan())
    desk.do(VERIFY)


@remedy("artifact-not-named", "sbom-empty")
def an_sbom(desk: Desk) -> None:
    policy(desk, {"type": CYCLONEDX, "anchors": ["release"], "rules": {"sbom": {}}})

    def sbom(digest: str, *components: str) -> Claim:
        main = {"name": "app", "type": "application", "hashes": [{"alg": "SHA-256", "content": digest}]}
        listed = [{"name": name, "type": "library"} for name in components]
        head = {"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"component": main}}
        return CYCLONEDX, {**head, "components": listed}

    right = sbom(sha("app.bin"), "left-pad")
    corrected(desk, "artifact-not-named", sbom(sha("lib.bin"), "left-pad"), right)
    corrected(desk, "sbom-empty", sbom(sha("app.bin")), right)


@remedy("step-missing", "step-mismatch")
def steps(desk: Desk) -> None:
    desk.do("trust add trust.json --anchor builders --key second.pub")
    chain = {"steps": [{"name": "build", "anchors": ["builders"]}, {"name": "package", "anchors": ["release"]}]}
    policy(desk, {"anchors": ["release"], "rules": {"step-chain": chain}})

    def link(name: str, material: str) -> dict[str, Any]:
        return {"name": name, "materials": [{"name": "in", "digest": {"sha256": sha(material)}}]}

    Path("source").write_bytes(b"source")
    claim(desk, "package", LINK, link("package", "lib.bin"))
    unmet(desk, "step-missing")
    claim(desk, "build", LINK, link("build", "source"), by="second", file="source")
    unmet(desk, "step-mismatch")
    claim(desk, "build", LINK, link("build", "source"), by="second", file="lib.bin")
    desk.do(VERIFY)


@remedy(
    *("verifier-mismatch", "vsa-failed", "vsa-resource-mismatch", "vsa-level-missing", "vsa-policy-mismatch"),
    "vsa-contradictory",
)
def a_summary(desk: Desk) -> None:
    desk.do("trust add trust.json --anchor verifier --key second.pub")
    verifier, resource = "https://example.com/verifier", "pkg:pypi/app@1"
    accepted = {
        "verifiers": [verifier],
        "anchors": ["verifier"],
        "resources": ["pkg:pypi/app@*"],
        "max_age": "7d",
        "levels": ["SLSA_BUILD_LEVEL_2"],
        "policies": ["this"],
    }
    rules = {"slsa-build": {"level": 2, "builders": ["https://example.com/builders/*"]}}
    policy(desk, {"type": SLSA, "anchors": ["release"], "rules": rules}, vsa=accepted)
    claim(desk, "one", *provenance())
    desk.do(f"{VERIFY} --vsa-out vsa.json --verifier-id {verifier} --resource-uri {resource} --signer file:second.pem")
    verify = f"{VERIFY.replace('all', 'vsa', 1)} --accept-vsa"
    Path("vsa").mkdir()
    shutil.copy("vsa.json", "vsa/vsa.json")
    desk.do(verify)
    whole = json.loads(b64decode(json.loads(Path("vsa.json").read_bytes())["payload"]))
    for code, change in {
        "verifier-mismatch": {"verifier": {"id": "https://example.com/other"}},
        "vsa-failed": {"verificationResult": "FAILED"},
        "vsa-resource-mismatch": {"resourceUri": "pkg:pypi/other@1"},
        "vsa-level-missing": {"verifiedLevels": ["SLSA_BUILD_LEVEL_1"]},
        "vsa-policy-mismatch": {"policy": {"uri": "https://example.com/p", "digest": {"sha256": "0" * 64}}},
    }.items():
        changed = {**whole, "predicate": whole["predicate"] | change}
        desk.signed("vsa/vsa.json", json.dumps(changed).encode(), by="second")
        unmet(desk, code, verify)
    # The attestations themselves decide then, and a summary that says yes for this file and this policy counts again.
    shutil.copy("all/one.json", "vsa/one.json")
    desk.do(f"{VERIFY.replace('all', 'vsa', 1)}")
    Path("vsa/one.json").unlink()
    failed = {**whole, "predicate": {**whole["predicate"], "verificationResult": "FAILED"}}
    desk.signed("vsa/failed.json", json.dumps(failed).encode(), by="second")
    shutil.copy("vsa.json", "vsa/vsa.json")
    unmet(desk, "vsa-contradictory", verify)
    Path("vsa/failed.json").unlink()
    desk.do(verify)
