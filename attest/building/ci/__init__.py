"""SLSA provenance from the environment of a CI system: one module for each system, found by name.

Rule: the environment and the directory are parameters, and an environment of two systems is an error.

Other packages add systems through the entry point group `attest.ci`: a System, under the system's name.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from attest._base.json import dumps
from attest._base.registry import Registry
from attest.building.ci._build import Build, Caveat, System
from attest.building.ci._caveats import UNPROVEN
from attest.building.ci._source import look, moved, refusal
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attest._base.plugins import Offer, Plugin

__all__ = ["Build", "Caveat", "System", "detect", "look", "moved", "names", "refusal"]

_PLAIN: Final = "git"
# "auto" is the command line's word for the system that is recognised.
REGISTRY: Final = Registry(__name__, "attest.ci", InputError, needs=["recognises", "describe"], reserved=["auto"])


def names() -> list[str]:
    """The names of the known systems: those of attest, including plain git, and then those of plug-ins."""
    return REGISTRY.names()


def detect(environ: Mapping[str, str], folder: str, name: str | None = None) -> Build | None:
    """The build that `environ` and the sources in `folder` describe, or None if neither does.

    `name` selects a system. Without it, the system that recognises the environment is used, or else plain git.
    Raises InputError: `ci-ambiguous` if several systems recognise it, `ci-unknown` for an unknown name, and
    `ci-variable-missing` and `ci-variable-invalid`, which name the variable.
    """
    offer = _recognised(environ) if name is None else REGISTRY.find(name)
    if offer is None:
        raise InputError("ci-unknown", f"unknown CI system {name!r}", hint=f"Use one of: {', '.join(names())}.")
    with offer.guarded():
        build: Build | None = offer.value.describe(environ, folder)
    return build if offer.plugin is None else _demanded(build, offer.plugin)


def _recognised(environ: Mapping[str, str]) -> Offer | None:
    found = REGISTRY.recognising(lambda system: system.recognises(environ))
    if len(found) > 1:
        message = f"the environment looks like several CI systems: {' and '.join(offer.name for offer in found)}"
        raise InputError("ci-ambiguous", message, hint="Choose one: --ci NAME.")
    return found[0] if found else REGISTRY.find(_PLAIN)


def _demanded(build: Any, plugin: Plugin) -> Build:
    """What a plug-in describes, if provenance can be made of it; it too is from variables that prove nothing."""
    plugin.demand(build, Build, "the result of describe")
    with plugin.guarded():
        dumps(build.provenance())
        caveats = tuple(Caveat(*caveat) for caveat in build.caveats if caveat != UNPROVEN)
    described: Build = replace(build, caveats=(UNPROVEN, *caveats))
    return described
