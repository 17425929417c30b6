"""The supply chain in an HTML report: a drawing, its legend, and the same as a table.

Rule: everything in the drawing is also in the text, and what is not drawn is counted.
"""

from __future__ import annotations

from typing import Any, Final

from attest.cli.formats import _graph, _svg
from attest.cli.formats._markup import claim, more, table

_MOST: Final = 400
_RELATION: Final = {
    ("resource", "step"): "is an input of",
    ("step", "resource"): "produced",
    ("resource", "claim"): "is the subject of",
}
_LEGEND: Final = (
    "From top to bottom: a solid line leads from an input to the step that used it, and from a step to its products. A "
    "dashed line leads from a resource to another attestation about it. Two resources are shown as one if a strong "
    "digest is equal, even if their names differ."
)


def figure(result: dict[str, Any]) -> list[str]:
    """The section about the supply chain; empty if no signed attestation describes one."""
    graph = _graph.of(result)
    if not graph.edges:
        return []
    shown = _graph.drawable(graph)
    edges = [(graph.nodes[start], graph.nodes[end]) for start, end in graph.edges]
    summary = "; ".join(f"{start.title} {_relation(start, end)} {end.title}" for start, end in edges[:20])
    rows = [[claim(start.title), _relation(start, end), claim(end.title)] for start, end in edges[:_MOST]]
    return [
        '<h2 id="chain">Supply chain</h2>',
        '<figure class="card"><div class="scroll" tabindex="0" role="region" aria-label="Drawing of the supply chain">',
        _svg.drawing(shown, summary),
        f"</div><figcaption>{_left_out(graph, shown)}{_LEGEND}",
        f"<details><summary>The same as a table</summary>{table(['From', '', 'To'], rows, tight={1})}",
        f"{more(edges, _MOST)}</details></figcaption></figure>",
    ]


def _relation(start: _graph.Node, end: _graph.Node) -> str:
    return _RELATION[start.kind, end.kind]


def _left_out(graph: _graph.Graph, shown: _graph.Graph) -> str:
    drawn = sum(node.count for node in shown.nodes.values())
    if drawn == len(graph.nodes):
        return ""
    return f"The drawing shows {drawn:,} of {len(graph.nodes):,} nodes: those with the most connections. "
