"""What OpenVEX documents say about a vulnerability in an artifact (OpenVEX specification 0.2.0).

Rule: a document counts as a whole: of its statements about one vulnerability and product the latest counts.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from attest._base.times import parse_time
from attest.digest import compare, gather
from attest.errors import InputError
from attest.policy._ages import SKEW, too_old
from attest.schema.predicate_types import OURS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from datetime import datetime

    from attest.artifacts import Artifact
    from attest.policy._shapes import Context, VerifiedAttestation

_HARMLESS: Final = ("not_affected", "fixed")
_MAX_NAME: Final = 1024  # of a part for which its beginnings are names too


class _Statuses:
    """The latest statuses of one vulnerability in one document, by part, with their times.

    There may be many statements and findings, so they are not compared in pairs.
    """

    def __init__(self) -> None:
        self._harmful: datetime | None = None
        self._harmless: dict[str | None, datetime] = {}  # by the part, None for the whole product

    def add(self, time: datetime, parts: Iterable[str | None], *, harmless: bool) -> None:
        """Add one statement, which is about these parts."""
        if not harmless:
            self._harmful = _later(time, self._harmful)
            return
        for part in parts:
            self._harmless[part] = _later(time, self._harmless.get(part))

    def clear(self, parts: Iterable[str]) -> bool:
        """Whether the latest status of one of these parts, or of the whole product, is harmless."""
        named = {None, *(name for part in parts for name in _names_of(part))}
        last = max((self._harmless[name] for name in named if name in self._harmless), default=None)
        return last is not None and (self._harmful is None or last > self._harmful)


def statuses(context: Context, settings: Mapping[str, Any]) -> list[dict[str, _Statuses]]:
    """What each document signed for one of `vex_anchors` says about the artifact, by vulnerability."""
    anchors: Collection[str] = settings["vex_anchors"]
    max_age: str | None = settings.get("vex_max_age")
    types = OURS.uris("openvex")
    found = []
    for evidence in context.evidence:
        if evidence.statement.predicate_type not in types or not evidence.signed_for(anchors):
            continue
        if context.artifact is None or not evidence.about(context.artifact):
            continue
        if max_age is not None and any(too_old(evidence, None, max_age, context.now)):
            continue
        found.append(_statuses(evidence, context.artifact, context.now))
    return found


def clears(documents: Iterable[Mapping[str, _Statuses]], name: str, parts: Collection[str]) -> bool:
    """Whether a document says that a vulnerability, found in `parts` of the artifact, does not affect it.

    A statement about some parts clears a finding in one of them. It does not clear a finding without parts.
    """
    return any(name in document and document[name].clear(parts) for document in documents)


def _names_of(part: str) -> Iterator[str]:
    """The names of a part: its own and, if it is a purl, those without its version or qualifiers."""
    yield part
    if len(part) <= _MAX_NAME:
        yield from (part[:at] for at, character in enumerate(part) if character in "@?#")


def _later(one: datetime, other: datetime | None) -> datetime:
    return one if other is None or one > other else other


def _statuses(evidence: VerifiedAttestation, artifact: Artifact, now: datetime) -> dict[str, _Statuses]:
    document = evidence.predicate
    statements = document.get("statements")
    found: dict[str, _Statuses] = defaultdict(_Statuses)
    for entry in statements if isinstance(statements, list) else ():
        if not _is_readable(entry):
            return {}  # it may contradict another one
        concerned = _concerned(entry, evidence, artifact)
        if not concerned:
            continue
        try:
            time = parse_time(entry.get("timestamp", document.get("timestamp")), where="")
        except InputError:
            return {}  # without times it is unknown which statement replaces which
        harmless = entry.get("status") in _HARMLESS
        if harmless and time > now + SKEW:
            continue
        parts = _parts(concerned)
        for name in _names(entry.get("vulnerability")):
            found[name].add(time, parts, harmless=harmless)
    return found


def _is_readable(entry: Any) -> bool:
    """Whether it is clear what a statement is about. The form of version 0.0.1 is not read."""
    if not isinstance(entry, dict) or not isinstance(entry.get("vulnerability"), dict):
        return False
    products = entry.get("products")
    return not isinstance(products, list) or all(isinstance(product, dict) for product in products)


def _parts(products: Iterable[Mapping[str, Any]]) -> set[str | None]:
    """The names of the subcomponents of these products, and None for a product without any, which is meant whole."""
    found: set[str | None] = set()
    for product in products:
        listed = product.get("subcomponents")
        if not listed:
            found.add(None)
        for part in listed if isinstance(listed, list) else ():
            found |= _identifiers(part) if isinstance(part, dict) else set()
    return found


def _names(vulnerability: Any) -> Iterator[str]:
    if isinstance(vulnerability, dict):
        aliases = vulnerability.get("aliases")
        for name in (vulnerability.get("name"), *(aliases if isinstance(aliases, list) else ())):
            if isinstance(name, str):
                yield name


def _concerned(entry: Mapping[str, Any], evidence: VerifiedAttestation, artifact: Artifact) -> list[Mapping[str, Any]]:
    """The products of a statement that match the artifact or its subject; an empty one if it names none."""
    products = entry.get("products")
    if not products:
        return [{}]  # the attestation's subjects are meant, and the artifact is one of them
    own = {
        name
        for subject in evidence.subjects
        if compare(artifact.digests, subject["digest"]) == "same"
        for name in (subject.get("name"), subject.get("uri"))
        if isinstance(name, str)
    }
    return [product for product in products if _is(product, own, artifact)] if isinstance(products, list) else []


def _is(product: Any, own: Collection[str], artifact: Artifact) -> bool:
    if not isinstance(product, dict):
        return False
    hashes = product.get("hashes")
    if isinstance(hashes, dict) and hashes:
        return compare(gather(hashes.items()), artifact.digests) == "same"
    return not _identifiers(product).isdisjoint(own)


def _identifiers(component: Mapping[str, Any]) -> set[str]:
    """The names of a product or a subcomponent."""
    identifiers = component.get("identifiers")
    named = [component.get("@id"), *(identifiers.values() if isinstance(identifiers, dict) else ())]
    return {name for name in named if isinstance(name, str) and name}
