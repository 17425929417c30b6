"""The targets: one module each, found by name.

Rule: `check(data)` raises AssertionError for what must not be, and nothing else; `seeds()` are inputs to begin with.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Target(NamedTuple):
    """One thing that is read from strangers."""

    name: str
    summary: str
    check: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]


def names() -> list[str]:
    """The names of the targets, sorted."""
    return sorted(module.name.replace("_", "-") for module in iter_modules(__path__))


def named(name: str) -> Target:
    """The target of that name. Raises ValueError."""
    if name not in names():
        raise ValueError(f"there is no target {name!r}; there are {', '.join(names())}")
    module = import_module(f"{__name__}.{name.replace('-', '_')}")
    return Target(name, (module.__doc__ or "").splitlines()[0], module.check, module.seeds)
