"""The manual pages in docs/man/, made from the commands: `python -m tests.cli.make_man_pages` writes them again.

They are files of the repository, so a build needs nothing but what is there, and always makes the same. A page is about
one command of `attest`, with its subcommands. The text is that of the help.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click

from attest.cli import attest
from attest.cli._commands import every
from attest.cli.formats import _codes

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGES = Path(__file__).parents[2] / "docs" / "man"


def pages() -> dict[str, str]:
    """Every page by the name of its file."""
    top = click.Context(attest, info_name="attest", **attest.context_settings)
    found = {"attest.1": _page(top, _top(top))}
    for name in attest.list_commands(top):
        ctx = click.Context(attest.commands[name], info_name=name, parent=top)
        found[f"attest-{name}.1"] = _page(ctx, _command(ctx))
    return found


def _page(ctx: click.Context, body: Iterator[str]) -> str:
    name = ctx.command_path.replace(" ", "-")
    summary = ctx.command.get_short_help_str(200).rstrip(".")
    head = [
        f'.TH "{name.upper()}" "1" "" "attest" "attest manual"',
        ".SH NAME",
        f"{_escaped(name)} \\- {_escaped(summary)}",
    ]
    lines = [*head, *body]
    # A heading begins a paragraph already.
    return "".join(f"{one}\n" for one, before in zip(lines, ["", *lines], strict=False) if not _again(one, before))


def _again(line: str, before: str) -> bool:
    return line == ".PP" and before.startswith((".SH", ".SS"))


def _top(top: click.Context) -> Iterator[str]:
    yield from (".SH SYNOPSIS", *_usage(top), ".SH DESCRIPTION", *_description(attest), ".SH COMMANDS")
    for name in attest.list_commands(top):
        yield from (
            ".TP",
            f"\\fBattest\\-{_escaped(name)}\\fR(1)",
            _escaped(attest.commands[name].get_short_help_str(200)),
        )
    yield from (".SH OPTIONS", *_options(top), ".SH EXIT STATUS")
    for code in _codes.codes():
        if code.isdigit():
            yield from (".TP", f"\\fB{code}\\fR", *_text(_codes.meanings(code)[0].meaning))
    yield ".SH ENVIRONMENT"
    for variable, options in sorted(_variables(attest)):
        yield from (
            ".TP",
            f"\\fB{_escaped(variable)}\\fR",
            _escaped(f"Value of {options}, if the option is not given."),
        )
    for variable, text in _SECRETS.items():
        yield from (".TP", f"\\fB{_escaped(variable)}\\fR", _escaped(text))
    yield from (".SH FILES", ".TP", r"\fI~/.config/attest/config.toml\fR", "Profiles of signers.")


# Variables that belong to no option.
_SECRETS = {
    "ATTEST_PASSPHRASE": "Passphrase of an encrypted key file.",
    "ATTEST_PIN, ATTEST_PIN_<TOKEN>": "PIN of the only token, and of the token with this label.",
    "ATTEST_DEBUG": "1 shows the traceback of an internal error.",
    "NO_COLOR": "If set, output has no colours.",
}


def _command(ctx: click.Context) -> Iterator[str]:
    command = ctx.command
    yield from (".SH SYNOPSIS", *_usage(ctx), ".SH DESCRIPTION", *_description(command))
    below = list(_below(ctx))
    if below:
        yield ".SH COMMANDS"
    for one in below:
        yield from (f'.SS "{_escaped(one.command_path)}"', *_usage(one), *_description(one.command), *_options(one))
    if not isinstance(command, click.Group):
        yield from (".SH OPTIONS", *_options(ctx))
    yield from (".SH SEE ALSO", r"\fBattest\fR(1)")


def _below(ctx: click.Context) -> Iterator[click.Context]:
    """The commands below a group, those of groups in it too."""
    if isinstance(ctx.command, click.Group):
        for name in ctx.command.list_commands(ctx):
            below = click.Context(ctx.command.commands[name], info_name=name, parent=ctx)
            yield from _below(below) if isinstance(below.command, click.Group) else [below]


def _usage(ctx: click.Context) -> Iterator[str]:
    words = " ".join(ctx.command.collect_usage_pieces(ctx))
    yield from (".PP", f"\\fB{_escaped(ctx.command_path)}\\fR {_escaped(words)}")


def _description(command: click.Command) -> Iterator[str]:
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        if paragraph.startswith("\b\n"):
            yield from (".PP", ".nf", *map(_escaped, paragraph.splitlines()[1:]), ".fi")
        else:
            yield from (".PP", *_text(paragraph))


def _options(ctx: click.Context) -> Iterator[str]:
    ctx.show_default = True
    for param in ctx.command.get_params(ctx):
        record = param.get_help_record(ctx)
        if record is not None and record[1]:
            yield from (".TP", f"\\fB{_escaped(record[0])}\\fR", *_text(record[1]))


def _variables(program: click.Command) -> set[tuple[str, str]]:
    params = (param for _, command in every(program) for param in command.params)
    return {(str(one.envvar), one.opts[-1]) for one in params if isinstance(one, click.Option) and one.envvar}


def _text(text: str) -> list[str]:
    """Lines of a paragraph."""
    words = textwrap.wrap(" ".join(text.split()), 72, break_long_words=False, break_on_hyphens=False)
    return [_escaped(line) for line in words]


def _escaped(text: str) -> str:
    """Text as roff reads it: no line begins a request, and a hyphen is the character that a person types."""
    plain = text.replace("\\", r"\e").replace("-", r"\-")
    return re.sub(r"^([.'])", r"\\&\1", plain)


if __name__ == "__main__":
    PAGES.mkdir(exist_ok=True)
    for old in PAGES.glob("*.1"):
        old.unlink()
    for name, text in pages().items():
        (PAGES / name).write_text(text)
