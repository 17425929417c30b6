"""Plug-ins: what other distributions add to a registry through entry points.

Rule: a plug-in is imported only when its name is used, and every error that it causes names it.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import copy
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from attest._base import notices
from attest.errors import AttestError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from importlib.metadata import EntryPoint
    from types import UnionType


class Plugin:
    """What is offered under a name by an entry point; by several, if several distributions use the same name.

    `error` is what its faults become: SignerError for a signer, InputError for anything else.
    """

    def __init__(self, group: str, name: str, entries: Sequence[EntryPoint], error: type[AttestError]) -> None:
        self.group = group
        self.name = name
        self.error = error
        self._entries = tuple(entries)
        self._fault: AttestError | None = None

    @property
    def distributions(self) -> str:
        """The names of the distributions that offer it."""
        return ", ".join(sorted(map(distribution, self._entries)))

    def __str__(self) -> str:
        return f"plug-in '{self.name}' ({self.group}) of {self.distributions}"

    def load(self, needs: Iterable[str]) -> Any:
        """What the entry point names, which must have the attributes `needs`; it is imported once, also if that fails.

        Raises `plugin-ambiguous` if several distributions offer it, and `plugin-failed`.
        """
        if self._fault is not None:
            raise copy(self._fault) from self._fault.__cause__
        try:
            return self._load(needs)
        except AttestError as error:
            self._fault = error
            raise

    def _load(self, needs: Iterable[str]) -> Any:
        if len(self._entries) > 1:
            hint = "Uninstall all but one of them."
            raise self.error("plugin-ambiguous", f"several distributions have the same plug-in: {self}", hint=hint)
        with self.guarded():
            found = self._entries[0].load()
            missing = [name for name in needs if not hasattr(found, name)]
        if missing:
            raise self.fault(f"does not have {', '.join(missing)}")
        return found

    @contextmanager
    def guarded(self, *answers: type[AttestError]) -> Iterator[None]:
        """Whatever is raised in the block becomes an error that names the plug-in: `plugin-failed`.

        What the plug-in raises on purpose is not changed: an InputError, an error of its own branch, or one of
        `answers`.
        """
        on_purpose: tuple[type[AttestError], ...] = (InputError, self.error, *answers)
        try:
            yield
        except on_purpose:
            raise
        except ModuleNotFoundError as error:
            raise self.fault(f"needs the module {error.name!r}, which is not installed") from error
        except (Exception, SystemExit) as error:  # its text may hold anything, a secret included
            raise self.fault(f"failed ({type(error).__name__})") from error

    def demand(self, value: Any, kind: type | UnionType, what: str) -> None:
        """Raises `plugin-failed` if `value`, which is `what`, is not a `kind`."""
        if not isinstance(value, kind):
            expected = kind.__name__ if isinstance(kind, type) else kind
            raise self.fault(f"returned {type(value).__name__} as {what}, expected {expected}")

    def fault(self, what: str) -> AttestError:
        """The error for what is wrong with the plug-in."""
        hint = f"Update or uninstall {self.distributions}, or report the error to its authors."
        return self.error("plugin-failed", f"the {self} {what}", hint=hint)


class Offer(NamedTuple):
    """What a registry has for a name: a module of ours, or what a plug-in's entry point names."""

    name: str
    value: Any
    plugin: Plugin | None = None

    def guarded(self) -> AbstractContextManager[None]:
        """For whatever is called of a plug-in, see `Plugin.guarded`; what a module of ours raises stays as it is."""
        return nullcontext() if self.plugin is None else self.plugin.guarded()


@cache
def entries(group: str) -> Sequence[EntryPoint]:
    """The entry points of a group, of all distributions that are installed: read once, because that is slow."""
    from importlib.metadata import entry_points

    try:
        return tuple(entry_points(group=group))
    except Exception as error:  # noqa: BLE001  # of a distribution that has nothing to do with this one
        notices.warn(f"plug-ins are ignored: the installed distributions cannot be listed ({type(error).__name__})")
        return ()


def distribution(entry: EntryPoint) -> str:
    """The name of the distribution that an entry point is of."""
    try:
        return entry.dist.name if entry.dist is not None else entry.module
    except Exception:  # noqa: BLE001  # metadata that cannot be read has no name
        return entry.module
