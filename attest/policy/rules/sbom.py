"""Whether an SBOM describes the artifact: CycloneDX, SPDX 2 and SPDX 3.

Rule: a document describes what it names as its subject, and nothing else in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest._base import globbing
from attest._base.json import pointer
from attest._base.text import plural
from attest.digest import compare, gather
from attest.policy._shapes import NAMES, Context, Rule, VerifiedAttestation
from attest.results.decisions import Failure
from attest.schema.predicate_types import OURS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from attest.digest import Agreement


_OTHERS: Final = ("conflict", "different")


class _Described(NamedTuple):
    """Something that a document describes: its place, names and digests."""

    pointer: str
    names: set[str]
    digests: dict[str, Any]


def check(evidence: VerifiedAttestation, settings: Mapping[str, Any], context: Context) -> Iterator[Failure]:
    """The SBOM describes the artifact by digest or by one of `names`, and lists at least `components` components."""
    document = evidence.predicate
    is_cyclonedx = evidence.statement.predicate_type in OURS.uris("cyclonedx")
    described, number, listed_at = _read(document, is_cyclonedx=is_cyclonedx)
    least = settings.get("components", 1)
    if number < least:
        message = f"expected at least {plural(least, 'component')}, found {number:,}"
        yield Failure("sbom-empty", message, listed_at, "Create the SBOM with a tool that finds the components.")
    if any(_is(one, settings, context) for one in described):
        return
    for one in described:
        if _names(one, settings) and _agreement(one, context) in _OTHERS:
            message = f"the SBOM describes something with a matching name, but another digest than {_called(context)}"
            hint = "Create the SBOM for this artifact. If the digests differ, a matching name does not help."
            yield Failure("artifact-not-named", message, one.pointer, hint)
            return
    names = ", ".join(sorted(name for one in described for name in one.names)[:8]) or "nothing"
    globs = settings.get("names")
    wanted = f"a name that matches {' or '.join(map(repr, globs))}" if globs else "the digest of the artifact"
    message = f"the SBOM describes {names[:200]}, expected {wanted}"
    hint = "Create the SBOM with the digest of what it describes, or set its name in the policy: names = [...]."
    yield Failure("artifact-not-named", message, described[0].pointer if described else "/predicate", hint)


def _is(one: _Described, settings: Mapping[str, Any], context: Context) -> bool:
    """Whether it is the artifact: by digest or, if no digest differs, by name."""
    agreement = _agreement(one, context)
    return agreement == "same" or (agreement not in _OTHERS and _names(one, settings))


def _agreement(one: _Described, context: Context) -> Agreement:
    if context.artifact is None:
        return "unrelated"
    return compare(context.artifact.hash_for(one.digests), one.digests)


def _names(one: _Described, settings: Mapping[str, Any]) -> bool:
    return any(globbing.matches(glob, name) for glob in settings.get("names", ()) for name in one.names)


def _called(context: Context) -> str:
    return "the artifact" if context.artifact is None else context.artifact.name


def _read(document: Mapping[str, Any], *, is_cyclonedx: bool) -> tuple[list[_Described], int, str]:
    """What a document describes, the number of its other components, and their place.

    The signed predicate type says what it is, and no member that another format may have too.
    """
    if is_cyclonedx:
        wrapped = None if "bomFormat" in document else document.get("Data")  # cosign 1.x
        if isinstance(wrapped, dict):
            return _cyclonedx(wrapped, "predicate", "Data")
        return _cyclonedx(document, "predicate")
    if "@graph" in document:
        return _spdx3(document)
    return _spdx2(document)


def _cyclonedx(document: Mapping[str, Any], *where: str) -> tuple[list[_Described], int, str]:
    metadata = document.get("metadata")
    component = metadata.get("component") if isinstance(metadata, dict) else None
    described = []
    if isinstance(component, dict):
        hashes = [(entry.get("alg"), entry.get("content")) for entry in _objects(component.get("hashes"))]
        names = _texts(component.get("name"), component.get("purl"), component.get("bom-ref"))
        described = [_Described(pointer(*where, "metadata", "component"), names, gather(hashes))]
    return described, len(_objects(document.get("components"))), pointer(*where, "components")


def _spdx2(document: Mapping[str, Any]) -> tuple[list[_Described], int, str]:
    own = _texts(*_list(document.get("documentDescribes")))
    for relationship in _objects(document.get("relationships")):
        ends = relationship.get("spdxElementId"), relationship.get("relatedSpdxElement")
        kind = relationship.get("relationshipType")
        if kind == "DESCRIBES" and ends[0] == "SPDXRef-DOCUMENT":
            own |= _texts(ends[1])
        elif kind == "DESCRIBED_BY" and ends[1] == "SPDXRef-DOCUMENT":
            own |= _texts(ends[0])
    described, others = [], 0
    for part in ("packages", "files"):
        for index, entry in enumerate(_list(document.get(part))):
            if not isinstance(entry, dict):
                continue
            if not _texts(entry.get("SPDXID")) & own:
                others += 1
                continue
            references = [one.get("referenceLocator") for one in _objects(entry.get("externalRefs"))]
            hashes = [(one.get("algorithm"), one.get("checksumValue")) for one in _objects(entry.get("checksums"))]
            names = _texts(entry.get("name"), entry.get("fileName"), *references)
            described.append(_Described(pointer("predicate", part, index), names, gather(hashes)))
    return described, others, pointer("predicate", "packages")


def _spdx3(document: Mapping[str, Any]) -> tuple[list[_Described], int, str]:
    graph = _list(document.get("@graph"))
    own = {
        root
        for element in _objects(graph)
        if element.get("type") in ("software_Sbom", "SpdxDocument", "Bom")
        for root in _texts(*_list(element.get("rootElement")))
    }
    described, others = [], 0
    for index, element in enumerate(graph):
        if not isinstance(element, dict) or element.get("type") not in ("software_Package", "software_File"):
            continue
        if not _texts(element.get("spdxId")) & own:
            others += 1
            continue
        names = _texts(element.get("name"), element.get("software_packageUrl"))
        hashes = [(one.get("algorithm"), one.get("hashValue")) for one in _objects(element.get("verifiedUsing"))]
        described.append(_Described(pointer("predicate", "@graph", index), names, gather(hashes)))
    return described, others, pointer("predicate", "@graph")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _objects(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in _list(value) if isinstance(entry, dict)]


def _texts(*values: Any) -> set[str]:
    return {value for value in values if isinstance(value, str) and value}


RULE: Final = Rule(
    check,
    types=("cyclonedx", "spdx", "spdx3"),
    settings={
        "type": "object",
        "properties": {
            "names": {
                "description": "Globs for a name or purl that the SBOM describes; used if no digest can be compared.",
                **NAMES,
            },
            "components": {
                "description": "Minimum number of components in the SBOM. Default: 1.",
                "type": "integer",
                "minimum": 0,
            },
        },
        "additionalProperties": False,
    },
    example="""\
names = ["pkg:pypi/acme-app@*"]
components = 10
""",
)
