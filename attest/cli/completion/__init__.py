"""`attest completion`: words completed in a shell.

Rule: a word is completed by this command alone. No variable makes another command complete instead of doing its work,
as click's own does: `attest verify` would then end without having verified.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from click.shell_completion import ShellComplete, split_arg_string

from attest.cli import _commands, _output
from attest.cli.formats._text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from click.shell_completion import CompletionItem

SHELLS = ("bash", "zsh", "fish")
# What a shell may act on behind an open quote, where bash (`%q` of what its locale cannot show) does not escape it.
_ACTIVE: Final = re.compile(r"""[!"$'\\`]""")


@click.command(cls=_commands.Command, short_help="Print the script that completes words in a shell.")
@click.argument("shell", type=click.Choice(SHELLS))
@click.argument("words", metavar="[-- WORD...]", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def command(session: _output.OutputContext, shell: str, words: tuple[str, ...]) -> _output.Completed:
    """Print the script that completes words in a shell.

    Completes commands, options, and values that attest knows: signer schemes, predicate types, formats, codes, files.

    \b
    Add the line of your shell to its start-up file:
      eval "$(attest completion bash)"          ~/.bashrc (bash 4.4 or newer)
      eval "$(attest completion zsh)"           ~/.zshrc, after compinit
      attest completion fish | source           ~/.config/fish/config.fish

    With WORDs, a command line up to the cursor, prints what could complete it, for the script: a type (plain, file or
    dir), the word and its help in each line. For bash these are the line, and the part of it that bash completes.
    """
    if not words:
        _output.write((Path(__file__).parent / f"attest.{shell}").read_bytes())
        return _output.Completed()
    cut = ""
    if shell == "bash":
        line, part = words[0], words[-1]
        words = tuple(split_arg_string(line)) + (() if line[-1:].strip() else ("",))
        cut = _before(words[-1], part)
    shown = [_shown(found, cut) for found in _completions(session, words[1:])]
    _output.write("".join(shown).encode("utf-8", "backslashreplace"))
    return _output.Completed()


def _completions(session: _output.OutputContext, words: Sequence[str]) -> Iterator[CompletionItem]:
    from attest.cli import attest

    # What was typed may be wrong or unfinished in any way; then there is nothing to complete.
    with suppress(Exception):
        found = ShellComplete(attest, {"obj": session}, "attest", "").get_completions([*words[:-1]], words[-1])
        # Names are chosen by others: of files, and of anchors in a trust bundle that nobody has checked.
        yield from (one for one in found if one.type != "plain" or _is_inert(str(one.value)))


def _is_inert(name: str) -> bool:
    return name.isprintable() and not _ACTIVE.search(name)


def _before(word: str, part: str) -> str:
    """What of `word` bash has already: it ends a part at each `:` and `=`, and completes only the last one."""
    if part in (":", "="):
        return word
    return word[: len(word) - len(part)] if word.endswith(part) else ""


def _shown(found: CompletionItem, cut: str) -> str:
    parts = (found.type, str(found.value).removeprefix(cut), " ".join((found.help or "").split()))
    return "\t".join(map(clean, parts)) + "\n"
