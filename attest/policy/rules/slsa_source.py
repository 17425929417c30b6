"""The source of a build: the repository, ref or tag that SLSA provenance names.

Rule: only the source that the builder was given counts, and all places that name it must agree; a repository among the
dependencies does not count.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest._base.json import MISSING
from attest.digest import compare, gather
from attest.policy._shapes import NAMES, Context, Rule, VerifiedAttestation, matches
from attest.results.decisions import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PARAMETERS: Final = "/predicate/buildDefinition/externalParameters"
# Where common build types name the source: a URI, an object with one, or a repository with its ref.
_PLACES: Final = (
    f"{_PARAMETERS}/workflow",
    f"{_PARAMETERS}/source",
    f"{_PARAMETERS}/configSource",
    "/predicate/invocation/configSource",
)


class _Source(NamedTuple):
    """A source in provenance, with the places of its parts; a missing ref or digest is not compared."""

    repository: object
    ref: object
    repository_at: str
    ref_at: str
    digest: Mapping[str, str | None]


def check(evidence: VerifiedAttestation, settings: Mapping[str, Any], context: Context) -> Iterator[Failure]:
    """The source of the build is one of `repository`, at one of `ref` or `tag`, and no place names another one."""
    places = (f"/predicate{settings['at']}",) if "at" in settings else _PLACES
    found = {place: list(_sources(evidence, place)) for place in places}
    sources = [source for place in places for source in found[place]]
    elsewhere = 'Set its place in the policy: at = "/buildDefinition/externalParameters/...".'
    unread = [place for place in places if evidence.find(place) not in (MISSING, None) and not found[place]]
    for place in unread:
        yield Failure("source-unknown", "the value is not a source in a known form", place, elsewhere)
    if not sources:
        if not unread:
            message = "no source was found in the places for known build types"
            yield Failure("source-unknown", message, places[0] if "at" in settings else _PARAMETERS, elsewhere)
        return
    wanted = settings["repository"]
    refs = [*settings.get("ref", ()), *(f"refs/tags/{tag}" for tag in settings.get("tag", ()))]
    for number, source in enumerate(sources):
        conflicts = ((other, at) for other in sources[:number] if (at := _conflict(other, source)) is not None)
        for other, at in islice(conflicts, 1):
            message = f"the source differs from the one in {other.repository_at}"
            yield Failure("source-conflict", message, at, f"If only one of them was built: {elsewhere}")
    for source in sources:
        if not _is_one_of(source.repository, wanted):
            message = _unaccepted("repository", source.repository)
            hint = f"Build from one of: {', '.join(wanted)}."
            yield Failure("repository-mismatch", message, source.repository_at, hint)
    named = [source for source in sources if source.ref is not MISSING] or sources[:1]
    for source in named if refs else ():
        if not matches(source.ref, refs):
            message = _unaccepted("ref", source.ref)
            yield Failure("ref-mismatch", message, source.ref_at, f"Build at one of: {', '.join(refs)}.")


def _conflict(one: _Source, other: _Source) -> str | None:
    """Where another source contradicts the first one; two places may each have a part of it."""
    if one.repository != other.repository:
        return other.repository_at
    if MISSING not in (one.ref, other.ref) and one.ref != other.ref:
        return other.ref_at
    return other.repository_at if compare(one.digest, other.digest) in ("conflict", "different") else None


def _sources(evidence: VerifiedAttestation, place: str) -> Iterator[_Source]:
    """All sources at a place."""
    found = evidence.find(place)
    if isinstance(found, str):
        yield _Source(*_split(found), place, place, {})
    elif isinstance(found, dict):
        own = found.get("digest")
        digest = gather(own.items() if isinstance(own, dict) else ())
        for key in ("repository", "uri"):
            if key in found:
                at = f"{place}/{key}"
                repository, ref = _split(found[key])
                yield _Source(repository, ref, at, at, digest)
                if "ref" in found and key == "repository":
                    yield _Source(repository, found["ref"], at, f"{place}/ref", digest)


def _split(uri: object) -> tuple[object, object]:
    """The repository and the ref of `git+https://host/owner/name@refs/tags/v1`, as SPDX writes download locations."""
    if not isinstance(uri, str):
        return uri, MISSING
    scheme, _, rest = uri.removeprefix("git+").partition("://")
    host, _, path = rest.partition("/")
    name, at, ref = path.partition("@")
    if not rest or not at:
        return uri.removeprefix("git+"), MISSING
    return f"{scheme}://{host}/{name}", ref.partition("#")[0]


def _is_one_of(repository: object, globs: list[str]) -> bool:
    """Whether a glob matches; only an equal one if the URL has `?`, `#` or a backslash, which may end the host."""
    if isinstance(repository, str) and any(character in repository for character in "?#\\"):
        return repository in globs
    return matches(repository, globs)


def _unaccepted(what: str, found: object) -> str:
    if found is MISSING:
        return f"the provenance does not name a {what}"
    return f"the policy does not accept {what} {repr(found)[:200]}"


RULE: Final = Rule(
    check,
    types=("slsa-provenance", "slsa-provenance-v0.2"),
    settings={
        "type": "object",
        "required": ["repository"],
        "properties": {
            "repository": {"description": "Globs; one must match the repository, without git+.", **NAMES},
            "ref": {"description": "Globs; one must match the ref, such as refs/heads/main.", **NAMES},
            "tag": {"description": "Globs for the name of a tag: v* means refs/tags/v*.", **NAMES},
            "at": {
                "description": "Place of the source in the predicate, for an unknown build type.",
                "type": "string",
                "pattern": "^/.",
            },
        },
        "additionalProperties": False,
    },
    example="""\
repository = ["https://github.com/acme/app"]
tag = ["${tag}"]
""",
)
