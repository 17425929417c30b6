"""Commands and groups as click has them, but strict about options, and with commands that are found by name.

Rule: an option is given once, and an empty value is a mistake, never "no value".
"""

from __future__ import annotations

import inspect
import os
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

from attest._base import registry
from attest.cli._output import TYPED, WrongUse

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from click.shell_completion import CompletionItem


def _listen(ctx: click.Context, param: click.Parameter, value: int) -> None:
    if value and not ctx.resilient_parsing:
        from attest.cli._output import log  # imports logging, which a silent command does without

        log.listen(ctx.obj, value)


_VERBOSE = click.Option(
    ["-v", "--verbose"],
    count=True,
    expose_value=False,
    is_eager=True,
    callback=_listen,
    show_default=False,
    help="Print what happens in the background, and long lists in full. -vv prints details.",
)


class _Strict(click.Command):
    """What commands and groups have in common: checks of what was typed, and help that is complete.

    Help shows the environment variable and the default of every option. A command line is checked before click combines
    several values into one and drops empty ones. A value on the command line replaces its variable, which is then
    ignored, whatever it contains.
    """

    def __init__(self, *arguments: Any, elsewhere: Mapping[str, str] = MappingProxyType({}), **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.elsewhere = elsewhere  # options of other programs, with what to write here
        self.context_settings.setdefault("show_default", True)
        for param in self.params:
            if isinstance(param, click.Option):
                param.show_envvar = True

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        *params, last = super().get_params(ctx)  # the last one is --help
        if ctx.resilient_parsing:  # a shell completes a word
            from attest.cli._commands import values

            values.know(params)
        return [*params, _VERBOSE, last]

    def _from_elsewhere(self, error: click.UsageError) -> click.UsageError:
        """The error for an option that other programs have; a hint says what does the same here."""
        hint = self.elsewhere.get(error.option_name) if isinstance(error, click.NoSuchOption) else None
        return error if hint is None else WrongUse(f"no such option '{error.option_name}'", hint)  # type: ignore[attr-defined]

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the description; its examples come after the options, where a terminal still shows them."""
        whole = self.help
        self.help, _ = _without_examples(whole)
        super().format_help_text(ctx, formatter)
        self.help = whole

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from attest.cli._commands import sections  # which only help needs

        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        listed = [(max(option.opts, key=len).lstrip("-"), option.get_help_record(ctx)) for option in options]
        for title, rows in sections.sections([(name, record) for name, record in listed if record is not None]):
            with formatter.section(title):
                formatter.write_dl(rows)
        if isinstance(self, Group):
            self.format_commands(ctx, formatter)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _, examples = _without_examples(self.help)
        if examples is not None:
            title, *lines = examples.splitlines()
            with formatter.section(title.rstrip(":")):
                for line in lines:
                    formatter.write(f"{line.strip():>{len(line.strip()) + formatter.current_indent}}\n")
        super().format_epilog(ctx, formatter)

    def make_parser(self, ctx: click.Context) -> Any:
        parser = super().make_parser(ctx)
        parse = parser.parse_args

        def parse_strictly(args: list[str]) -> tuple[dict[str, Any], list[str], list[click.Parameter]]:
            try:
                given, rest, order = parse(args)
            except click.UsageError as error:
                error.ctx = error.ctx or ctx  # click leaves it out, and with it what the hint names
                raise self._from_elsewhere(error) from None
            ctx.meta[TYPED] = tuple(order)
            # Mistakes do not matter to a shell that completes a word, and to a request for help.
            if not ctx.resilient_parsing and self.get_help_option(ctx) not in order:
                _demand_once(ctx, order)
                _demand_values(ctx, given, order)
                demand_variables(ctx, [param for param in self.get_params(ctx) if param not in order])
            return given, rest, order

        parser.parse_args = parse_strictly  # type: ignore[method-assign]
        return parser


class Command(_Strict):
    """A command."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)
        if not ctx.resilient_parsing:
            _demand_own_stdin(ctx)
        return rest


class Group(_Strict, click.Group):
    """A group whose commands are the modules of `package`, but for those in `besides`.

    With the `summaries` of its commands, help about the group imports none of them.
    """

    def __init__(
        self,
        *arguments: Any,
        package: str,
        besides: Collection[str] = (),
        summaries: Mapping[str, str] = MappingProxyType({}),
        **settings: Any,
    ) -> None:
        super().__init__(*arguments, **settings)
        self.summaries = summaries
        self.commands = _Modules(package, besides)  # type: ignore[assignment]  # click only reads it

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """The command that is named first. Raises UsageError; one who writes `help` is told how to get it."""
        if args[0] == "help" and args[0] not in self.commands and not ctx.resilient_parsing:
            named: click.Command = self
            known = [ctx.command_path]
            for word in args[1:]:
                if not isinstance(named, click.Group) or word not in named.commands:
                    break
                named = named.commands[word]
                known.append(word)
            raise WrongUse("no such command 'help'", f"Run `{' '.join(known)} --help`.")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands that begin so, none of which is imported, or the options."""
        from click.shell_completion import CompletionItem

        found = [name for name in self.commands if name.startswith(incomplete)]
        named = [CompletionItem(name, help=self.summaries.get(name)) for name in found]
        return [*named, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [
            (name, self.summaries.get(name) or self.commands[name].get_short_help_str(formatter.width))
            for name in self.list_commands(ctx)
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def every(command: click.Command, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """A command and all below it, each with the words that call it: `path`, and what is below that."""
    yield path, command
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from every(below, *path, name)


class _Modules(Mapping[str, click.Command]):
    """The commands of a package by name. Each module has a `command` and is imported when that is used."""

    def __init__(self, package: str, besides: Collection[str]) -> None:
        self._package = package
        self._besides = besides

    def __getitem__(self, name: str) -> click.Command:
        module = registry.load(self._package, name) if name not in self._besides else None
        if module is None:
            raise KeyError(name)
        command: click.Command = module.command
        return command

    def __iter__(self) -> Iterator[str]:
        return (name for name in registry.names(self._package) if name not in self._besides)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _without_examples(text: str | None) -> tuple[str | None, str | None]:
    """A help text without the paragraph of its examples, and that paragraph, if it has one."""
    paragraphs = inspect.cleandoc(text).split("\n\n") if text else []
    examples = [one for one in paragraphs if one.startswith(("\b\nExample:", "\b\nExamples:"))]
    if not examples:
        return text, None
    return "\n\n".join(one for one in paragraphs if one not in examples), examples[0].removeprefix("\b\n")


def variable(name: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """A variable that belongs to no option; None if it is not set. Raises UsageError if it is set but empty."""
    value = environ.get(name)
    if value == "":
        raise _empty(name)
    return value


def in_order(ctx: click.Context, *names: str) -> list[tuple[str, Any]]:
    """The names and values of some options that can be repeated, in the order in which they were typed."""
    values = {name: iter(ctx.params[name]) for name in names}
    return [(param.name, next(values[param.name])) for param in ctx.meta[TYPED] if param.name in values]


def _demand_once(ctx: click.Context, order: Sequence[click.Parameter]) -> None:
    # Options with the same name are one option with several spellings, such as a flag and its opposite.
    for name, times in Counter(param.name for param in order if _is_single(param)).items():
        if times > 1:
            spelt = [param for param in dict.fromkeys(order) if param.name == name]
            shown = " or ".join(label(param) for param in spelt)
            often = "twice" if times == 2 else f"{times} times"
            raise click.UsageError(f"{shown} was given {often}; give it once", ctx)


def _demand_own_stdin(ctx: click.Context) -> None:
    given = [
        (label(param), param, text)
        for param in ctx.command.params
        if param.type is not click.UNPROCESSED
        for text in _texts(ctx.params.get(param.name or ""))
    ]
    # Also in failover=, where it may be percent-encoded.
    if any(begin in text.lower() for _, _, text in given for begin in ("file:", "file%3a")):
        from attest.cli._commands import stdin

        stdin.demand_once(ctx, given)


def _is_single(param: click.Parameter) -> bool:
    """Whether a second value of the parameter could contradict the first one."""
    if not isinstance(param, click.Option) or param.multiple or param.count:
        return False
    return not param.is_bool_flag or bool(param.secondary_opts)


def _demand_values(ctx: click.Context, given: Mapping[str, Any], order: Iterable[click.Parameter]) -> None:
    for param in order:
        if param.type is not click.UNPROCESSED and "" in _texts(given.get(param.name or "")):
            raise click.UsageError(f"{label(param)} has an empty value; leave it out, or give it a value", ctx)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)


def demand_variables(ctx: click.Context, params: Iterable[click.Parameter]) -> None:
    """Raises UsageError if a variable of one of the parameters is set but empty."""
    for param in params:
        for name in [param.envvar] if isinstance(param.envvar, str) else param.envvar or ():
            # Blanks alone are no value either: some variables hold a list that blanks separate.
            if not os.environ.get(name, "set").strip():
                raise _empty(name, ctx)


def _empty(name: str, ctx: click.Context | None = None) -> click.UsageError:
    return click.UsageError(f"the variable {name} is set but empty; unset it, or give it a value", ctx)


def label(param: click.Parameter) -> str:
    """How messages call a parameter."""
    if isinstance(param, click.Option):
        return "/".join([*param.opts, *param.secondary_opts])
    return param.human_readable_name
