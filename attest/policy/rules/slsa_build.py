"""The builder and build type of SLSA provenance, and the build level for which they are trusted.

Rule: the policy gives a level to a builder; provenance never gives itself a level.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attest._base.json import MISSING
from attest.policy._shapes import NAMES, Context, Rule, VerifiedAttestation, matches
from attest.results.decisions import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_V1: Final = "https://slsa.dev/provenance/v1"


def check(evidence: VerifiedAttestation, settings: Mapping[str, Any], context: Context) -> Iterator[Failure]:
    """The provenance is by one of `builders`, which the policy trusts up to SLSA build level `level`."""
    is_v1 = evidence.statement.predicate_type == _V1
    builder = "/predicate/runDetails/builder/id" if is_v1 else "/predicate/builder/id"
    yield from _one_of(evidence, builder, settings["builders"], "builder-mismatch", "builder")
    if "build_types" in settings:
        kind = "/predicate/buildDefinition/buildType" if is_v1 else "/predicate/buildType"
        yield from _one_of(evidence, kind, settings["build_types"], "build-type-mismatch", "build type")


def _one_of(evidence: VerifiedAttestation, pointer: str, globs: list[str], code: str, what: str) -> Iterator[Failure]:
    found = evidence.find(pointer)
    if matches(found, globs):
        return
    if found is MISSING:
        message = f"the provenance has no {what}"
    else:
        message = f"the policy does not accept {what} {repr(found)[:200]}"
    yield Failure(code, message, pointer, f"Build with one of: {', '.join(globs)}.")


def _levels(settings: Mapping[str, Any]) -> tuple[str, ...]:
    return (f"SLSA_BUILD_LEVEL_{int(settings['level'])}",)


RULE: Final = Rule(
    check,
    types=("slsa-provenance", "slsa-provenance-v0.2", "slsa-provenance-v0.1"),
    settings={
        "type": "object",
        "required": ["level", "builders"],
        "properties": {
            "level": {
                "description": "SLSA build level for which the policy trusts these builders.",
                "type": "integer",
                "minimum": 1,
                "maximum": 3,
            },
            "builders": {"description": "Globs; one must match builder.id.", **NAMES},
            "build_types": {"description": "Globs; one must match buildType.", **NAMES},
        },
        "additionalProperties": False,
    },
    example="""\
level = 3
builders = ["https://github.com/acme/builders/.github/workflows/release.yml@refs/tags/v*"]
build_types = ["https://actions.github.io/buildtypes/workflow/v1"]
""",
    needs=("anchors",),
    levels=_levels,
)
