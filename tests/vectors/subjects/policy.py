"""Scenarios: what a policy requires beyond good signatures, a rule at a time; the no's are more than the yes's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.vectors.keys import ALICE, BOB
from tests.vectors.parts import (
    CLAIM,
    DIGEST,
    OTHER_DIGEST,
    SLSA,
    anchor,
    bundle,
    case,
    envelope_of,
    error,
    row,
    statement,
    unmet,
    verified,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.vectors.keys import Key
    from tests.vectors.scenarios import Scenario

TRUST = bundle(anchor(ALICE), also={"security": anchor(BOB)})
REPOSITORY = "https://example.com/acme/app"
VULNS, VEX = "https://in-toto.io/attestation/vulns/v0.2", "https://openvex.dev/ns/v0.2.0"
TESTS, LINK = "https://in-toto.io/attestation/test-result/v0.1", "https://in-toto.io/attestation/link/v0.3"
CYCLONEDX, VSA = "https://cyclonedx.org/bom", "https://slsa.dev/verification_summary/v1"
VERIFIERS = ("https://example.com/verifier", "https://example.com/second")
FRESH, STALE = "2026-06-30T12:00:00Z", "2026-01-01T00:00:00Z"


def cases() -> Iterator[Scenario]:
    """Every scenario of this file."""
    yield from _requirements()
    yield from _together()
    yield from _slsa()
    yield from _vulnerabilities()
    yield from _tests_and_sbom()
    yield from _chain()
    yield from _summaries()
    yield from _unreadable()


def signed(kind: str, predicate: Mapping[str, Any], *subjects: Mapping[str, Any], by: Key = ALICE) -> dict[str, Any]:
    """An envelope around a predicate about the usual artifact, or other subjects."""
    return envelope_of(by, payload=statement(*subjects, predicateType=kind, predicate=predicate))


def requires(*requirements: Mapping[str, Any]) -> dict[str, Any]:
    return {"require": [{"id": f"r{index}", **one} for index, one in enumerate(requirements)]}


def _requirements() -> Iterator[Scenario]:
    wants = {"type": CLAIM, "anchors": ["release"], "schema": {"required": ["approved"]}}
    good = signed(CLAIM, {"approved": True, "when": FRESH})
    yield case(
        "policy-met",
        "An attestation that is all that the policy asks is a yes.",
        "A policy requires a type, an anchor and what the predicate must look like, of one attestation.",
        verified(None),
        envelope=good,
        trust=TRUST,
        policy=requires(wants),
    )
    yield case(
        "policy-matches-nothing",
        "A policy whose requirement matches no attestation is a no.",
        row(7),
        unmet("evidence-missing"),
        trust=TRUST,
        policy=requires(wants),
    )
    yield case(
        "policy-requires-nothing",
        "A policy without requirements is a no.",
        row(7),
        unmet(),
        envelope=good,
        trust=TRUST,
        policy={"require": []},
    )
    yield case(
        "policy-every-failure",
        "Everything that an attestation lacks is told, and not only the first of it.",
        "A person who mends one thing after the other wants to know all of them.",
        unmet("anchor-not-accepted", "too-old", "schema-mismatch", "evidence-missing"),
        envelope=signed(CLAIM, {"when": STALE}),
        trust=TRUST,
        policy=requires({**wants, "anchors": ["security"], "max_age": "7d", "time": "/when"}, {"type": "test-result"}),
    )
    yield case(
        "policy-no-time",
        "An attestation without a time is not young.",
        "What is missing must never count for what is asked.",
        unmet("time-missing"),
        envelope=signed(CLAIM, {"approved": True}),
        trust=TRUST,
        policy=requires({"type": CLAIM, "max_age": "7d", "time": "/when"}),
    )
    yield case(
        "policy-keys-too-few",
        "A threshold of the policy counts distinct keys of the anchors it names.",
        row(4),
        unmet("keys-too-few"),
        envelope=good,
        trust=TRUST,
        policy=requires({"type": CLAIM, "anchors": ["release", "security"], "threshold": 2}),
    )
    yield case(
        "policy-cel",
        "An expression compares fields, dates and parameters.",
        "What a JSON Schema can't say.",
        verified(None),
        envelope=signed(CLAIM, {"approver": "alice", "when": FRESH}),
        trust=TRUST,
        policy=requires(
            {
                "type": CLAIM,
                "cel": ["predicate.approver == params.who", "now - timestamp(predicate.when) < duration('48h')"],
            }
        )
        | {"parameters": {"who": {}}},
        set={"who": "alice"},
    )
    yield case(
        "policy-cel-false",
        "An expression that is false, or can't be evaluated, is a no.",
        "A missing field is an error in CEL, and an error is not true.",
        unmet("cel-false", "cel-failed"),
        envelope=signed(CLAIM, {"approver": "mallory"}),
        trust=TRUST,
        policy=requires({"type": CLAIM, "cel": ["predicate.approver == 'alice'", "predicate.missing == 1"]}),
    )


def _provenance(builder: str, source: Any) -> dict[str, Any]:
    definition = {"buildType": "https://example.com/build/v1", "externalParameters": {"source": source}}
    return signed(SLSA, {"buildDefinition": definition, "runDetails": {"builder": {"id": builder}}})


def _together() -> Iterator[Scenario]:
    approved = {"properties": {"approved": {"const": True}}}
    two = requires({"type": CLAIM, "anchors": ["release", "security"], "signers": 2, "schema": approved})
    newest = requires({"type": CLAIM, "anchors": ["release"], "latest": True, "time": "/when", "schema": approved})
    other = "'release' in a.anchors && a.predicateType != predicateType && a.predicate.url == predicate.url"
    same = f"attestations.exists(a, {other})"
    run = requires({"type": CLAIM, "cel": [same]})
    good, late = signed(CLAIM, {"approved": True, "when": STALE}), {"approved": True, "when": FRESH}
    veto = {"approved": False, "when": FRESH}
    of_run = signed(CLAIM, {"url": "https://example.com/runs/7"})

    def result(number: int, **fields: Any) -> dict[str, Any]:
        url = f"https://example.com/runs/{number}"
        return signed(TESTS, {"configuration": [], "result": "PASSED", "url": url}, **fields)

    counts = "signers counts the keys on all attestations that satisfy everything else."
    decides = "With latest only the newest attestation of the anchors decides."
    sees = "An expression sees all verified attestations about the artifact."
    separately = "People who approve separately do not sign the same statement, and one key is one person."
    lasts = "Whoever revokes an approval means it; nobody else may, and who has no time may be the newest."
    together = "Tests of another run, or by somebody else, say nothing about this one."
    told: list[tuple[str, str, str, dict[str, Any], dict[str, Any], dict[str, Any], dict[str, Any]]] = [
        ("signers", counts, separately, verified(None), two, good, signed(CLAIM, late, by=BOB)),
        ("signers-one-key", counts, separately, unmet("signers-too-few"), two, good, signed(CLAIM, late)),
        (
            "signers-not-approved",
            counts,
            separately,
            unmet("schema-mismatch", "signers-too-few"),
            two,
            good,
            signed(CLAIM, veto, by=BOB),
        ),
        ("latest", decides, lasts, verified(None), newest, signed(CLAIM, {"when": STALE}), signed(CLAIM, late)),
        (
            "latest-revoked",
            decides,
            lasts,
            unmet("schema-mismatch", "newest-decides"),
            newest,
            good,
            signed(CLAIM, veto),
        ),
        ("latest-by-another", decides, lasts, verified(None), newest, good, signed(CLAIM, veto, by=BOB)),
        ("latest-no-time", decides, lasts, unmet("time-missing"), newest, good, signed(CLAIM, {"approved": True})),
        (
            "latest-in-future",
            decides,
            lasts,
            unmet("time-in-future"),
            newest,
            good,
            signed(CLAIM, {"approved": True, "when": "2030-01-01T00:00:00Z"}),
        ),
        ("cel-together", sees, together, verified(None), run, of_run, result(7)),
        ("cel-another-run", sees, together, unmet("cel-false"), run, of_run, result(8)),
        ("cel-another-anchor", sees, together, unmet("cel-false"), run, of_run, result(7, by=BOB)),
    ]
    for name, title, why, expect, policy, first, second in told:
        yield case(
            f"policy-{name}", title, why, expect, envelope=first, also={"b.json": second}, trust=TRUST, policy=policy
        )


def _slsa() -> Iterator[Scenario]:
    asks = requires(
        {
            "anchors": ["release"],
            "rules": {
                "slsa-build": {"level": 3, "builders": ["https://example.com/builders/*"]},
                "slsa-source": {"repository": [REPOSITORY], "tag": ["v*"]},
            },
        }
    )
    builder = "https://example.com/builders/1"
    good = f"git+{REPOSITORY}@refs/tags/v1.0"
    for name, who, source, expect in (
        ("policy-slsa", builder, good, verified(None)),
        ("policy-slsa-builder", "https://evil.example/builders/1", good, unmet("builder-mismatch")),
        (
            "policy-slsa-repository",
            builder,
            "git+https://evil.example/app@refs/tags/v1.0",
            unmet("repository-mismatch"),
        ),
        ("policy-slsa-branch", builder, f"git+{REPOSITORY}@refs/heads/v1.0", unmet("ref-mismatch")),
        ("policy-slsa-no-source", builder, {"digest": {"gitCommit": "0" * 40}}, unmet("source-unknown")),
    ):
        yield case(
            name,
            "A provenance must be of a builder that is accepted, from the right repository, at the right tag.",
            "SLSA: signer and builder are allow-listed, and what was built is compared with what was meant.",
            expect,
            envelope=_provenance(who, source),
            trust=TRUST,
            policy=asks,
        )


def _scan(*findings: tuple[str, str], finished: str = FRESH, by: Key = ALICE) -> dict[str, Any]:
    result = [{"id": name, "severity": [{"method": "nvd", "score": score}]} for name, score in findings]
    scanner = {"uri": "pkg:generic/scanner@1", "db": {"lastUpdate": FRESH}, "result": result}
    return signed(
        VULNS, {"scanner": scanner, "metadata": {"scanStartedOn": finished, "scanFinishedOn": finished}}, by=by
    )


def _vex(name: str, status: str = "not_affected", by: Key = BOB) -> dict[str, Any]:
    said = {
        "vulnerability": {"name": name},
        "status": status,
        "justification": "component_not_present",
        "action_statement": "Wait.",
    }
    document = {"@id": "https://example.com/vex/1", "author": "security", "timestamp": FRESH, "version": 1}
    return signed(VEX, {"@context": VEX, **document, "statements": [said]}, by=by)


def _vulnerabilities() -> Iterator[Scenario]:
    asks = requires(
        {
            "anchors": ["release"],
            "max_age": "7d",
            "rules": {"vulnerabilities": {"severity": "high", "vex_anchors": ["security"]}},
        }
    )
    found = _scan(("CVE-2026-1", "critical"))
    why = "An old scan, one of somebody else or none at all is no evidence that there is no vulnerability."
    plain: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("policy-vulnerabilities", _scan(("CVE-2026-1", "low")), verified(None)),
        ("policy-vulnerabilities-found", found, unmet("vulnerability-found")),
        ("policy-vulnerabilities-unrated", _scan(("CVE-2026-1", "?")), unmet("vulnerability-unrated")),
        ("policy-vulnerabilities-stale", _scan(finished=STALE), unmet("too-old")),
        ("policy-vulnerabilities-anchor", _scan(by=BOB), unmet("anchor-not-accepted")),
    ]
    for name, envelope, expect in plain:
        title = "A scan must be fresh, of the right anchor, and without a severe finding."
        yield case(name, title, why, expect, envelope=envelope, trust=TRUST, policy=asks)
    cleared: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("policy-vex", _vex("CVE-2026-1"), verified(None)),
        ("policy-vex-affected", _vex("CVE-2026-1", "affected"), unmet("vulnerability-found")),
        ("policy-vex-another", _vex("CVE-2026-2"), unmet("vulnerability-found")),
        ("policy-vex-anchor", _vex("CVE-2026-1", by=ALICE), unmet("vulnerability-found")),
    ]
    for name, document, expect in cleared:
        title = "An OpenVEX statement clears a finding only if the policy says whose may."
        why = "Whoever scans may not clear what the scan finds, unless the policy says so."
        yield case(name, title, why, expect, envelope=found, also={"vex.json": document}, trust=TRUST, policy=asks)


def _tests_and_sbom() -> Iterator[Scenario]:
    asks = requires({"anchors": ["release"], "rules": {"tests-passed": {"tests": ["unit"]}}})
    results: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("policy-tests", {"result": "PASSED", "passedTests": ["unit"]}, verified(None)),
        ("policy-tests-failed", {"result": "FAILED", "passedTests": ["unit"]}, unmet("tests-not-passed")),
        ("policy-tests-other", {"result": "PASSED", "passedTests": ["lint"]}, unmet("test-missing")),
    ]
    for name, predicate, expect in results:
        title = "Tests passed, and those that must be were among them."
        why = "A result that doesn't say which tests ran says nothing about one that must."
        envelope = signed(TESTS, {"configuration": [], **predicate})
        yield case(name, title, why, expect, envelope=envelope, trust=TRUST, policy=asks)
    for name, digest, components, expect in (
        ("policy-sbom", DIGEST, [{"name": "left-pad", "type": "library"}], verified(None)),
        ("policy-sbom-other", OTHER_DIGEST, [{"name": "left-pad", "type": "library"}], unmet("artifact-not-named")),
        ("policy-sbom-empty", DIGEST, [], unmet("sbom-empty")),
    ):
        component = {"name": "app", "type": "application", "hashes": [{"alg": "SHA-256", "content": digest}]}
        document = {"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"component": component}}
        yield case(
            name,
            "An SBOM describes the artifact by its digest, and lists what is in it.",
            "An SBOM that is attached to an artifact may be that of another one.",
            expect,
            envelope=signed(CYCLONEDX, {**document, "components": components}),
            trust=TRUST,
            policy=requires({"anchors": ["release"], "rules": {"sbom": {}}}),
        )


def _link(name: str, material: str, *subjects: Mapping[str, Any], by: Key = ALICE) -> dict[str, Any]:
    return signed(
        LINK, {"name": name, "materials": [{"name": "a.o", "digest": {"sha256": material}}]}, *subjects, by=by
    )


def _chain() -> Iterator[Scenario]:
    steps = [{"name": "build", "anchors": ["security"]}, {"name": "package"}]
    asks = requires({"anchors": ["release"], "rules": {"step-chain": {"steps": steps}}})
    made, junk = "aa" * 32, "cc" * 32
    product = {"name": "a.o", "digest": {"sha256": made}}
    build = _link("build", junk, product, by=BOB)
    for name, package, before, expect in (
        ("policy-chain", _link("package", made), build, verified(None)),
        ("policy-chain-broken", _link("package", junk), build, unmet("step-mismatch")),
        ("policy-chain-who", _link("package", made), _link("build", junk, product), unmet("step-missing")),
        ("policy-chain-step", _link("sign", made), build, unmet("step-mismatch")),
        ("policy-chain-gap", _link("package", made), _link("fetch", junk, product, by=BOB), unmet("step-missing")),
        ("policy-chain-end", _link("package", made, product), build, unmet("evidence-missing")),
    ):
        yield case(
            name,
            "The products of build, by who may do it, are the materials of package, which made the artifact.",
            "What an in-toto layout says with MATCH ... WITH PRODUCTS FROM.",
            expect,
            envelope=package,
            also={"build.json": before},
            trust=TRUST,
            policy=asks,
        )


def _vsa(
    result: str, *, verifier: str = VERIFIERS[0], time: str = FRESH, policy: str = "aa" * 32, by: Key = BOB
) -> dict[str, Any]:
    predicate = {
        "verifier": {"id": verifier},
        "timeVerified": time,
        "resourceUri": "pkg:pypi/app@1",
        "policy": {"uri": "https://example.com/policy", "digest": {"sha256": policy}},
        "verificationResult": result,
        "verifiedLevels": ["SLSA_BUILD_LEVEL_3"] if result == "PASSED" else [],
    }
    return signed(VSA, predicate, by=by)


def _summaries() -> Iterator[Scenario]:
    takes = {"verifiers": list(VERIFIERS), "anchors": ["security"], "resources": ["pkg:pypi/app@*"], "max_age": "7d"}
    asks = {**requires({"type": CLAIM}), "vsa": takes}
    passed, why = _vsa("PASSED"), "A word instead of the evidence is trusted only where no trusted word differs."
    other = VERIFIERS[1]
    alone, both = ["vsa-failed", "vsa-contradictory"], ["too-old", "vsa-failed", "vsa-contradictory"]
    told: list[tuple[str, dict[str, Any], list[str] | None]] = [
        ("newer", _vsa("FAILED", time="2026-07-01T00:00:00Z"), alone),
        ("older", _vsa("FAILED", time=STALE), both),
        ("by-another-verifier", _vsa("FAILED", verifier=other), alone),
        ("by-another-verifier-and-older", _vsa("FAILED", verifier=other, time=STALE), both),
        ("by-another-policy", _vsa("FAILED", policy="bb" * 32), alone),
        ("by-nobody-trusted", _vsa("FAILED", verifier="https://example.com/x"), None),
        ("signed-by-another-anchor", _vsa("FAILED", by=ALICE), None),
    ]
    for name, failed, codes in told:
        for order, first, second in (("", passed, failed), ("-first", failed, passed)):
            yield case(
                f"policy-vsa-failed-{name}{order}",
                "Where a verifier and an anchor that the policy trusts say FAILED, no VSA counts.",
                why,
                verified(None) if codes is None else unmet("evidence-missing", vsa=codes),
                envelope=first,
                also={"other.json": second},
                trust=TRUST,
                policy=asks,
                accept_vsa=True,
            )
    yield case(
        "policy-vsa",
        "A fresh VSA of a trusted verifier takes the place of the evidence.",
        "SLSA 1.2, verification_summary.md: who trusts a verifier need not see what it saw.",
        verified(None),
        envelope=passed,
        trust=TRUST,
        policy=asks,
        accept_vsa=True,
    )
    yield case(
        "policy-vsa-not-asked-for",
        "A VSA takes no place unless that was asked for.",
        "Whoever means to look at the evidence must not be answered by somebody's word.",
        unmet("evidence-missing"),
        envelope=passed,
        trust=TRUST,
        policy=asks,
    )
    yield case(
        "policy-vsa-failed-beside-the-evidence",
        "Where the evidence meets the policy, it decides, whatever VSAs say.",
        why,
        verified(None),
        envelope=signed(CLAIM, {"approved": True}),
        also={"other.json": _vsa("FAILED")},
        trust=TRUST,
        policy=asks,
        accept_vsa=True,
    )


def _unreadable() -> Iterator[Scenario]:
    why = "A key that isn't understood would be a requirement that nobody makes."
    good = {"type": CLAIM}
    for name, policy in (
        ("policy-typo", requires({**good, "max_agee": "7d"})),
        ("policy-without-type", requires({"anchors": ["release"]})),
        ("policy-schema-loops", requires({**good, "schema": {"properties": {"a": {"$ref": "#"}}}})),
        ("policy-schema-remote", requires({**good, "schema": {"$ref": "https://example.com/x.json"}})),
        ("policy-not-cel", requires({**good, "cel": ["predicate.a =="]})),
        ("policy-latest-and-signers", requires({**good, "latest": True, "time": "/when", "signers": 2})),
        ("policy-latest-unknown-time", requires({**good, "latest": True})),
        ("policy-not-toml", b"[[require]\n"),
        ("policy-empty-anchors", requires({**good, "anchors": []})),
    ):
        yield case(
            name,
            "A policy that can't be understood decides nothing.",
            row(21) if name == "policy-empty-anchors" else why,
            error("policy-invalid"),
            trust=TRUST,
            policy=policy,
        )
