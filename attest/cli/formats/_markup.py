"""The pieces of HTML in a report.

Rule: text enters the page only through `e` and `claim`.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from attest.cli.formats._text import brief

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

_TONE: Final = {"verified": "yes", "rejected": "no", "error": "open", "note": ""}
_SIGN: Final = {
    "verified": "M7.2 12.4l3.3 3.3 6.4-7",
    "rejected": "M8.2 8.2l7.6 7.6M15.8 8.2l-7.6 7.6",
    "error": "M12 6.8v6.4M12 17v.2",
}


def e(text: str, limit: int = 300) -> str:
    """Text in HTML; the middle of a very long text is left out, and control characters are shown as escapes."""
    return escape(brief(text, limit))


def claim(text: str) -> str:
    """Text of an input, set apart from the words around it, whatever its writing direction is."""
    return f"<code>{e(text)}</code>"


def icon(result: str) -> str:
    """A symbol for a result; the word for it is beside it."""
    return (
        f'<svg class="icon {_TONE[result]}" viewBox="0 0 24 24" aria-hidden="true">'
        f'<circle class="disc" cx="12" cy="12" r="11"/><path class="sign" d="{_SIGN[result]}"/></svg>'
    )


def chip(text: str, result: str, *, code: bool = False) -> str:
    """A short word in the colour of a result."""
    return f'<span class="chip {_TONE[result]}{" code" if code else ""}">{e(text)}</span>'


def listed(facts: Mapping[str, str]) -> str:
    """Names and values, which are HTML already."""
    rows = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts.items() if value)
    return f"<dl>{rows}</dl>"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, tight: Collection[int] = ()) -> str:
    """A table of HTML cells, which scrolls if it is too wide; `tight` columns are as narrow as possible."""
    kind = ["tight" if index in tight else "" for index in range(len(heads))]
    head = "".join(f'<th scope="col" class="{kind[index]}">{text}</th>' for index, text in enumerate(heads))
    body = "".join(
        "<tr>"
        + "".join(f'<td class="{kind[index]}" data-head="{heads[index]}">{cell}</td>' for index, cell in enumerate(row))
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="Table: {", ".join(filter(None, heads))}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def more(items: Sequence[object], most: int) -> str:
    """A line that says how many of `items` are not shown, if `most` are."""
    return f'<p class="soft">And {len(items) - most:,} more; --format json lists all.</p>' if len(items) > most else ""
