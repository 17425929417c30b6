"""A package as a registry: one module for each name, so that a new one changes no other file.

Rule: a name is looked up as a module of the package, never as a path; what others add comes last and replaces nothing.
A `-` in a name is a `_` in the name of its module.
"""

from __future__ import annotations

import re
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from attest._base import notices, plugins
from attest._base.plugins import Offer, Plugin
from attest.errors import AttestError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from importlib.metadata import EntryPoint
    from types import ModuleType

_NAME = re.compile(r"[a-z][a-z0-9-]*", re.ASCII)
# Of a plug-in: also what a URI scheme may have in it.
_PLUGIN_NAME = re.compile(r"[a-z][a-z0-9+._-]*", re.ASCII)


def names(package: str) -> list[str]:
    """The names that `package` offers, sorted; modules that begin with an underscore are its own business."""
    found = (module.name.replace("_", "-") for module in iter_modules(import_module(package).__path__))
    return sorted(name for name in found if _NAME.fullmatch(name))


def load(package: str, name: str) -> ModuleType | None:
    """The module that `package` has for `name`, or None if it has none."""
    if not _NAME.fullmatch(name) or name not in names(package):
        return None
    return import_module(f"{package}.{name.replace('-', '_')}")


class Registry:
    """The modules of a package, and what entry points of `group` add to them.

    What is offered has the attributes `needs`, whether it is a module or an object. `reserved` are names that mean
    something else already. Entry points are read only for a name that is not ours, and for the list of all names.
    """

    def __init__(
        self,
        package: str,
        group: str,
        error: type[AttestError],
        *,
        needs: Sequence[str] = (),
        reserved: Collection[str] = (),
    ) -> None:
        self.group = group
        self._package = package
        self._error = error
        self._needs = needs
        self._reserved = reserved
        self._entries: Sequence[EntryPoint] = ()
        self._plugins: Mapping[str, Plugin] | None = None  # made of _entries

    def ours(self) -> list[str]:
        """The names of the modules, sorted."""
        return names(self._package)

    def names(self) -> list[str]:
        """All names: ours, and then those of plug-ins."""
        return [*self.ours(), *sorted(self.plugins())]

    def warn_of_ignored(self) -> None:
        """Warn of plug-ins whose name is ours, or no name: for lists that people read."""
        taken = self._taken()
        for entry in plugins.entries(self.group):
            origin = f"plug-in '{entry.name}' ({self.group}) of {plugins.distribution(entry)}"
            if _plain(entry.name) in taken:
                notices.warn(f"the {origin} is ignored: attest uses its name itself")
            elif not _PLUGIN_NAME.fullmatch(entry.name):
                notices.warn(f"the {origin} is ignored: names have only lower-case letters, digits, +, ., _ and -")

    def __contains__(self, name: str) -> bool:
        """Whether there is something for the name; whether it can be used is not asked."""
        return name in self.ours() or name in self.plugins()

    def find(self, name: str) -> Offer | None:
        """What there is for `name`, or None. Raises `plugin-failed` and `plugin-ambiguous` for a plug-in."""
        module = load(self._package, name)
        if module is not None:
            return Offer(name, module)
        plugin = self.plugins().get(name)
        return None if plugin is None else Offer(name, plugin.load(self._needs), plugin)

    def plugins(self) -> Mapping[str, Plugin]:
        """The plug-ins by name, none of them imported."""
        entries = plugins.entries(self.group)
        if self._plugins is None or self._entries is not entries:
            taken = self._taken()
            found: dict[str, list[EntryPoint]] = {}
            for entry in entries:
                if _PLUGIN_NAME.fullmatch(entry.name) and _plain(entry.name) not in taken:
                    found.setdefault(entry.name, []).append(entry)
            self._plugins = {name: Plugin(self.group, name, same, self._error) for name, same in found.items()}
            self._entries = entries
        return self._plugins

    def recognising(self, ask: Callable[[Any], Any]) -> list[Offer]:
        """What recognises something: modules of ours or, only if none of them does, plug-ins.

        Raises `plugin-failed` and `plugin-ambiguous` as `plugins_recognising`.
        """
        modules = [(name, load(self._package, name)) for name in self.ours()]
        found = [Offer(name, module) for name, module in modules if module is not None and ask(module)]
        return found or self.plugins_recognising(ask)

    def plugins_recognising(self, ask: Callable[[Any], Any]) -> list[Offer]:
        """The plug-ins for which `ask` is true.

        One that cannot be asked is passed over if another one recognises the thing. Otherwise its error is raised,
        `plugin-failed` or `plugin-ambiguous`: nobody knows what it would have answered.
        """
        found: list[Offer] = []
        faults: list[AttestError] = []
        for name, plugin in self.plugins().items():
            try:
                value = plugin.load(self._needs)
                with plugin.guarded():
                    if ask(value):
                        found.append(Offer(name, value, plugin))
            except AttestError as error:
                faults.append(error)
        if faults and not found:
            raise faults[0]
        return found

    def _taken(self) -> set[str]:
        return {_plain(name) for name in (*self.ours(), *self._reserved)}


def _plain(name: str) -> str:
    """A name as it is compared: one that looks like ours is ours."""
    return name.lower().replace("_", "-")
