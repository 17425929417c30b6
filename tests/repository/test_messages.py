"""The texts of the program keep out the words that docs/reference/messages.md retired.

A text is a string of the code that a person may read: one with a blank in it, and the docstring of a command, which is
its help. Docstrings of other functions, comments and names are not texts.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.reading import pages

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "attest"
# Decisions and changes are history, and keep the words of their time.
PAGES = [
    *pages.PAGES,
    ROOT / "README.md",
    ROOT / "SECURITY.md",
    ROOT / "fixtures" / "README.md",
]
WORDS = (
    r"is said|are said|is told|stands? in|stand beside|vouch|\bmend\b|whoever|wherever|none that|goes with"
    r"|exclude each other|all the same|had better|asked for|spoilt|dies of|for good|judged|can't|doesn't|isn't"
)
# A message says what is missing: "unknown anchor 'x'". On a page, "there is no" is what people write.
RETIRED = re.compile(rf"{WORDS}|is no (?!longer)|are no (?!longer)")


def is_help(function: ast.FunctionDef) -> bool:
    """Whether the docstring of a function is the help of a command."""
    return any(
        "click.command" in ast.unparse(one) or "click.group" in ast.unparse(one) for one in function.decorator_list
    )


def texts(source: str) -> Iterator[str]:
    """The texts in a module, an f-string as one text with its values as `{}`."""
    tree = ast.parse(source)
    silent, inside = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
            if is_docstring and not (isinstance(node, ast.FunctionDef) and is_help(node)):
                silent.add(id(first.value))  # type: ignore[attr-defined]
        if isinstance(node, ast.JoinedStr):
            inside |= {id(part) for part in node.values}
            yield "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)  # type: ignore[misc]
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in silent | inside:
            yield node.value


def test_no_text_has_a_retired_word() -> None:
    found = {
        str(path.relative_to(PACKAGE)): text
        for path in sorted(PACKAGE.rglob("*.py"))
        for text in texts(path.read_text())
        if " " in text and RETIRED.search(text)
    }
    assert not found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_page_has_a_retired_word(page: Path) -> None:
    assert not re.search(WORDS, page.read_text())


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('"""it is judged"""\nx = f"{x} may vouch for {y}"', ["{} may vouch for {}"]),
        ('@click.command()\ndef command():\n    """It is judged."""', ["It is judged."]),
        ('def helper():\n    """It is judged."""', []),
    ],
)
def test_the_texts_are_what_a_person_may_read(source: str, found: list[str]) -> None:
    assert [text for text in texts(source) if " " in text] == found
