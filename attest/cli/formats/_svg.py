"""The supply chain as a drawing: inline SVG that needs no script, and says in words what it shows in colours.

Rule: a text is cut to its box and clipped by it, so that no name can draw over another.
"""

from __future__ import annotations

from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Final
from unicodedata import east_asian_width

from attest.cli.formats import _layout
from attest.cli.formats._graph import over
from attest.cli.formats._text import brief, clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from attest.cli.formats._graph import Graph, Node

_WIDTH: Final = 232
_HEIGHT: Final = 70
_PAD: Final = 14
_ROW: Final = 1000
_MARGIN: Final = 6
# How wide a character is at most, on average, in the fonts that it may be shown in.
_TITLE, _SMALL, _MONO = 8.1, 6.5, 6.8


def drawing(graph: Graph, summary: str) -> str:
    """The SVG of a graph, whose description is `summary`."""
    sizes = dict.fromkeys(graph.nodes, (float(_WIDTH), float(_HEIGHT)))
    drawn = _layout.draw(sizes, list(graph.edges), _ROW)
    width, height = drawn.width + 2 * _MARGIN, drawn.height + 2 * _MARGIN
    about = {edge for edge in graph.edges if graph.nodes[edge[1]].kind == "claim"}
    return "\n".join(
        [
            f'<svg class="chain" role="group" aria-labelledby="chain-title chain-text" width="{width:.0f}" '
            f'height="{height:.0f}" viewBox="{-_MARGIN} {-_MARGIN} {width:.0f} {height:.0f}" '
            f'style="--least: {0.72 * width:.0f}px">',
            '<title id="chain-title">The supply chain</title>',
            f'<desc id="chain-text">{escape(brief(summary, 4000))}</desc>',
            '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
            'orient="auto-start-reverse"><path d="M0 1 9 5 0 9z" class="tip"/></marker></defs>',
            *(_edge(points, dashed=edge in about) for edge, points in drawn.edges.items()),
            *(_node(node, drawn.boxes[name]) for name, node in graph.nodes.items()),
            "</svg>",
        ]
    )


def _edge(points: Sequence[tuple[float, float]], *, dashed: bool) -> str:
    """A line that goes upright through each of its points, and bends between them."""
    path = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for (x1, y1), (x2, y2) in pairwise(points):
        middle = (y1 + y2) / 2
        path.append(f"C{x1:.1f} {middle:.1f} {x2:.1f} {middle:.1f} {x2:.1f} {y2:.1f}")
    kind = "edge about" if dashed else "edge"
    return f'<path class="{kind}" d="{" ".join(path)}" marker-end="url(#tip)"/>'


def _node(node: Node, box: _layout.Box) -> str:
    x, y = box.x - _WIDTH / 2, box.y - _HEIGHT / 2
    state = {"verified": "good", "rejected": "bad"}.get(node.verdict, "wanted" if node.wanted else "")
    mono = "mono" if node.kind == "resource" and node.count == 1 else ""
    lines = [
        (18, "over", _cut(over(node), _SMALL)),
        (37, "name", _cut(node.title, _TITLE)),
        (55, f"small {mono}", _cut(node.detail, _MONO if mono else _SMALL)),
    ]
    texts = "".join(f'<text x="{_PAD}" y="{top}" class="{kind}">{escape(text)}</text>' for top, kind, text in lines)
    radius = 9 if node.kind == "resource" else 3
    shape = f'<rect x="1.5" y="1.5" width="{_WIDTH - 3}" height="{_HEIGHT - 3}" rx="{radius}"/>'
    stack = f'<path class="stack" d="M{_WIDTH - 22} 8v9m-4.5-4.5h9"/>' if node.count > 1 else ""
    full = escape(", ".join(brief(text) for text in (over(node), node.title, node.detail)))
    drawn = (
        f'<svg class="node {node.kind} {state}" x="{x:.1f}" y="{y:.1f}" width="{_WIDTH}" height="{_HEIGHT}">'
        f"<title>{full}</title>{shape}{stack}{texts}</svg>"
    )
    return drawn if node.envelope is None else f'<a href="#a{node.envelope}">{drawn}</a>'


def _cut(text: str, width: float) -> str:
    """`text`, without its middle if it would not fit into a box with characters of this width."""
    text = clean(text) if text.strip() else brief(text)
    room = (_WIDTH - 2 * _PAD) / width
    if _units(text) <= room:
        return text
    half = (room - 2) / 2
    return f"{_first(text, half)}…{_first(text[::-1], half)[::-1]}"


def _first(text: Iterable[str], room: float) -> str:
    kept = []
    for character in text:
        room -= _units(character)
        if room < 0:
            break
        kept.append(character)
    return "".join(kept)


def _units(text: str) -> float:
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)
