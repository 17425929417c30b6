"""Names of registries as values of options.

Rule: plug-ins are looked up only for a name that is not ours, for the help page, and to complete a word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from attest._base.registry import Registry


class RegistryChoice(click.Choice[str]):
    """A name of a registry, or one of `others`."""

    def __init__(self, registry: Registry, *others: str) -> None:
        super().__init__([*others, *registry.ours()])
        self._others = others
        self._registry = registry

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name. Raises BadParameter, with all names that there are."""
        if value not in self.choices:
            self._add_plugins()
        return super().convert(value, param, ctx)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        """All names, as the help page has them."""
        self._registry.warn_of_ignored()
        self._add_plugins()
        return super().get_metavar(param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The names that begin so."""
        self._add_plugins()
        return super().shell_complete(ctx, param, incomplete)

    def _add_plugins(self) -> None:
        self.choices = (*self._others, *self._registry.names())
