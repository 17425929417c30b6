"""How results are laid out on a terminal: colour, a mark for the verdict, and lines and lists that fit on a screen.

Rule: a pipe gets every line as it is. A terminal gets the same words, and the number of those that are left out.
"""

from __future__ import annotations

import os
import re
import sys
import textwrap
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MOST: Final = 8  # values with the same label
_HEADED: Final = 20  # things that something was done with
_LINES: Final = 40  # of a document inside of a result
_WIDTH: Final = 80  # of a terminal that does not say its own
_HANGING: Final = 4
_NARROW: Final = 40  # below this, nothing is laid out

_LABELLED: Final = re.compile(r"(?P<indent> +)(?P<label>[a-z][a-z -]*?)(?P<number> \d+)? {2,}(?=\S)")
_WORDS: Final = re.compile(r" +(?=[A-Za-z])(?![\w-]+ = )")
_DOCUMENT: Final = re.compile(r' {4,}["\[\]{}0-9-]')
_HEAD: Final = re.compile(r"[A-Za-z]+(?=: )")
_HEADS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    **dict.fromkeys(("verified", "valid", "met"), ("✓ ", {"fg": "green", "bold": True})),
    **dict.fromkeys(("created", "changed", "attached", "updated", "signed"), ("", {"fg": "green"})),
    "UNVERIFIED": ("! ", {"fg": "yellow", "bold": True}),
}


def is_dumb() -> bool:
    """Whether the terminal draws nothing but lines."""
    return os.environ.get("TERM") == "dumb"


def colour() -> bool | None:
    """False if no colour is wanted, by NO_COLOR, CLICOLOR=0 or TERM=dumb; None for colour on a terminal only."""
    unwanted = os.environ.get("NO_COLOR") or os.environ.get("CLICOLOR") == "0" or is_dumb()
    return False if unwanted else None


def laid_out(lines: Iterable[str], *, brief: bool) -> Iterator[str]:
    """Clean lines for the terminal that standard output is; if `brief`, long lists lose their end."""
    width = _width()
    # The consoles of Windows show escapes as they are, unless the terminal around them is the new one.
    is_styled = colour() is None and (os.name != "nt" or "WT_SESSION" in os.environ)
    is_marked = is_styled and (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    for line in _shortened(lines) if brief else lines:
        head = _HEAD.match(line)
        if head is not None and head[0] in _HEADS and is_styled:
            mark, style = _HEADS[head[0]]
            yield f"{click.style((mark if is_marked else '') + head[0], **style)}{line[head.end() :]}"
        else:
            yield from fitted(line, width)


def fitted(line: str, width: int) -> Iterator[str]:
    """An indented line of words in lines of `width`, which continue below its value; no word is ever broken.

    What begins in the first column stays as it is, so a name that is wrapped is never the beginning of a line; and so
    does a document, from which people copy.
    """
    found = _LABELLED.match(line) or _WORDS.match(line)
    if len(line) <= width or found is None or width < _NARROW:
        yield line
        return
    indent = len(line) - len(line.lstrip(" "))
    below = found.end() if "label" in found.re.groupindex else indent
    if below + max(map(len, line[found.end() :].split(" "))) > width or below == indent:
        below = indent + _HANGING
    yield from textwrap.wrap(
        line,
        width,
        subsequent_indent=" " * below,
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
        drop_whitespace=True,
    )


def _shortened(lines: Iterable[str]) -> Iterator[str]:
    """The lines without the end of what would fill a screen: lines of one kind in a row."""
    last, most, number = "", 0, 0
    for line in lines:
        kind, limit = _kind(line)
        if kind != last:
            yield from _rest(last, number - most)
            last, most, number = kind, limit, 0
        number += 1
        if not kind or number <= most:
            yield line
    yield from _rest(last, number - most)


def _kind(line: str) -> tuple[str, int]:
    """How the lines begin that are of one kind with this one, and how many are shown; an empty text for no kind."""
    if found := _LABELLED.match(line):
        return f"{found['indent']}{found['label']}".ljust(17), _MOST
    if _DOCUMENT.match(line):
        return "   ", _LINES
    head = _HEAD.match(line)
    return (f"{head[0]}:", _HEADED) if head is not None and head[0] in _HEADS else ("", 0)


def _rest(kind: str, left: int) -> Iterator[str]:
    if kind and left > 0:
        yield f"{kind} ... {left:,} more; -v shows all"


def _width() -> int:
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or _WIDTH
    except (OSError, ValueError):
        return _WIDTH
