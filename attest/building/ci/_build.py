"""A build as a module of this directory describes it, and its SLSA provenance.

Rule: what the environment does not prove is a caveat, and a caveat is printed and recorded, never dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# SLSA names extension fields <vendor>_<name>. It is in internalParameters, which is free-form in every tool's own
# types; in a fixed object, strict readers refuse or drop it.
FIELD: Final = "attest_doubts"
UNKNOWN_BUILDER: Final = "urn:attest:builder:unknown"


class Caveat(NamedTuple):
    """One thing that is not proven: a code (docs/reference/codes.md) and a sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Build:
    """A build with the fields of SLSA provenance v1 (build-provenance.md); `resolved_dependencies` are descriptors."""

    build_type: str
    builder_id: str
    external_parameters: Mapping[str, Any]
    resolved_dependencies: Sequence[Mapping[str, Any]]
    internal_parameters: Mapping[str, Any] = field(default_factory=dict)
    invocation_id: str | None = None
    builder_version: Mapping[str, str] = field(default_factory=dict)
    started_on: str | None = None
    caveats: tuple[Caveat, ...] = ()

    def by(self, builder_id: str) -> Build:
        """This build with a builder ID that the caller gives, in place of the one from the environment."""
        rest = tuple(caveat for caveat in self.caveats if caveat.code != "builder-unknown")
        message = "the builder ID was given by the caller, and the environment does not confirm it"
        return replace(self, builder_id=builder_id, caveats=(Caveat("builder-claimed", message), *rest))

    def with_caveats(self, more: Iterable[Caveat]) -> Build:
        """This build, with `more` that is not proven."""
        return replace(self, caveats=(*self.caveats, *more))

    def provenance(
        self,
        *,
        build_type: str | None = None,
        external: Mapping[str, Any] | None = None,
        internal: Mapping[str, Any] | None = None,
        dependencies: Sequence[Mapping[str, Any]] = (),
        byproducts: Sequence[Mapping[str, Any]] = (),
        started_on: str | None = None,
        finished_on: str | None = None,
    ) -> dict[str, Any]:
        """The predicate, for schemas/predicates/slsa-provenance.json; unknown values are left out.

        A caller can add what it knows about the build: parameters, descriptors, times (RFC 3339 with "Z"). External
        parameters need the `build_type` that describes them, because consumers reject unknown ones.
        Raises InputError `option-invalid` for external parameters without one, and for a parameter that exists.
        """
        if external and build_type is None:
            raise InputError("option-invalid", "external parameters that you add need a build type that describes them")
        caveats = [caveat._asdict() for caveat in self.caveats]
        definition = {
            "buildType": build_type or self.build_type,
            "externalParameters": _joined(self.external_parameters, external),
            "internalParameters": _joined(self.internal_parameters, internal, {FIELD: caveats} if caveats else None),
            "resolvedDependencies": [*map(dict, self.resolved_dependencies), *map(dict, dependencies)],
        }
        metadata = {
            "invocationId": self.invocation_id,
            "startedOn": started_on or self.started_on,
            "finishedOn": finished_on,
        }
        details = {
            "builder": _without_unset({"id": self.builder_id, "version": dict(self.builder_version)}),
            "metadata": _without_unset(metadata),
            "byproducts": [*map(dict, byproducts)],
        }
        return {"buildDefinition": _without_unset(definition), "runDetails": _without_unset(details)}


class System(Protocol):
    """The interface of an entry point of `attest.ci`, and of each module in this directory."""

    def recognises(self, environ: Mapping[str, str]) -> bool:
        """Whether the environment is that of a job of this system; nothing is raised."""

    def describe(self, environ: Mapping[str, str], folder: str) -> Build | None:
        """The build of this job. Raises InputError `ci-variable-missing` or `ci-variable-invalid`."""


def _joined(*parts: Mapping[str, Any] | None) -> dict[str, Any]:
    joined: dict[str, Any] = {}
    for part in parts:
        for name, value in (part or {}).items():
            if name in joined:
                raise InputError("option-invalid", f"the parameter {name!r} already exists")
            joined[name] = value
    return _known(joined)


def _known(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Without the values that are not known, at any depth."""
    return {
        name: _known(value) if isinstance(value, Mapping) else value
        for name, value in parameters.items()
        if value is not None
    }


def _without_unset(document: Mapping[str, Any]) -> dict[str, Any]:
    """SLSA provenance calls unset, null and empty the same."""
    return {name: value for name, value in document.items() if value not in (None, "", {}, [])}
