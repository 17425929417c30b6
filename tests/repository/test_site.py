"""The site is built, and its links lead somewhere: those of the site, and those that GitHub shows.

Rule: a warning of Sphinx is an error, and the site loads nothing from elsewhere.
"""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from attest.cli import attest as program
from attest.cli._commands import every
from attest.cli._output import exits
from tests.support.reading import pages
from tests.support.reading.pages import DOCS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[2]
PAGES = [
    *pages.PAGES,
    *sorted((DOCS / "adr").glob("*.md")),
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "fixtures/README.md")),
]
REFERENCE = {page.stem: page.read_text() for page in (DOCS / "reference").glob("*.md")}
FENCED = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)


OPTIONS = [
    (path, option)
    for path, command in every(program)
    for option in command.params
    if isinstance(option, click.Option) and not option.hidden
]


def anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub names them."""
    headings = re.findall(r"^#+ (.*)$", FENCED.sub("", page.read_text()), re.MULTILINE)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in plain}


@pytest.mark.slow
def test_the_site_is_built_with_a_page_for_each_command(tmp_path: Path) -> None:
    for path in ROOT.iterdir():
        if path.name in ("schemas", "fixtures"):
            (tmp_path / path.name).symlink_to(path)
    shutil.copytree(DOCS, tmp_path / "docs")
    site = tmp_path / "site"
    options = ("--quiet", "--fail-on-warning", "--keep-going", "--nitpicky")
    line = [sys.executable, "-m", "sphinx", *options, str(tmp_path / "docs"), str(site)]
    ran = subprocess.run(line, cwd=tmp_path, stderr=subprocess.PIPE, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    html = {str(page.relative_to(site)): page.read_text() for page in site.rglob("*.html")}
    loaded = re.compile(r"""<(?:script|img|link|iframe|source)\b[^>]*\b(?:src|href)=["'](?:https?:)?//""")
    assert [name for name, text in html.items() if loaded.search(text)] == []
    assert [name for name, text in html.items() if re.search(r"<a [^>]*>(?:<[^>]*>)*[\w-]+\.md<", text)] == []
    for style in site.rglob("*.css"):
        assert not re.search(r"url\([\"']?(?:https?:)?//|@import", style.read_text()), style
    for words, option in OPTIONS:
        if words:
            page = html[f"reference/commands/{words[0]}.html"]
            assert all(f">{name}<" in page or f">{name} " in page for name in option.opts), (words, option.opts)
    linked = {match for text in html.values() for match in re.findall(r'href="([\w/.-]+)\.html', text)}
    assert {page.stem for page in PAGES if DOCS in page.parents} <= {Path(name).name for name in linked}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_link_of_a_page_leads_to_a_file_and_a_heading(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", FENCED.sub("", page.read_text())):
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert ROOT in target.parents, link
        assert not anchor or anchor in anchors(target), link


def test_every_variable_of_an_option_is_in_the_table_with_its_option() -> None:
    table = set(re.findall(r"^\| `(ATTEST_\w+)` \| `(--[\w-]+)` \|", REFERENCE["environment"], re.MULTILINE))
    assert table == {(option.envvar, option.opts[-1]) for _, option in OPTIONS if option.envvar}


def variables() -> Iterator[str]:
    """What the code asks the environment for; CI systems have a page and a test of their own."""
    for path in (ROOT / "attest").rglob("*.py"):
        if path.parent.name == "ci":
            continue
        tree = ast.parse(path.read_text())
        named = dict(constants(tree))
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from re.findall(r"\b(?:ATTEST|COSIGN)_[A-Z_]*[A-Z](?:_<TOKEN>)?(?![A-Z_])", node.value)
            elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("environ.get"):
                yield from text(node.args[0], named)
            elif isinstance(node, ast.Call) and ast.unparse(node.func) == "setting":
                yield from (f"VAULT_{name}" for name in text(node.args[1], named))
            elif isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("environ"):
                yield from text(node.slice, named)


def constants(tree: ast.Module) -> Iterator[tuple[str, ast.expr | None]]:
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            names = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from ((ast.unparse(name), node.value) for name in names)


def text(node: ast.expr, named: Mapping[str, ast.expr | None]) -> Iterator[str]:
    found = named.get(ast.unparse(node), node)
    if isinstance(found, ast.Constant) and isinstance(found.value, str):
        yield found.value


def test_every_variable_that_the_code_reads_is_on_the_page() -> None:
    from attest.signers.hv.logins import _METHODS, PREFIX

    logins = {f"{PREFIX}{name}" for method in _METHODS.values() for name in method.variables}
    read = {*variables(), *logins}
    assert len(read) > 40
    assert {name for name in read if f"`{name}`" not in REFERENCE["environment"]} == set()


def test_the_exit_codes_are_those_of_the_program() -> None:
    shown = [int(code) for code in re.findall(r"^\| (\d+) \|", REFERENCE["exit-codes"], re.MULTILINE)]
    assert shown == [exits.OK, exits.REJECTED, exits.USAGE, exits.UNREADABLE, exits.UNAVAILABLE, exits.BUG]


def test_every_schema_is_on_the_page() -> None:
    schemas = ROOT / "schemas"
    shown = set(re.findall(r"^\| \[([\w-]+\.json)\]", REFERENCE["schemas"], re.MULTILINE))
    assert shown == {path.name for path in schemas.glob("*.json")}
    dialects = {json.loads((schemas / name).read_text())["$schema"] for name in shown}
    assert dialects == {"https://json-schema.org/draft/2020-12/schema"}
