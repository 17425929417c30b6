"""Commands and groups as click has them, but stricter about what was said.

Rule: an option is given once, and an empty value is a mistake, never "nothing was said".
"""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence


class _Strict(click.Command):
    """Looks at the words of a command line before click makes one value of several, and drops what is empty.

    A value on the command line goes before its variable, which is then not looked at, whatever it holds.
    """

    def make_parser(self, ctx: click.Context) -> Any:
        parser = super().make_parser(ctx)
        parse = parser.parse_args

        def parse_strictly(args: list[str]) -> tuple[dict[str, Any], list[str], list[click.Parameter]]:
            given, rest, order = parse(args)
            # No shell that completes a word, and nobody who asks for help, is told of mistakes.
            if not ctx.resilient_parsing and self.get_help_option(ctx) not in order:
                _demand_once(ctx, order)
                _demand_values(ctx, given, order)
                demand_variables(ctx, [param for param in self.get_params(ctx) if param not in order])
            return given, rest, order

        parser.parse_args = parse_strictly  # type: ignore[method-assign]
        return parser


class Command(_Strict):
    """A command."""


class Group(_Strict, click.Group):
    """A group of such commands, and of groups like itself."""

    command_class = Command
    group_class = type


def variable(name: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """A variable that is no option's; None where it isn't set. Raises UsageError where it is set but empty."""
    value = environ.get(name)
    if value == "":
        raise _empty(name)
    return value


def _demand_once(ctx: click.Context, order: Sequence[click.Parameter]) -> None:
    # Options of one name are one option with several spellings, as a flag and its opposite are.
    for name, times in Counter(param.name for param in order if _is_single(param)).items():
        if times > 1:
            spelt = [param for param in dict.fromkeys(order) if param.name == name]
            label = " or ".join(_label(param) for param in spelt)
            often = "twice" if times == 2 else f"{times} times"
            raise click.UsageError(f"{label} was given {often}; give it once", ctx)


def _is_single(param: click.Parameter) -> bool:
    """Whether what the parameter says a second time could contradict the first."""
    if not isinstance(param, click.Option) or param.multiple or param.count:
        return False
    return not param.is_bool_flag or bool(param.secondary_opts)


def _demand_values(ctx: click.Context, given: Mapping[str, Any], order: Iterable[click.Parameter]) -> None:
    for param in order:
        if param.type is not click.UNPROCESSED and "" in _texts(given.get(param.name or "")):
            raise click.UsageError(f"{_label(param)} was given an empty value; leave it out, or give it one", ctx)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)


def demand_variables(ctx: click.Context, params: Iterable[click.Parameter]) -> None:
    """Raises UsageError where a variable of one of the parameters is set but empty."""
    for param in params:
        for name in [param.envvar] if isinstance(param.envvar, str) else param.envvar or ():
            # One of blanks alone holds no value either, where a variable has several.
            if not os.environ.get(name, "set").strip():
                raise _empty(name, ctx)


def _empty(name: str, ctx: click.Context | None = None) -> click.UsageError:
    return click.UsageError(f"the variable {name} is set but empty; unset it, or give it a value", ctx)


def _label(param: click.Parameter) -> str:
    if isinstance(param, click.Option):
        return "/".join([*param.opts, *param.secondary_opts])
    return param.human_readable_name
