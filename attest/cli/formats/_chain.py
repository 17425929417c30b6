"""The supply chain in a report: the drawing, what its lines mean, and the same as a table.

Rule: what is drawn can be read without seeing it, and what is not drawn is counted.
"""

from __future__ import annotations

from typing import Any, Final

from attest.cli.formats import _graph, _svg
from attest.cli.formats._markup import claim, more, table

_MOST: Final = 400
_RELATION: Final = {
    ("resource", "step"): "went into",
    ("step", "resource"): "made",
    ("resource", "claim"): "is the subject of",
}
_LEGEND: Final = (
    "From top to bottom: a solid line leads from what went into a step to the step, and from there to what came out; a "
    "dashed line leads to another attestation about something. Things are one where a strong digest is equal, whatever "
    "they are called."
)


def figure(result: dict[str, Any]) -> list[str]:
    """The section on the supply chain; nothing where known keys tell of none."""
    graph = _graph.of(result)
    if not graph.edges:
        return []
    shown = _graph.drawable(graph)
    told = [(graph.nodes[start], graph.nodes[end]) for start, end in graph.edges]
    summary = "; ".join(f"{start.title} {_relation(start, end)} {end.title}" for start, end in told[:20])
    rows = [[claim(start.title), _relation(start, end), claim(end.title)] for start, end in told[:_MOST]]
    return [
        '<h2 id="chain">Supply chain</h2>',
        '<figure class="card"><div class="scroll" tabindex="0" role="region" aria-label="Drawing of the supply chain">',
        _svg.drawing(shown, summary),
        f"</div><figcaption>{_left_out(graph, shown)}{_LEGEND}",
        f"<details><summary>The same as a table</summary>{table(['From', '', 'To'], rows, tight={1})}",
        f"{more(told, _MOST)}</details></figcaption></figure>",
    ]


def _relation(start: _graph.Node, end: _graph.Node) -> str:
    return _RELATION[start.kind, end.kind]


def _left_out(graph: _graph.Graph, shown: _graph.Graph) -> str:
    drawn = sum(node.count for node in shown.nodes.values())
    if drawn == len(graph.nodes):
        return ""
    return f"Of {len(graph.nodes):,} nodes those {drawn:,} are drawn that have most to do with each other. "
