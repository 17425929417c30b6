"""A program of a user of attest: it must type-check under `mypy --strict`, and is not run (test_typed_program.py)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, assert_type

import attest
from attest import (
    bulk,
    collection,
    converting,
    evidence,
    interop,
    keys,
    oci,
    policy,
    predicates,
    resigning,
    results,
    signers,
    signing,
    sources,
    timestamps,
    trust,
)
from attest.building import checksums, ci, images, packages, run, subjects
from attest.building import evidence as building_evidence

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime.now(UTC)


class AcmeSigner:
    """A signer of a third party, which inherits from nothing."""

    def __init__(self, behind: attest.Signer) -> None:
        self._behind = behind
        self.public_key = behind.public_key

    def sign(self, data: bytes) -> attest.Signature:
        return attest.Signature(self.public_key.keyid, self._behind.sign(data).sig)

    def verify(self, signature: bytes, data: bytes) -> None:
        self.public_key.verify(signature, data)

    def close(self) -> None:
        self._behind.close()


def ask(request: attest.SecretRequest) -> str | None:
    token: signers.TokenName | None = request.token
    return None if token is None else f"{request.kind} {token.label}"


SECRETS: attest.Secrets = ask


def sign(statement: attest.Statement) -> attest.Envelope:
    with attest.generate_key("file:release.pem", "ed25519", secret=ask) as made:
        assert_type(made, signers.BaseSigner)
        assert_type(made.public_key.algorithm, keys.Algorithm)
    with attest.open_signer("file:release.pem", secrets=ask) as signer:
        assert_type(signer.version_uri, str | None)
        assert_type(signer.certificates, tuple[bytes, ...])
        acme = AcmeSigner(signer)
        able: signers.SupportsVerify = acme
        assert_type(signers.adapt(acme).capabilities, frozenset[str])
        signed = signing.sign_all(statement, [acme, signer], quorum=1, timeout=1.0)
        each = signing.sign_each([statement], [acme, signer])
        assert_type(each, list[signing.Signing | attest.AttestError])
        several: signers.SupportsSignMany = signer
        first: signers.SupportsEncrypt = signer
        more: tuple[signers.SupportsDecrypt, signers.SupportsDigest, signers.SupportsHealth] = (signer, signer, signer)
        for health, checks in signer.health():
            assert_type(health, signers.KeyHealth)
            assert_type(health["errors"], dict[str, int])
            assert_type(checks, tuple[signers.AttributeCheck, ...])
        print(signed.missing, able, several, first, more, signers.wrap_key("file:release.pem", signer, secrets=SECRETS))
        stamp = attest.Timestamper("https://timestamp.example/", timeout=1.0)
        options: signing.SigningOptions = {
            "keyid_format": "ssh",
            "certificate_chains": [Path("chain.pem").read_bytes(), b"".join(signer.certificates)],
            "timestamp": stamp,
        }
        return attest.sign(signing.signable(statement.to_json()), [acme], **options)


def convert(envelope: attest.Envelope, key: attest.PublicKey) -> tuple[bytes, ...]:
    to: converting.Target = converting.TARGETS[0]
    form: keys.KeyidFormat = keys.KEYID_FORMATS[0]
    converting.demand_number(to, 1)
    converted: converting.Converted = converting.convert(envelope, to, keyid_format=form, keys=[key])
    written: keys.KeyForm = keys.KEY_FORMS[0]
    print(keys.exported(key, written), keys.forms_of(key), keys.keyid_in(key, form), converted.lost, attest.converting)
    return converted.documents


def verify(envelope: attest.Envelope, bundle: attest.TrustBundle, rules: attest.Policy) -> attest.Verified | None:
    options: attest.VerifyOptions = {"anchors": ["release"], "limits": attest.Limits(subjects=7), "policy": [rules]}
    options["crls"] = [attest.RevocationList.load("ca.crl")]
    try:
        with attest.SignerChecks(ask) as checks:
            verified = attest.verify(envelope, bundle, artifacts=["dist/app.whl", Path("x")], now=NOW, signers=checks)
    except attest.Rejected as error:
        assert_type(error.report, attest.Report | None)
        assert_type(error.roots, results.RootCheck | None)
        for check in error.report.signatures if error.report else ():
            assert_type(check, attest.SignatureCheck)
            assert_type(check.timestamp, timestamps.TimestampCheck | None)
        return None
    except (attest.InputError, attest.SignerError) as error:
        assert_type(error.hint, str | None)
        return None
    except attest.AttestError:
        raise
    decisions = verified.report.policy
    assert_type(decisions, attest.Decisions | None)
    for artifact_check in verified.report.artifacts or ():
        assert_type(artifact_check, attest.ArtifactCheck)
    for outcome in attest.verify_many([envelope], bundle, artifacts=None, workers=1, **options):
        assert_type(outcome, attest.Outcome)
        assert_type(outcome.verified, attest.Verified | None)
    return verified


def decide(verified: attest.Verified, rules: attest.Policy) -> Iterator[results.Failure]:
    print(policy.rules.names(), policy.rules.named("sbom"))
    together = policy.decide(policy.policies_of(rules), [verified], artifacts=["app.whl"], now=NOW)
    assert_type(together, policy.Decisions)
    decision: attest.Decision = rules.decide([verified], artifacts=[attest.Artifact.of("app.whl")], now=NOW)
    for requirement in decision.requirements:
        assert_type(requirement, results.RequirementResult)
        yield from requirement.failures
    summary = policy.summarise(
        decision, rules, verifier="https://v.example", resource="pkg:pypi/x", artifacts=[], inputs={}, now=NOW
    )
    assert_type(summary, attest.Statement)


def together(paths: list[Path], bundle: attest.TrustBundle, rules: attest.Policy) -> list[str]:
    options: attest.CollectionOptions = {"policy": rules, "strict": True, "workers": 2}
    report = attest.verify_collection([*paths, b"{}"], bundle, artifacts=["app.whl"], **options)
    assert_type(report, attest.CollectionReport)
    for one in report.verified:
        assert_type(one, results.CheckedEnvelope)
    entries = sources.read_document("answer", b"{}")
    decided: results.CollectionReport = collection.decide(entries, bundle, artifacts=None, now=NOW, accept_vsa=True)
    assert_type(decided.refusal, attest.AttestError | None)
    reasons: tuple[results.Reason, ...] = decided.ignored
    print(collection.verify_collection is attest.verify_collection, collection.CollectionOptions)
    return [f"{reason.number} {reason.code}: {reason.error}" for reason in reasons]


def rule(attestation: policy.VerifiedAttestation, context: policy.Context) -> tuple[policy.Failure, ...]:
    print(attestation.name, context.now)
    return ()


def load() -> attest.TrustBundle:
    roots: attest.TrustRoots = trust.TrustRoots.from_json(b"{}")
    bundle = attest.TrustBundle.load("history.jsonl", root=roots, min_version=2)
    attest.TrustBundle.load(Path("history.jsonl"), root="1.signed.json")
    anchor: attest.TrustAnchor = bundle.anchor("release")
    key: attest.TrustKey = anchor.keys[0]
    authorities: tuple[timestamps.TimestampAuthority, ...] = bundle.timestamp_authorities
    changed = trust.editing.rotate(
        bundle, "release", "0", trust.editing.describe_key(key.public_key), now=NOW, overlap=timedelta(days=1)
    )
    print(authorities, trust.lint.check(changed, now=NOW), trust.diff.diff(bundle, changed))
    print(trust.basis.demand_based_on(changed, bundle))
    selected = trust.editing.IdentitySelector("uri", "https://github.com/acme/**", issuer="https://gitlab.com")
    entry = trust.authorities.describe_authority(b"{}", log="none")
    named = trust.editing.describe_identity("uri", "https://github.com/acme/**", "github", claims={}, issuer=None)
    more = trust.editing.add(changed, "release", [], now=NOW, identities=[named], authorities={"github": entry})
    less = trust.editing.revoke(trust.authorities.replace(more, "github", entry, now=NOW), selected, now=NOW)
    identities: tuple[trust.TrustIdentity, ...] = less.anchors["release"].identities
    print(identities, trust.authorities.remove(less, "github", now=NOW).authorities)
    print(trust.permission.not_allowed, trust.signers.signing_keys(bundle, "release", now=NOW))
    print(trust.history.read(b""), trust.signing.signable(b""))
    reviewed = trust.review.review(trust.history.read(b""), bundle)
    print(reviewed.checks, [finding.code for finding in reviewed.findings])
    published = trust.fetching.fetch("https://trust.example.com/history.jsonl")
    options = oci.options.StoreOptions(credentials=oci.credentials.Credentials.of({}), timeout=1.0)
    print(trust.publishing.publish(b"", "oci:ghcr.io/acme/trust:latest", file="trust.json", options=options).update)
    print(attest.oci, oci.about.by_platform, oci.attaching.attach)
    print(trust.updating.update(b"", published, file="history.jsonl", source="the server").changed)
    return changed


def resign(envelope: bytes, bundle: attest.TrustBundle, signer: attest.Signer) -> bytes | None:
    counting = resigning.anchors_of(signer.public_key, bundle, now=NOW)
    print(resigning.outlook(envelope, bundle, bundle, now=NOW, end=NOW).verdict)
    return resigning.countersign(envelope, bundle, signer, counting, now=NOW, allow_simulated=True)


def build() -> attest.Statement:
    report = evidence.read(b"", form="junit", details={"url": "https://example.com"})
    assert_type(report, evidence.ReportPredicate)
    paths: list[evidence.ReportPath] = evidence.find(["reports"])
    assert_type(evidence.read_files(paths, details={}), evidence.ReportPredicate)
    found: list[attest.ResourceDescriptor] = subjects.from_arguments(["*.whl"])
    found += images.from_images(["ghcr.io/acme/app:1"], platform="linux/amd64")
    found += checksums.from_checksums([("SHA256SUMS", b"")])
    print(packages.purl("app.whl"), ci.detect({}, "."), ci.names(), evidence.formats(), building_evidence.MAX_REPORT)
    ran = run.process.run(["true"], environment={})
    done = run.record.RunRecord("s", ran, [], found, {}, run.masking.Masker({}, ()))
    print(run.snapshot.take, run.tracing.trace, attest.building.trees.find, evidence.MAX_REPORT)
    details: evidence.Details = {}
    reading: type[evidence.ReportFile] = evidence.ReportFile
    print(details, reading, attest.evidence is evidence, attest.building.ci is ci)
    schemas: attest.PredicateSchemas = attest.PredicateSchemas.load("schemas")
    print(run.record.link(done))
    link = predicates.Link(name="compile", command=["cc"])
    return attest.Statement.build(found, predicate=link, schemas=schemas)


def read() -> Iterator[attest.Envelope]:
    for one in sources.read_all(["attestations.jsonl"]):
        assert_type(one, sources.ReadEnvelope)
        if one.envelope is not None:
            yield one.envelope
    with sources.image("registry.example.com/app:1") as image:
        beside: sources.Image = image
        report = attest.verify_collection(beside, attest.TrustBundle.load("trust.json"), artifacts=[image.artifact])
        print(image.digest, report.verified)
        for stored in image.stored():
            assert_type(stored, sources.StoredAttestation)
            form: converting.Form = converting.FORMS[0]
            if stored.entry.envelope is not None:
                print(converting.attachable(stored.entry.envelope, form).media_type)
    for found in sources.read(b""):
        assert_type(found, sources.UnverifiedEnvelope)
        print(found.unchecked)
        yield found.envelope
    yield sources.read_single(b"").envelope
    yield sources.read_layer(b"", {"predicateType": "x"}).envelope


class Acme:
    """What other packages add: a scheme, a report format and a container."""

    DETAILS: tuple[str, ...] = ()

    def open_signer(self, uri: signers.SignerURI, secrets: attest.Secrets | None) -> attest.Signer:
        print(secrets)
        return attest.open_signer(f"sim:{uri.text}")

    def recognises(self, report: evidence.ReportFile) -> bool:
        return report.data.startswith(b"acme")

    def read(self, report: evidence.ReportFile, details: evidence.Details, *, check: bool) -> evidence.ReportPredicate:
        print(report, details, check)
        return evidence.ReportPredicate(("https://example.com/review/v1",), {})


class Box:
    def recognises(self, document: sources.Document) -> bool:
        return document.data.startswith(b"box")

    def read(self, document: sources.Document) -> list[sources.UnverifiedEnvelope]:
        return [sources.UnverifiedEnvelope(attest.Envelope.from_json(document.data[3:]))]


scheme: signers.Scheme = Acme()
report_format: evidence.ReportFormat = Acme()
container: sources.Container = Box()


def others(signer: attest.Signer) -> None:
    key: attest.PublicKey = keys.PublicKey.parse(b"")
    certificate: keys.Certificate | None = keys.certificate(b"")
    algorithm: attest.Algorithm = keys.algorithm_named("ed25519")
    print(keys.AES_ALGORITHMS, keys.ALGORITHMS, keys.HSM_ALGORITHMS, keys.SIMULATED_PREFIX, certificate, algorithm)
    print(interop.to_securesystemslib(signer), interop.key_to_securesystemslib(key), interop.register)
    print(interop.key_from_securesystemslib, signers.SignerURI.parse("sim:x"), signers.schemes())
    print(signers.load_profiles("config.toml")["release"].quorum, bulk.Outcome, policy.Rule, signers.Signer)
    print(attest.bulk, attest.interop, attest.keys, attest.policy, attest.predicates, attest.resigning, attest.results)
    print(attest.signers, attest.signing, attest.sources, attest.timestamps, attest.trust, attest.__version__)


BUILDERS: list[type[predicates.Predicate]] = [
    predicates.AttributeReport,
    predicates.Provenance,
    predicates.Reference,
    predicates.Release,
    predicates.RuntimeTrace,
    predicates.SimpleVerificationResult,
    predicates.TestResult,
    predicates.VerificationSummary,
    predicates.Vulnerabilities,
]
PARTS: list[type[object]] = [
    predicates.Attester,
    predicates.AttributeAssertion,
    predicates.BuildDefinition,
    predicates.BuildMetadata,
    predicates.Builder,
    predicates.Failed,
    predicates.Monitor,
    predicates.MonitorLog,
    predicates.MonitoredProcess,
    predicates.RunDetails,
    predicates.ScanMetadata,
    predicates.Scanner,
    predicates.Severity,
    predicates.SimpleVerifier,
    predicates.TraceMetadata,
    predicates.Verifier,
    predicates.Vulnerability,
    predicates.VulnerabilityDatabase,
]
FUNCTIONS: list[object] = [
    predicates.Official,
    predicates.builder_for,
    predicates.failed,
    predicates.from_official,
    predicates.from_statement,
    predicates.timestamp,
    predicates.to_official,
]
RESULTS: list[type[object]] = [
    results.Decision,
    results.Decisions,
    results.Rejected,
    results.Report,
    results.SignatureCheck,
    results.Note,
    results.Verified,
    policy.Decision,
    policy.Policy,
    policy.RequirementResult,
    evidence.ReportPredicate,
    timestamps.Timestamper,
    signers.SecretRequest,
    trust.SignerChecks,
    trust.TrustAnchor,
    trust.TrustBundle,
    trust.TrustIdentity,
    trust.TrustKey,
]
CALLS: list[object] = [signers.Secrets, signers.generate_key, signers.open_signer, signing.signable]
