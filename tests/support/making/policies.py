"""Verified attestations and policies for the tests of policies, all signed and verified for real."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from attest import Artifact, Policy, ResourceDescriptor, Verified, verify
from attest._base.times import format_time
from tests.support.making.bundles import NOW, anchor, bundle
from tests.support.making.keys import ALICE, BOB, MALLORY
from tests.support.making.statements import ARTIFACT, DIGEST, signed, statement

if TYPE_CHECKING:
    from attest import Signer
    from attest.policy import Decision, Failure

OTHER: Final = "ab" * 32
TRUST: Final = bundle({"ci": anchor(ALICE), "security": anchor(BOB), "verifier": anchor(MALLORY)})
CLAIM: Final = "https://example.com/review/v1"
BUILDER: Final = "https://example.com/builders/1"
REPOSITORY: Final = "https://example.com/acme/app"
V02: Final = "https://slsa.dev/provenance/v0.2"
CYCLONE: Final = "https://cyclonedx.org/bom"
SPDX: Final = "https://spdx.dev/Document"
SPDX3: Final = "https://spdx.dev/Document/v3"
SOURCE, OBJECT, JUNK = ("aa" * 32, "bb" * 32, "cc" * 32)

VerifiedByName = dict[str, Verified]


def ago(**since: float) -> str:
    """A time before NOW, as predicates write it."""
    return format_time(NOW - timedelta(**since))


def claim(
    predicate: dict[str, Any] | None = None,
    *signers: Signer,
    kind: str = CLAIM,
    digest: str = DIGEST,
    subjects: tuple[ResourceDescriptor, ...] | None = None,
) -> Verified:
    """A verified attestation by ALICE, who is `ci`, unless told otherwise."""
    about = subjects or (ResourceDescriptor("app.whl", {"sha256": digest}),)
    envelope = signed(*signers, about=statement(*about, predicate_type=kind, predicate=predicate))
    return verify(envelope, TRUST, artifacts=None, now=NOW, check_predicate=False)


def provenance(builder: str = BUILDER, source: Any = f"git+{REPOSITORY}@refs/tags/v1.0", **changed: Any) -> Verified:
    definition = {"buildType": "https://example.com/build/v1", "externalParameters": {"source": source}}
    metadata = {"finishedOn": changed.pop("finished", ago(days=1))}
    run = {"builder": {"id": builder}, "metadata": metadata}
    return claim({"buildDefinition": definition, "runDetails": run}, kind="https://slsa.dev/provenance/v1", **changed)


def scan(*findings: dict[str, Any], by: Signer = ALICE, finished: str | None = None, **changed: Any) -> Verified:
    """A Vulns attestation; a finding is `finding(...)`."""
    database = {"lastUpdate": changed.pop("database", ago(days=2))}
    predicate = {
        "scanner": {"uri": "pkg:x/scanner", "db": database, "result": list(findings)},
        "metadata": {"scanStartedOn": finished or ago(days=1), "scanFinishedOn": finished or ago(days=1)},
    }
    return claim(predicate, by, kind="https://in-toto.io/attestation/vulns/v0.2", **changed)


def finding(name: str, score: str = "critical", method: str = "nvd") -> dict[str, Any]:
    return {"id": name, "severity": [{"method": method, "score": score}]}


def vex(*entries: dict[str, Any], by: Signer = BOB, time: str | None = None, digest: str = DIGEST) -> Verified:
    """An OpenVEX document by `security`; an entry is `clears(...)`."""
    document = {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://example.com/vex/1",
        "author": "security",
        "timestamp": time or ago(days=1),
        "version": 1,
        "statements": list(entries),
    }
    return claim(document, by, kind="https://openvex.dev/ns/v0.2.0", digest=digest)


def clears(name: str, status: str = "not_affected", **fields: Any) -> dict[str, Any]:
    return {
        "vulnerability": {"name": name},
        "status": status,
        "justification": "component_not_present",
        "action_statement": "none",
        **fields,
    }


def link(name: str, materials: dict[str, str], products: dict[str, str], by: Signer = ALICE) -> Verified:
    """The link of a step; materials and products by their names, with their SHA-256."""
    listed = [{"name": path, "digest": {"sha256": value}} for path, value in materials.items()]
    subjects = tuple(ResourceDescriptor(path, {"sha256": value}) for path, value in products.items())
    return claim(
        {"name": name, "materials": listed}, by, kind="https://in-toto.io/attestation/link/v0.3", subjects=subjects
    )


def summary(
    result: str = "PASSED",
    *,
    verifier: str = "https://example.com/verifier",
    by: Signer = MALLORY,
    time: str | None = None,
    resource: str = "pkg:pypi/app@1",
    levels: tuple[str, ...] = ("SLSA_BUILD_LEVEL_3",),
    policy: str = OTHER,
    digest: str = DIGEST,
) -> Verified:
    """A VSA by `verifier`."""
    predicate = {
        "verifier": {"id": verifier},
        "timeVerified": time or ago(hours=1),
        "resourceUri": resource,
        "policy": {"uri": "https://example.com/policy", "digest": {"sha256": policy}},
        "verificationResult": result,
        "verifiedLevels": list(levels),
    }
    return claim(predicate, by, kind="https://slsa.dev/verification_summary/v1", digest=digest)


def policy(*requirements: dict[str, Any], **fields: Any) -> Policy:
    return Policy.from_document({"require": list(requirements), **fields})


def decide(
    asked: Policy,
    *verified: Verified,
    artifacts: list[str] | None = None,
    no_artifact: bool = False,
    accept_vsa: bool = False,
    now: datetime = NOW,
) -> Decision:
    """What the policy says of attestations that are called a, b, c and so on, about ARTIFACT unless told otherwise."""
    wanted = None if no_artifact else [Artifact.of(one) for one in ([ARTIFACT] if artifacts is None else artifacts)]
    names = [chr(ord("a") + number) for number in range(len(verified))]
    return asked.decide(verified, artifacts=wanted, now=now, names=names, accept_vsa=accept_vsa)


def no(decision: Decision) -> list[Failure]:
    """Everything that failed, having made sure that it is a no."""
    assert not decision.yes
    return [failure for met in decision.requirements if not met.met for failure in met.failures]


def codes(decision: Decision) -> list[str]:
    return [failure.code for failure in no(decision)]


def asks(rule: str, settings: dict[str, Any], **also: Any) -> Policy:
    """A policy with one requirement, of one rule."""
    return policy({"id": "it", "anchors": ["ci"], **also, "rules": {rule: settings}})


def result_of(**predicate: Any) -> Any:
    """The results of tests, with `predicate` in them."""
    return claim({"configuration": [], **predicate}, kind="https://in-toto.io/attestation/test-result/v0.1")


def vulnerabilities(**settings: Any) -> Policy:
    """A policy with the rule vulnerabilities, for which high is too severe."""
    return asks("vulnerabilities", {"severity": "high", **settings}, max_age="7d")


def cyclonedx(**component: Any) -> Any:
    """A CycloneDX SBOM of an application, `component`, with one part."""
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "metadata": {"component": {"name": "app", "purl": "pkg:pypi/app@1", **component}},
        "components": [{"name": "left-pad"}],
    }
    return claim(document, kind=CYCLONE)


def spdx(described: str = "SPDXRef-app", **package: Any) -> Any:
    """The same in SPDX 2.3, where `described` is what it describes."""
    document = {
        "spdxVersion": "SPDX-2.3",
        "packages": [{"SPDXID": "SPDXRef-app", "name": "app", **package}, {"SPDXID": "SPDXRef-b", "name": "left-pad"}],
        "relationships": [
            {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": described}
        ],
    }
    return claim(document, kind=SPDX)


def spdx3(root: str = "urn:app", **package: Any) -> Any:
    """The same in SPDX 3, where `root` is what it describes."""
    graph = [
        {"type": "software_Sbom", "spdxId": "urn:sbom", "rootElement": [root]},
        {"type": "software_Package", "spdxId": "urn:app", "name": "app", **package},
        {"type": "software_Package", "spdxId": "urn:b", "name": "left-pad"},
    ]
    return claim({"@context": "x", "@graph": graph}, kind=SPDX3)


def chain(*steps: Any, anchors: tuple[str, ...] = ("ci",)) -> Policy:
    """A policy with the rule step-chain."""
    names = [{"name": step} if isinstance(step, str) else step for step in steps]
    return policy({"anchors": list(anchors), "rules": {"step-chain": {"steps": names}}})
