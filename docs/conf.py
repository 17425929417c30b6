"""The site: `python -m sphinx --fail-on-warning --nitpicky docs build/site` makes it.

Rule: the pages are plain Markdown that reads well without the site. What only the site needs, its navigation and the
pages of the commands, is added here.
"""

from __future__ import annotations

import posixpath
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pygments.lexer import Lexer
from pygments.lexers import BashLexer
from pygments.token import Generic

sys.path.insert(0, str(Path(__file__).parent))

import _commands

import attest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx

project = "attest"
author = "the authors of attest"
copyright = author  # noqa: A001  # the name that Sphinx reads
version = release = attest.__version__

extensions = ["myst_parser"]
myst_enable_extensions = ["deflist"]
smartquotes = False  # they make a dash of the beginning of an option
exclude_patterns = ["_build"]
myst_heading_anchors = 4  # as GitHub makes them

html_theme = "furo"
html_title = f"attest {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_search_scorer = str(Path(__file__).parent / "_static" / "scorer.js")
html_show_sourcelink = html_copy_source = html_show_sphinx = html_show_copyright = False
pygments_style, pygments_dark_style = "friendly", "github-dark"

# The folders in the order of the navigation, each with the pages that come first in it.
NAVIGATION: Final = {
    "Start": ("start", "five-minutes", "softhsm-release", "openbao-release", "github-attestation"),
    "Sign": (
        "sign",
        "files",
        "hsm",
        "hsm-tokens",
        "hsm-pins",
        "hsm-production",
        "simulator",
        "kms",
        "aws-kms",
        "gcp-kms",
        "azure-key-vault",
        "vault",
        "ssh-agent",
        "certificates",
        "ci",
        "run",
        "evidence",
        "predicates",
    ),
    "Verify": ("verify", "files", "releases", "images", "others", "many", "rejected", "releases-of-attest"),
    "Decide": ("decide", "policy"),
    "Run trust": ("trust", "trust", "signed", "ceremony", "trust-life", "incident", "identities"),
    "Pipelines": ("pipelines", "README"),
    "Develop": ("develop", "python", "extending", "interop", "conformance-kit"),
    "Reference": ("reference", "command-line", "environment", "exit-codes", "codes", "formats", "schemas", "limits"),
    "Understand": ("understand", "threat-model", "how-verification-works", "comparison", "architecture"),
    "Contribute": ("contributing",),
}
# A command of a `console` block: it goes on after a backslash, and to the end of a here-document.
_TYPED: Final = re.compile(r"\$ ((?:.*\\\n)*.*<<'END'.*\n(?:.*\n)*?END\n|(?:.*\\\n)*.*\n?)")
_LINK: Final = re.compile(r"\[([^\[\]]*)\]\(([^)\s#:]+)(#[^)\s]*)?\)")


class Console(Lexer):  # type: ignore[misc]  # pygments has no types
    """Commands and what they print. The usual lexer takes a here-document for output, which cannot be copied."""

    name = "console"

    def get_tokens_unprocessed(self, text: str) -> Iterator[tuple[int, Any, str]]:
        begin = 0
        for part in re.split(r"^(?=\$ )", text, flags=re.MULTILINE):
            output = 0
            if typed := _TYPED.match(part):
                output = typed.end()
                yield begin, Generic.Prompt, "$ "
                for index, kind, value in BashLexer().get_tokens_unprocessed(typed[1]):
                    yield begin + 2 + index, kind, value
            yield begin + output, Generic.Output, part[output:]
            begin += len(part)


def _toctree(options: dict[str, str], pages: list[str]) -> str:
    lines = [f":{name}: {value}".rstrip() for name, value in options.items()]
    return "\n".join(["", "```{toctree}", *lines, "", *(f"/{page}" for page in pages), "```", ""]) if pages else ""


def _pages(site: Path, folder: str, first: tuple[str, ...] = ()) -> list[str]:
    """The pages in a folder, those that come `first` before the others. They need not exist."""
    names = sorted(path.stem for path in (site / folder).glob("*.md"))
    return [f"{folder}/{name}" for name in (*[one for one in first if one in names], *sorted({*names} - {*first}))]


def _navigation(site: Path) -> str:
    trees = []
    for caption, (folder, *first) in NAVIGATION.items():
        pages = [folder] if (site / f"{folder}.md").is_file() else _pages(site, folder, tuple(first))
        trees.append(_toctree({"hidden": "", "caption": caption}, pages))
    return "".join(trees)


def _decisions(site: Path) -> str:
    """A list of the decisions. They are not in the navigation, which is made again for every page."""
    pages = sorted((site / "adr").glob("*.md"))
    return "".join(f"- [{page.read_text().partition(chr(10))[0].lstrip('# ')}](../adr/{page.name})\n" for page in pages)


def _complete(app: Sphinx, name: str, source: list[str]) -> None:
    """Add to a page what only the site needs, and change the links that mean something else there."""
    site = Path(app.srcdir)

    def link(match: re.Match[str]) -> str:
        label, path = match[1], posixpath.normpath(posixpath.join(posixpath.dirname(name), match[2]))
        if path == "../README.md":
            return f"[{label}](/index.md)"
        if path.startswith("../") and path.endswith(".md"):  # not on the site
            return label
        if label.endswith(".md"):  # says something in a repository; here the title of the page or section does
            return f"[]({match[2]}{match[3] or ''})"
        return f"[{label}](#decisions)" if path == "adr" else match[0]

    text = _LINK.sub(link, source[0])
    if name == "index":
        text += _navigation(site)
    elif name == "reference/command-line":
        text += "\n## Commands\n" + _toctree({"maxdepth": "1"}, _pages(site, "reference/commands"))
    elif name == "understand/architecture":
        text += f"\n## Decisions\n\n{_decisions(site)}"
    elif name.startswith("adr/"):
        text = f"---\norphan: true\n---\n\n{text}"
    source[0] = text


def setup(app: Sphinx) -> None:
    app.add_lexer("console", Console)
    app.connect("builder-inited", lambda app: _commands.write(Path(app.srcdir)))
    app.connect("source-read", _complete)
