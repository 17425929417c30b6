"""Scenarios of signed trust bundles: what a chain of versions leads to, and everything it is refused for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.vectors_keys import ALICE, BOB, CAROL, P256, P384, RSA, SIMULATED, STRANGER, Key
from tests.vectors_parts import (
    Case,
    anchor,
    bundle,
    case,
    compact,
    envelope_of,
    error,
    indented,
    rejected,
    row,
    signature,
    trust_key,
    verified,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_KIND = "application/vnd.attest.trust-bundle+json"
_TUF = "TUF specification section 5.3: version n + 1 is signed by the roots of n and by its own"
_OWN = "design: a trust bundle may itself be signed, and is never taken for signed without it"
# The roots; ALICE signs the attestation, and is the anchor.
_A, _B, _C, _D = BOB, CAROL, P256, P384


def cases() -> Iterator[Case]:
    yield from _accepted()
    yield from _thresholds()
    yield from _order()
    yield from _statuses()
    yield from _files()
    yield from _documents()


def _roots(*keys: Key | Mapping[str, Any], threshold: Any = 1) -> dict[str, Any]:
    return {"threshold": threshold, "keys": [trust_key(one) if isinstance(one, Key) else one for one in keys]}


def _version(number: int, *keys: Key | Mapping[str, Any], threshold: Any = 2, **fields: Any) -> bytes:
    return compact(bundle(anchor(ALICE), version=number, roots=_roots(*keys, threshold=threshold), **fields))


def _signed(payload: bytes, *signed: Key | Mapping[str, Any], kind: str = _KIND) -> bytes:
    return compact(envelope_of(*signed, payload=payload, payload_type=kind)) + b"\n"


def _case(
    name: str, title: str, why: str, expect: Mapping[str, Any], trust: bytes, root: bytes | None = None, **options: Any
) -> Case:
    if root is None:
        return case(f"trust-chain-{name}", title, why, expect, trust=trust, **options)
    files = {"trust-root.json": root}
    return case(
        f"trust-chain-{name}", title, why, expect, trust=trust, files=files, trust_root="trust-root.json", **options
    )


def _no(code: str) -> dict[str, Any]:
    """A no to the trust bundle, before any signature on the attestation was judged."""
    return {"outcome": "rejected", "code": code}


_ONE, _TWO, _THREE = _version(1, _A, _B, _C), _version(2, _A, _B, _C), _version(3, _B, _C, _D)
_FOUR = _version(4, _C, _D, RSA)
_S1, _S2, _S3, _S4 = _signed(_ONE, _A, _B), _signed(_TWO, _B, _C), _signed(_THREE, _B, _C), _signed(_FOUR, _C, _D)
_ALONE = indented({"mediaType": "application/vnd.attest.trust-roots.v1+json", **_roots(_A, _B, _C, threshold=2)})
_FEW = "root-threshold-not-met"


def _accepted() -> Iterator[Case]:
    yes = verified(None)
    lines: dict[str, tuple[str, bytes, bytes]] = {
        "next-version": ("The next version is signed by the roots before it and by its own.", _S2, _ONE),
        "from-a-signed-bundle": ("The trust root may be a signed bundle itself.", _S2, _S1),
        "from-the-last-of-a-history": ("Of a history the last version is the trust root.", _S3, _S1 + _S2),
        "over-a-rotation": ("A root is replaced where enough of the others stay.", _S3, _TWO),
        "walked": ("Versions are walked one by one, each by the roots of the one before.", _S1 + _S2 + _S3 + _S4, _ONE),
        "from-the-middle": ("What is older than the trust root is passed over.", _S1 + _S2 + _S3 + _S4, _THREE),
        "of-the-same-version": ("The trust root itself is accepted by its bytes.", _S2, _TWO),
        "from-roots-alone": ("The first version is signed by the given roots and by its own.", _S1 + _S2, _ALONE),
        "from-roots-alone-in-the-middle": ("From roots alone a history may begin anywhere.", _S2, _ALONE),
        "with-signatures-of-strangers": (
            "Signatures that count for nothing take nothing away.",
            _signed(_TWO, STRANGER, ALICE, _A, _A, _B, signature(_C, _ONE, _KIND)),
            _ONE,
        ),
        "with-keyids-of-others": (
            "A keyid is a hint and decides nothing.",
            _signed(_TWO, *(signature(key, _TWO, _KIND, keyid=STRANGER.keyid) for key in (_A, _B))),
            _ONE,
        ),
        "without-keyids": (
            "A keyid may be absent.",
            _signed(_TWO, *(signature(key, _TWO, _KIND, keyid=None) for key in (_A, _B))),
            _ONE,
        ),
    }
    for name, (title, trust, root) in lines.items():
        yield _case(name, title, _TUF, yes, trust, root)
    yield _case(
        "written-over-several-lines",
        "One envelope may be written as any JSON.",
        _OWN,
        yes,
        indented(json.loads(_S2)),
        _ONE,
    )
    yield _case(
        "min-version-met", "The lowest version that is accepted is accepted.", _OWN, yes, _S2, _ONE, trust_min_version=2
    )


def _thresholds() -> Iterator[Case]:
    rotated = _version(2, _C, _D, RSA)
    shared = _signed(_TWO, _A)
    twice: dict[str, Sequence[Key | Mapping[str, Any]]] = {
        "twice": (_A, _A),
        "under-two-keyids": (_A, signature(_A, _TWO, _KIND, keyid=_B.keyid)),
    }
    for name, entries in twice.items():
        yield _case(f"one-root-{name}", "A root counts once.", row(1, 2), _no(_FEW), _signed(_TWO, *entries), _ONE)
    refused: dict[str, tuple[str, bytes, bytes]] = {
        "too-few-old-roots": ("One root before it is too few.", shared, _ONE),
        "no-old-roots": ("Its own roots can't vouch for a version.", _signed(rotated, _D, _C), _ONE),
        "no-own-roots": ("A version must be signed by its own roots too.", _signed(rotated, _A, _B), _ONE),
        "too-few-own-roots": ("One of its own roots is too few.", _signed(rotated, _A, _B, _C), _ONE),
        "own-threshold-lowered": (
            "A version can't lower the threshold by which it is accepted.",
            _signed(_version(2, _A, _B, _C, threshold=1), _A),
            _ONE,
        ),
        "own-threshold-raised": (
            "A version needs as many of its own roots as it says itself.",
            _signed(_version(2, _A, _B, _C, threshold=3), _A, _B),
            _ONE,
        ),
        "unsigned": ("An envelope without signatures is signed by nobody.", _signed(_TWO), _ONE),
        "signed-by-strangers": ("Strangers are no roots.", _signed(_TWO, STRANGER, ALICE, _D), _ONE),
        "signed-by-an-anchor": ("An anchor's key is no root.", _signed(_TWO, ALICE, _A), _ONE),
        "signatures-of-another-version": (
            "A signature is of one version.",
            _signed(_TWO, *(signature(key, _ONE, _KIND) for key in (_A, _B))),
            _ONE,
        ),
        "signatures-over-another-type": (
            "A root's signature over another type of payload is none of a trust bundle.",
            _signed(_TWO, *(signature(key, _TWO, "application/vnd.in-toto+json") for key in (_A, _B))),
            _ONE,
        ),
        "payload-altered": (
            "The exact bytes are what is signed.",
            _signed(_TWO + b" ", *(signature(key, _TWO, _KIND) for key in (_A, _B))),
            _ONE,
        ),
        "not-by-the-given-roots": ("The first version needs the given roots.", _signed(_FOUR, _C, _D), _ALONE),
        "too-few-of-the-given-roots": ("One given root is too few.", _signed(_THREE, _B, _D), _ALONE),
        "too-few-in-the-middle": (
            "Every version on the way must be signed well enough.",
            _S1 + _signed(_TWO, _B) + _S3 + _S4,
            _ONE,
        ),
    }
    for name, (title, trust, root) in refused.items():
        yield _case(name, title, _TUF, _no(_FEW), trust, root)


def _order() -> Iterator[Case]:
    fork = _signed(_version(2, _A, _B, _C, issued="2026-01-01T00:00:00Z"), _A, _B)
    rows: dict[str, tuple[str, str, bytes, bytes]] = {
        "gap": ("A version can't be left out.", "trust-version-gap", _S3, _ONE),
        "gap-in-the-middle": ("A version can't be left out on the way.", "trust-version-gap", _S2 + _S4, _ONE),
        "gap-below-the-root": ("A history with a gap is none.", "trust-version-gap", _S1 + _S3 + _S4, _THREE),
        "rollback": ("A version older than the trust root is refused.", "trust-rollback", _S2, _THREE),
        "rollback-of-a-history": (
            "A history that ends before the root is refused.",
            "trust-rollback",
            _S1 + _S2,
            _THREE,
        ),
        "out-of-order": ("A history is oldest first.", "trust-rollback", _S2 + _S1 + _S3, _ONE),
        "newest-first": ("A history is oldest first.", "trust-rollback", _S3 + _S2 + _S1, _ONE),
        "a-version-twice": ("A version stands once in a history.", "trust-rollback", _S2 + _S2 + _S3, _ONE),
        "fork": ("A version as old as the trust root is the trust root.", "trust-fork", fork, _TWO),
        "fork-in-a-history": ("So it is on the way.", "trust-fork", fork + _S3, _TWO),
        "same-version-in-other-bytes": (
            "The bytes are what is compared, not what they mean.",
            "trust-fork",
            _S2,
            indented(json.loads(_TWO)),
        ),
    }
    for name, (title, code, trust, root) in rows.items():
        yield _case(name, title, _TUF, _no(code), trust, root)
    yield _case(
        "below-the-min-version",
        "A lower version than was asked for is refused.",
        _OWN,
        _no("trust-rollback"),
        _S1 + _S2,
        _ONE,
        trust_min_version=3,
    )
    yield _case(
        "plain-below-the-min-version",
        "So it is of a plain bundle.",
        _OWN,
        _no("trust-rollback"),
        _ONE,
        trust_min_version=2,
    )


def _statuses() -> Iterator[Case]:
    for status in ("retired", "compromised"):
        lost = trust_key(_B, status=status)
        yield _case(
            f"old-root-{status}",
            f"A {status} root counts nowhere.",
            row(6),
            _no(_FEW),
            _signed(_TWO, _A, _B),
            _version(1, _A, lost, _C),
        )
        yield _case(
            f"own-root-{status}",
            f"A root that a version calls {status} doesn't count as one of its own.",
            row(6),
            _no(_FEW),
            _signed(_version(2, _A, lost, _C), _A, _B),
            _ONE,
        )
        yield _case(
            f"root-{status}-and-replaced",
            f"A root of the version before may sign the one that calls it {status}.",
            _TUF,
            verified(None),
            _signed(_version(2, _A, lost, _C), _A, _B, _C),
            _ONE,
        )
    simulated = trust_key(SIMULATED, backend="sim")
    root, trust = _version(1, simulated, threshold=1), _signed(_version(2, simulated, threshold=1), SIMULATED)
    yield _case("simulated-root", "A simulated root signs nothing.", _OWN, _no(_FEW), trust, root)
    yield _case(
        "simulated-root-allowed", "Unless it is asked for.", _OWN, verified(None), trust, root, allow_simulated=True
    )
    past, future = "2026-06-30T00:00:00Z", "2027-01-01T00:00:00Z"
    ended = _signed(_version(2, _A, _B, _C, expires=past), _A, _B)
    yield _case(
        "expired", "The last version must not have expired.", _TUF, rejected("trust-expired", None), ended, _ONE
    )
    yield _case(
        "expired-on-the-way",
        "Of the versions on the way and of the root it doesn't matter.",
        _TUF,
        verified(None),
        ended + _signed(_version(3, _A, _B, _C, expires=future), _A, _B),
        _version(1, _A, _B, _C, expires=past),
    )


def _files() -> Iterator[Case]:
    plain = compact(bundle(anchor(ALICE)))
    rows: dict[str, tuple[str, dict[str, Any], bytes, bytes | None]] = {
        "without-a-root": ("A signed bundle isn't read as a plain one.", error("trust-root-missing"), _S2, None),
        "history-without-a-root": ("Nor is a history.", error("trust-root-missing"), _S1 + _S2, None),
        "plain-where-signed-was-asked-for": (
            "A plain bundle isn't taken for a signed one.",
            _no("trust-unsigned"),
            _TWO,
            _ONE,
        ),
        "plain-that-is-the-root": ("Not even the trust root itself.", _no("trust-unsigned"), _ONE, _ONE),
        "of-no-roots": (
            "A bundle without roots can't be signed.",
            error("roots-missing"),
            _signed(plain.replace(b'"version":1', b'"version":2'), _A, _B),
            _ONE,
        ),
        "root-without-roots": ("A bundle without roots vouches for none.", error("roots-missing"), _S2, plain),
        "of-a-statement": (
            "An envelope of something else is no trust bundle.",
            error("trust-invalid"),
            _signed(_TWO, _A, _B, kind="application/vnd.in-toto+json"),
            _ONE,
        ),
        "of-the-media-type": (
            "The payload type is the one of signed trust bundles.",
            error("trust-invalid"),
            _signed(_TWO, _A, _B, kind="application/vnd.attest.trust-bundle.v1+json"),
            _ONE,
        ),
        "in-an-envelope-twice": (
            "A signed bundle isn't signed again.",
            error("trust-signed"),
            _signed(_S2, _A, _B),
            _ONE,
        ),
        "plain-line": ("Every line is an envelope.", error("envelope-invalid"), _S1 + _TWO + b"\n" + _S3, _ONE),
        "line-cut-short": ("Every line is whole.", error("json-invalid"), _S1 + _S2[:-9] + b"\n" + _S3, _ONE),
        "two-on-a-line": ("A line holds one envelope.", error("json-invalid"), _S1.strip() + _S2, _ONE),
        "too-many-versions": (
            "A history has its limit.",
            error("trust-history-too-long"),
            compact(envelope_of(payload=b"", payload_type=_KIND)).join([b"\n"] * 1026),
            _ONE,
        ),
        "root-of-another-type": (
            "A trust root is roots or a trust bundle.",
            error("trust-invalid"),
            _S2,
            _ALONE.replace(b"trust-roots.v1", b"trust-roots.v2"),
        ),
        "roots-alone-with-a-threshold-too-high": (
            "Roots alone are validated as those of a bundle.",
            error("threshold-unreachable"),
            _S2,
            _ALONE.replace(b'"threshold": 2', b'"threshold": 4'),
        ),
    }
    for name, (title, expect, trust, root) in rows.items():
        yield _case(name, title, _OWN, expect, trust, root)


def _documents() -> Iterator[Case]:
    rows: dict[str, tuple[str, str, dict[str, Any]]] = {
        "threshold-zero": ("No roots are too few.", "trust-invalid", _roots(_A, threshold=0)),
        "threshold-too-high": ("There are fewer roots.", "threshold-unreachable", _roots(_A, threshold=2)),
        "threshold-a-fraction": ("A threshold is a whole number.", "trust-invalid", _roots(_A, threshold=1.0)),
        "without-keys": ("Roots have keys.", "threshold-unreachable", _roots()),
        "a-root-twice": ("A root is listed once.", "key-duplicate", _roots(_A, _B, _A)),
        "a-root-with-a-window": (
            "Roots have no windows, which nobody would enforce.",
            "trust-invalid",
            _roots(trust_key(_A, not_after="2027-01-01T00:00:00Z")),
        ),
        "a-root-that-is-an-anchors-key": ("A root signs trust bundles alone.", "root-is-anchor-key", _roots(_A, ALICE)),
        "an-anchors-key-that-was-a-root": (
            "Whatever its status.",
            "root-is-anchor-key",
            _roots(_A, trust_key(ALICE, status="retired")),
        ),
    }
    for name, (title, code, roots) in rows.items():
        yield case(f"trust-roots-{name}", title, _OWN, error(code), trust=bundle(anchor(ALICE), roots=roots))
    yield case(
        "trust-roots-are-no-anchors",
        "A root vouches for no attestation.",
        _OWN,
        rejected("threshold-not-met", "key-unknown"),
        envelope=envelope_of(_A),
        trust=bundle(anchor(ALICE), roots=_roots(_A)),
    )
