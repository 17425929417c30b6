"""What OpenVEX documents say of a vulnerability in an artifact (OpenVEX specification 0.2.0).

Rule: a document is taken whole: of its statements about one vulnerability and product the latest counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attest._codec import parse_time
from attest.digest import STRONG
from attest.errors import InputError
from attest.policy._ages import SKEW, too_old
from attest.predicate_schemas import OURS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from datetime import datetime

    from attest.artifacts import Artifact
    from attest.policy._shapes import Context, Evidence

_HARMLESS: Final = ("not_affected", "fixed")
# OpenVEX names hashes as IANA does, in-toto as its digests are named.
_HASHES: Final[Mapping[str, str]] = {
    "sha-256": "sha256",
    "sha-384": "sha384",
    "sha-512": "sha512",
    "sha3-256": "sha3_256",
}


def cleared(context: Context, settings: Mapping[str, Any]) -> set[str]:
    """The vulnerabilities that a document vouched for by one of `vex_anchors` says don't concern the artifact."""
    anchors: Collection[str] = settings["vex_anchors"]
    max_age: str | None = settings.get("vex_max_age")
    types = OURS.uris("openvex")
    found: set[str] = set()
    for evidence in context.evidence:
        if evidence.statement.predicate_type not in types or not evidence.vouched_by(anchors):
            continue
        if context.artifact is None or not evidence.about(context.artifact):
            continue
        if max_age is not None and any(too_old(evidence, None, max_age, context.now)):
            continue
        found |= _cleared_by(evidence, context.artifact, context.now)
    return found


def _cleared_by(evidence: Evidence, artifact: Artifact, now: datetime) -> set[str]:
    document = evidence.predicate
    statements = document.get("statements")
    latest: dict[str, tuple[datetime, bool]] = {}
    for entry in statements if isinstance(statements, list) else ():
        if not isinstance(entry, dict) or not _concerns(entry, evidence, artifact):
            continue
        try:
            time = parse_time(entry.get("timestamp", document.get("timestamp")), where="")
        except InputError:
            return set()  # without times nobody can tell which statement replaces which
        harmless = entry.get("status") in _HARMLESS
        if harmless and time > now + SKEW:
            continue
        for name in _names(entry.get("vulnerability")):
            if name not in latest or time > latest[name][0]:
                latest[name] = time, harmless
            elif time == latest[name][0]:
                latest[name] = time, harmless and latest[name][1]
    return {name for name, (_, harmless) in latest.items() if harmless}


def _names(vulnerability: Any) -> Iterator[str]:
    if isinstance(vulnerability, dict):
        aliases = vulnerability.get("aliases")
        for name in (vulnerability.get("name"), *(aliases if isinstance(aliases, list) else ())):
            if isinstance(name, str):
                yield name


def _concerns(entry: Mapping[str, Any], evidence: Evidence, artifact: Artifact) -> bool:
    """Whether a statement is about the artifact: it names no product, or one that is the artifact or its subject."""
    products = entry.get("products")
    if not products:
        return True  # the attestation's subjects are meant, and the artifact is one of them
    own = {
        name
        for subject in evidence.subjects
        if _same(subject["digest"], artifact.digests)
        for name in (subject.get("name"), subject.get("uri"))
        if isinstance(name, str)
    }
    return isinstance(products, list) and any(_is(product, own, artifact) for product in products)


def _is(product: Any, own: Collection[str], artifact: Artifact) -> bool:
    if not isinstance(product, dict):
        return False
    hashes = product.get("hashes")
    if isinstance(hashes, dict) and hashes:
        return _same({_HASHES.get(name, name): value for name, value in hashes.items()}, artifact.digests)
    identifiers = product.get("identifiers")
    named = [product.get("@id"), *(identifiers.values() if isinstance(identifiers, dict) else ())]
    return any(isinstance(name, str) and name in own for name in named)


def _same(one: Mapping[str, Any], other: Mapping[str, str]) -> bool:
    """Whether two sets of digests have a strong one in common and none that differs."""
    common = [name for name in one if name in other]
    return not STRONG.isdisjoint(common) and all(str(one[name]).lower() == other[name] for name in common)
