"""What it was built from: the repository, ref or tag that a SLSA provenance names as the source of the build.

Rule: only what the builder was told to build counts; that a repository is among many dependencies says nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest import _globs
from attest.policy._shapes import MISSING, NAMES, Context, Evidence, Failure, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PARAMETERS: Final = "/predicate/buildDefinition/externalParameters"
# Where build types of the field say what was built: a URI, an object with one, or a repository beside its ref.
_PLACES: Final = (
    f"{_PARAMETERS}/workflow",
    f"{_PARAMETERS}/source",
    f"{_PARAMETERS}/configSource",
    "/predicate/invocation/configSource",
)


class _Source(NamedTuple):
    repository: object
    ref: object
    repository_at: str
    ref_at: str


def check(evidence: Evidence, settings: Mapping[str, Any], context: Context) -> Iterator[Failure]:
    """The build's source is one of `repository`, at one of `ref` or `tag`."""
    places = (f"/predicate{settings['at']}",) if "at" in settings else _PLACES
    source = next((found for place in places if (found := _source(evidence, place)) is not None), None)
    if source is None:
        message = "the provenance doesn't say where this build type has its source"
        hint = 'Say in the policy where it stands: at = "/buildDefinition/externalParameters/...".'
        yield Failure("source-unknown", message, places[0] if "at" in settings else _PARAMETERS, hint)
        return
    wanted = settings["repository"]
    if not _is_one_of(source.repository, wanted):
        message = f"it was built from {_said(source.repository)}"
        hint = f"Build it from one of: {', '.join(wanted)}."
        yield Failure("repository-mismatch", message, source.repository_at, hint)
    refs = [*settings.get("ref", ()), *(f"refs/tags/{tag}" for tag in settings.get("tag", ()))]
    if refs and not _matches(source.ref, refs):
        message = f"it was built at {_said(source.ref)}"
        yield Failure("ref-mismatch", message, source.ref_at, f"Build it at one of: {', '.join(refs)}.")


def _source(evidence: Evidence, place: str) -> _Source | None:
    found = evidence.find(place)
    if isinstance(found, str):
        return _Source(*_split(found), place, place)
    if not isinstance(found, dict):
        return None
    if "repository" in found:
        repository, own = _split(found["repository"])
        ref = found.get("ref", own)
        if own not in (MISSING, ref):
            ref = [own, ref]  # which of them was built nobody can tell
        return _Source(repository, ref, f"{place}/repository", f"{place}/ref")
    if "uri" in found:
        return _Source(*_split(found["uri"]), f"{place}/uri", f"{place}/uri")
    return None


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
    """Whether a glob matches, or is the repository itself: in a URL, what a wildcard stands for may end the host."""
    if isinstance(repository, str) and any(character in repository for character in "?#\\"):
        return repository in globs
    return _matches(repository, globs)


def _matches(found: object, globs: list[str]) -> bool:
    return isinstance(found, str) and any(_globs.matches(glob, found) for glob in globs)


def _said(found: object) -> str:
    return "nothing that is named" if found is MISSING else repr(found)[:200]


RULE: Final = Rule(
    check,
    types=("slsa-provenance", "slsa-provenance-v0.2"),
    settings={
        "type": "object",
        "required": ["repository"],
        "properties": {
            "repository": {"description": "Globs of which one must match the repository, without git+.", **NAMES},
            "ref": {"description": "Globs of which one must match the ref, like refs/heads/main.", **NAMES},
            "tag": {"description": "The same for a tag's name: v* is refs/tags/v*.", **NAMES},
            "at": {
                "description": "Where in the predicate the source stands, for a build type that isn't known here.",
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
