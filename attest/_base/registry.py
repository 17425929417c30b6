"""A package that is its own registry: one module a name, and adding one more touches nothing else.

Rule: a name is looked up as a module of the package, never as a path.
"""

from __future__ import annotations

import re
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

_NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)


def names(package: str) -> list[str]:
    """The names that `package` offers, sorted; modules that begin with an underscore are its own business."""
    found = iter_modules(import_module(package).__path__)
    return sorted(module.name for module in found if _NAME.fullmatch(module.name))


def load(package: str, name: str) -> ModuleType | None:
    """The module that `package` has for `name`, or None if it has none."""
    if not _NAME.fullmatch(name) or name not in names(package):
        return None
    return import_module(f"{package}.{name}")
