"""`attest explain`: what a code means, why it happens, and what to do next.

Rule: every text is from the documentation, and nothing is read but that.
"""

from __future__ import annotations

import textwrap
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from attest.cli import _commands, _options, _output
from attest.cli.formats import _codes

if TYPE_CHECKING:
    from collections.abc import Iterator

_WIDTH = 80


class _Code(click.ParamType[str]):
    """A code, also with the brackets around it in a message."""

    name = "code"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The code. Raises BadParameter, with codes that look alike."""
        code = str(value).strip("() .").lower()
        if not _codes.meanings(code):
            near = get_close_matches(code[:100], _codes.codes(), n=3)
            meant = f". Did you mean {', '.join(map(repr, near))}?" if near else ""
            self.fail(f"unknown code {code[:100]!r}{meant}", param, ctx)
        return code

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The codes that begin so."""
        return [CompletionItem(code) for code in _codes.codes() if code.startswith(incomplete)]


@click.command(cls=_commands.Command, short_help="Explain the code of an error, and what to do.")
@click.argument("codes", metavar="CODE...", type=_Code(), nargs=-1, required=True)
@_options.format_option
@click.pass_obj
def command(session: _output.OutputContext, codes: tuple[str, ...]) -> _output.Completed:
    """Explain the code of an error, and what to do.

    CODE is the word in brackets at the end of an error, the code of a signature, a failure or a warning, or the exit
    code of attest.

    \b
    Examples:
      attest explain artifact-mismatch
      attest explain 4
    """
    found = [known for code in dict.fromkeys(codes) for known in _codes.meanings(code)]
    return _output.done(session, _text(found), explained=[known._asdict() for known in found])


def _text(found: list[_codes.CodeMeaning]) -> Iterator[str]:
    for number, known in enumerate(found):
        if number:
            yield ""
        yield f"{known.code}  [{known.section}]"
        yield from _wrapped(known.meaning, "  ")
        if known.reason:
            yield from _wrapped(known.reason, "  ")
        if known.remedies:
            yield "  What to do:"
        for remedy in known.remedies:
            yield from _wrapped(remedy, "  - ")


def _wrapped(text: str, first: str) -> list[str]:
    """Lines that fit a terminal; commands and names are not broken."""
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    )
