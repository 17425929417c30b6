"""The supply chain as a Mermaid flowchart, which GitHub and GitLab draw from a code block.

Rule: every character of a label but ASCII letters, digits and blanks is an entity, so nothing of an input is Mermaid.
"""

from __future__ import annotations

from typing import Final

from attest.cli.formats import _graph
from attest.cli.formats._text import brief

# Mermaid draws nothing at all above 500 edges, or above 50,000 characters.
_CHARACTERS: Final = 40_000
_LABEL: Final = 60  # characters
_STYLES: Final = (
    "classDef good stroke:#1a7f37,stroke-width:2px",
    "classDef bad stroke:#cf222e,stroke-width:2px,stroke-dasharray:6 4",
    "classDef wanted stroke:#1a7f37,stroke-width:3px",
)


def block(graph: _graph.Graph) -> list[str]:
    """A Markdown code block with what is drawable of a graph; empty if that is too much, or nothing."""
    shown = _graph.drawable(graph)
    names = {name: f"n{number}" for number, name in enumerate(shown.nodes)}  # never a word of Mermaid, such as `end`
    lines = ["flowchart TD"]
    for name, node in shown.nodes.items():
        begin, end = ("(", ")") if node.kind == "resource" else ("[", "]")
        label = f"{_escaped(_graph.over(node))}<br/>{_escaped(node.title)}"
        lines.append(f'  {names[name]}{begin}"{label}"{end}{_style(node)}')
    for start, end in shown.edges:
        arrow = "-.->" if shown.nodes[end].kind == "claim" else "-->"
        lines.append(f"  {names[start]} {arrow} {names[end]}")
    lines += [f"  {style}" for style in _STYLES]
    if not shown.edges or sum(map(len, lines)) > _CHARACTERS:
        return []
    return ["```mermaid", *lines, "```"]


def _style(node: _graph.Node) -> str:
    style = {"verified": ":::good", "rejected": ":::bad"}.get(node.verdict, "")
    return style or (":::wanted" if node.wanted else "")


def _escaped(text: str) -> str:
    """Text as Mermaid's entities, which are read after its grammar, its Markdown and its HTML."""
    text = brief(text, _LABEL).replace("\ufb02", r"\ufb02")  # with it begin entities that Mermaid has read already
    return "".join(c if c == " " or (c.isascii() and c.isalnum()) else f"#{ord(c)};" for c in text)
