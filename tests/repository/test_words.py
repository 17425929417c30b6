"""One word means one thing, as docs/reference/glossary.md says: no classes share a name, old names stay out.

Rule: a name that stood for two things is not used again, not even for one of them.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
GLOSSARY = (ROOT / "docs" / "reference" / "glossary.md").read_text()
# What type checkers see of Rejected is another class, attest/results/rejected.py says why.
TWICE = {"Rejected"}
RETIRED = {
    *("Asked", "Chosen", "Done", "Doubt", "Evidence", "Fault", "Finding", "Found", "Held", "Judged", "Member"),
    *("MemberDown", "Members", "Met", "Objection", "Outlook", "Ran", "Session", "Step", "Taken", "Walked"),
}


@cache
def classes() -> Counter[str]:
    """How often each name is that of a class."""
    trees = [ast.parse(path.read_text()) for path in (ROOT / "attest").rglob("*.py")]
    return Counter(node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


def test_no_two_classes_share_a_name() -> None:
    assert {name for name, number in classes().items() if number > 1} == TWICE


def test_a_retired_name_is_no_class() -> None:
    assert not {name.lstrip("_") for name in classes()} & RETIRED


def test_the_glossary_has_each_word_once() -> None:
    rows = re.findall(r"^\| (?!word |--)(.*?) \|", GLOSSARY, re.MULTILINE)
    assert len(rows) > 100
    assert not [row for row, number in Counter(rows).items() if number > 1]


def test_the_glossary_names_classes_that_there_are() -> None:
    table = GLOSSARY.partition("## In the code\n")[2]
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} <= set(classes())
