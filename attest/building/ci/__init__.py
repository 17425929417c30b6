"""SLSA provenance that fills itself in a pipeline: one file a CI system, found by name.

Rule: the environment and the folder are parameters, and two systems at once are an error, never a guess.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest._base import registry
from attest.building.ci._build import Build, Caveat
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

__all__ = ["Build", "Caveat", "detect", "names"]

_PLAIN = "git"


def names() -> list[str]:
    """The systems that are known, plain git among them."""
    return registry.names(__name__)


def detect(environ: Mapping[str, str], folder: str, name: str | None = None) -> Build | None:
    """The build that `environ` and the sources in `folder` describe, or None where nothing does.

    `name` chooses a system; without it, it is the one that recognises the environment, and plain git where none does.
    Raises InputError: `ci-ambiguous` where several do, `ci-unknown` for a name that is none, `ci-variable-missing` and
    `ci-variable-invalid`, which name the variable.
    """
    if name is None:
        found = [each for each in names() if _load(each).recognises(environ)]
        if len(found) > 1:
            message = f"this environment looks like that of {' and of '.join(found)}"
            raise InputError("ci-ambiguous", message, hint="Choose one: --ci NAME.")
        name = found[0] if found else _PLAIN
    build: Build | None = _load(name).describe(environ, folder)
    return build


def _load(name: str) -> ModuleType:
    module = registry.load(__name__, name)
    if module is None:
        raise InputError("ci-unknown", f"there is no CI system {name!r} here", hint=f"There are {', '.join(names())}.")
    return module
