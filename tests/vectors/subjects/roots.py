"""Scenarios of roots and of files that hold signed trust bundles: statuses, dates, and what can't be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.vectors.keys import ALICE, SIMULATED
from tests.vectors.parts import (
    anchor,
    bundle,
    case,
    compact,
    envelope_of,
    error,
    rejected,
    row,
    trust_key,
    verified,
)
from tests.vectors.subjects.chain import (
    ALONE,
    FEW,
    KIND,
    ONE,
    OWN,
    S1,
    S2,
    S3,
    TUF,
    TWO,
    A,
    B,
    C,
    chain_case,
    no,
    roots,
    signed_version,
    version,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.vectors.scenarios import Scenario


def cases() -> Iterator[Scenario]:
    yield from _statuses()
    yield from _files()
    yield from _documents()


def _statuses() -> Iterator[Scenario]:
    for status in ("retired", "compromised"):
        lost = trust_key(B, status=status)
        yield chain_case(
            f"old-root-{status}",
            f"A {status} root counts nowhere.",
            row(6),
            no(FEW),
            signed_version(TWO, A, B),
            version(1, A, lost, C),
        )
        yield chain_case(
            f"own-root-{status}",
            f"A root that a version calls {status} doesn't count as one of its own.",
            row(6),
            no(FEW),
            signed_version(version(2, A, lost, C), A, B),
            ONE,
        )
        yield chain_case(
            f"root-{status}-and-replaced",
            f"A root of the version before may sign the one that calls it {status}.",
            TUF,
            verified(None),
            signed_version(version(2, A, lost, C), A, B, C),
            ONE,
        )
    simulated = trust_key(SIMULATED, backend="sim")
    root, trust = version(1, simulated, threshold=1), signed_version(version(2, simulated, threshold=1), SIMULATED)
    yield chain_case("simulated-root", "A simulated root signs nothing.", OWN, no(FEW), trust, root)
    yield chain_case(
        "simulated-root-allowed", "Unless it is asked for.", OWN, verified(None), trust, root, allow_simulated=True
    )
    past, future = "2026-06-30T00:00:00Z", "2027-01-01T00:00:00Z"
    ended = signed_version(version(2, A, B, C, expires=past), A, B)
    yield chain_case(
        "expired", "The last version must not have expired.", TUF, rejected("trust-expired", None), ended, ONE
    )
    yield chain_case(
        "expired-on-the-way",
        "Of the versions on the way and of the root it doesn't matter.",
        TUF,
        verified(None),
        ended + signed_version(version(3, A, B, C, expires=future), A, B),
        version(1, A, B, C, expires=past),
    )


def _files() -> Iterator[Scenario]:
    plain = compact(bundle(anchor(ALICE)))
    rows: dict[str, tuple[str, dict[str, Any], bytes, bytes | None]] = {
        "without-a-root": ("A signed bundle isn't read as a plain one.", error("trust-root-missing"), S2, None),
        "history-without-a-root": ("Nor is a history.", error("trust-root-missing"), S1 + S2, None),
        "plain-where-signed-was-asked-for": (
            "A plain bundle isn't taken for a signed one.",
            no("trust-unsigned"),
            TWO,
            ONE,
        ),
        "plain-that-is-the-root": ("Not even the trust root itself.", no("trust-unsigned"), ONE, ONE),
        "of-no-roots": (
            "A bundle without roots can't be signed.",
            error("roots-missing"),
            signed_version(plain.replace(b'"version":1', b'"version":2'), A, B),
            ONE,
        ),
        "root-without-roots": ("A bundle without roots vouches for none.", error("roots-missing"), S2, plain),
        "of-a-statement": (
            "An envelope of something else is no trust bundle.",
            error("trust-invalid"),
            signed_version(TWO, A, B, kind="application/vnd.in-toto+json"),
            ONE,
        ),
        "of-the-media-type": (
            "The payload type is the one of signed trust bundles.",
            error("trust-invalid"),
            signed_version(TWO, A, B, kind="application/vnd.attest.trust-bundle.v1+json"),
            ONE,
        ),
        "in-an-envelope-twice": (
            "A signed bundle isn't signed again.",
            error("trust-signed"),
            signed_version(S2, A, B),
            ONE,
        ),
        "plain-line": ("Every line is an envelope.", error("envelope-invalid"), S1 + TWO + b"\n" + S3, ONE),
        "line-cut-short": ("Every line is whole.", error("json-invalid"), S1 + S2[:-9] + b"\n" + S3, ONE),
        "two-on-a-line": ("A line holds one envelope.", error("json-invalid"), S1.strip() + S2, ONE),
        "too-many-versions": (
            "A history has its limit.",
            error("trust-history-too-long"),
            compact(envelope_of(payload=b"", payload_type=KIND)).join([b"\n"] * 1026),
            ONE,
        ),
        "root-of-another-type": (
            "A trust root is roots or a trust bundle.",
            error("trust-invalid"),
            S2,
            ALONE.replace(b"trust-roots.v1", b"trust-roots.v2"),
        ),
        "roots-alone-with-a-threshold-too-high": (
            "Roots alone are validated as those of a bundle.",
            error("threshold-unreachable"),
            S2,
            ALONE.replace(b'"threshold": 2', b'"threshold": 4'),
        ),
    }
    for name, (title, expect, trust, root) in rows.items():
        yield chain_case(name, title, OWN, expect, trust, root)


def _documents() -> Iterator[Scenario]:
    rows: dict[str, tuple[str, str, dict[str, Any]]] = {
        "threshold-zero": ("No roots are too few.", "trust-invalid", roots(A, threshold=0)),
        "threshold-too-high": ("There are fewer roots.", "threshold-unreachable", roots(A, threshold=2)),
        "threshold-a-fraction": ("A threshold is a whole number.", "trust-invalid", roots(A, threshold=1.0)),
        "without-keys": ("Roots have keys.", "threshold-unreachable", roots()),
        "a-root-twice": ("A root is listed once.", "key-duplicate", roots(A, B, A)),
        "a-root-with-a-window": (
            "Roots have no windows, which nobody would enforce.",
            "trust-invalid",
            roots(trust_key(A, not_after="2027-01-01T00:00:00Z")),
        ),
        "a-root-that-is-an-anchors-key": ("A root signs trust bundles alone.", "root-is-anchor-key", roots(A, ALICE)),
        "an-anchors-key-that-was-a-root": (
            "Whatever its status.",
            "root-is-anchor-key",
            roots(A, trust_key(ALICE, status="retired")),
        ),
    }
    for name, (title, code, entry) in rows.items():
        yield case(f"trust-roots-{name}", title, OWN, error(code), trust=bundle(anchor(ALICE), roots=entry))
    yield case(
        "trust-roots-are-no-anchors",
        "A root vouches for no attestation.",
        OWN,
        rejected("threshold-not-met", "key-unknown"),
        envelope=envelope_of(A),
        trust=bundle(anchor(ALICE), roots=roots(A)),
    )
