"""The supply chain in a result: steps, their inputs and products, joined if digests are equal.

Rule: two resources are one if a strong digest is equal and none differs, even if their names differ.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from attest._base.text import plural
from attest.cli.formats import _view
from attest.digest import STRONG, compare

if TYPE_CHECKING:
    from collections.abc import Mapping

# A larger drawing is hard to read; the table has everything.
MOST_NODES: Final = 60
MOST_EDGES: Final = 240
# This many similar nodes are shown as one. In a large graph, nodes are similar if their neighbours are similar.
_ALIKE: Final = 4
_CROWD: Final = 24
_ROUNDS: Final = 4

Kind = Literal["resource", "step", "claim"]


@dataclass
class Node:
    """A resource, a step that made some, or another attestation about some.

    `envelope` is the place of the attestation among those of the result. A resource is `wanted` if it is an artifact
    that was asked for, and `tied` if it has a strong digest. `count` is how many are shown as one.
    """

    kind: Kind
    title: str
    detail: str
    verdict: str = ""
    type: str = ""
    envelope: int | None = None
    wanted: bool = False
    tied: bool = True
    count: int = 1


@dataclass
class Graph:
    """Nodes by an id, and edges from inputs to products."""

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: dict[tuple[str, str], None] = field(default_factory=dict)


def of(result: dict[str, Any]) -> Graph:
    """Everything that known keys say in the envelopes of a result, verified or refused."""
    graph = Graph()
    resources = _Resources(graph)
    told = [(index, entry) for index, entry in _view.counting(result) if "subjects" in entry]
    artifacts = result.get("artifacts") or []
    # Who has most digests comes first, so that those with one of them find it there.
    every = [{"name": artifact["artifact"], "digest": artifact["digests"]} for artifact in artifacts]
    for _, entry in told:
        every += [*entry["subjects"], *entry.get("step", {}).get("materials", ())]
    for descriptor in sorted(every, key=lambda one: -len(one.get("digest") or {})):
        resources.find(descriptor)
    for artifact in artifacts:
        if artifact["covered_by"]:
            node = graph.nodes[resources.find({"name": artifact["artifact"], "digest": artifact["digests"]})]
            node.wanted = True
    for index, entry in told:
        name = f"a{index}"
        graph.nodes[name] = _attestation(index, entry)
        for subject in entry["subjects"]:
            about = resources.find(subject)
            graph.edges[(name, about) if "step" in entry else (about, name)] = None
        for material in entry.get("step", {}).get("materials", ()):
            graph.edges[resources.find(material), name] = None
    return _without_lone(graph)


def drawable(graph: Graph) -> Graph:
    """The graph with what is alike shown as one and, if that is still too much, the most connected of it."""
    graph = _merged(graph, _same_neighbours(graph))
    if len(graph.nodes) > _CROWD:
        graph = _merged(graph, _alike_neighbours(graph))
    degree: dict[str, int] = defaultdict(int)
    for start, end in graph.edges:
        degree[start] += 1
        degree[end] += 1
    ranked = sorted(graph.nodes, key=lambda name: (-degree[name], not graph.nodes[name].wanted))
    kept = set(ranked[:MOST_NODES])
    edges = [edge for edge in graph.edges if kept.issuperset(edge)][:MOST_EDGES]
    return _without_lone(Graph({name: graph.nodes[name] for name in graph.nodes if name in kept}, dict.fromkeys(edges)))


def over(node: Node) -> str:
    """The line over a node's name: what it is, which no colour says alone."""
    if node.kind == "resource":
        untied = "" if node.tied else ", no strong digest"
        return ("artifact" if node.wanted else "resource") + untied
    said = "✓ verified" if node.verdict == "verified" else "✗ rejected"
    return f"{said} {node.type if node.kind == 'step' else 'attestation'}"


def _attestation(index: int, entry: dict[str, Any]) -> Node:
    step = entry.get("step")
    kind = _view.type_name(entry["predicateType"])
    verdict = entry["result"]
    by = ", ".join(entry["anchors"])
    detail = f"signed for {by}" if verdict == "verified" else f"rejected: {entry['code']}"
    if step is None:
        return Node("claim", kind, detail, verdict, kind, index)
    return Node("step", step["name"] or step["builder"] or step["buildType"] or kind, detail, verdict, kind, index)


class _Resources:
    """The resources of a graph, found by their digests; without one, by what they are called."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._known: dict[tuple[str, str], list[tuple[str, dict[str, str]]]] = defaultdict(list)

    def find(self, descriptor: Mapping[str, Any]) -> str:
        """The node for a descriptor; one that isn't there yet is made."""
        digests = {name: value.lower() for name, value in (descriptor.get("digest") or {}).items()}
        strong = sorted(item for item in digests.items() if item[0] in STRONG)
        places = strong or [("", repr((descriptor.get("name"), descriptor.get("uri"), sorted(digests.items()))))]
        for place in places:
            for name, known in self._known[place]:
                if not strong or compare(digests, known) == "same":
                    return name
        name = f"r{len(self._graph.nodes)}"
        label = _view.label(descriptor)
        self._graph.nodes[name] = Node("resource", label, _view.digest(digests), tied=bool(strong))
        for place in places:
            self._known[place].append((name, digests))
        return name


def _without_lone(graph: Graph) -> Graph:
    """The graph without what is on no edge: an artifact that no attestation is about."""
    used = {name for edge in graph.edges for name in edge}
    return Graph({name: node for name, node in graph.nodes.items() if name in used}, graph.edges)


def _neighbours(graph: Graph) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    into: dict[str, list[str]] = {name: [] for name in graph.nodes}
    out_of: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for start, end in graph.edges:
        into[end].append(start)
        out_of[start].append(end)
    return into, out_of


def _look(node: Node) -> tuple[object, ...]:
    return node.kind, node.verdict, node.type, node.wanted, node.tied


def _same_neighbours(graph: Graph) -> dict[str, object]:
    into, out_of = _neighbours(graph)
    return {name: (_look(node), frozenset(into[name]), frozenset(out_of[name])) for name, node in graph.nodes.items()}


def _alike_neighbours(graph: Graph) -> dict[str, object]:
    """Nodes of one class look alike, and so do their neighbours, and theirs, for some rounds."""
    into, out_of = _neighbours(graph)
    classes: dict[object, int] = {}
    found = {name: classes.setdefault(_look(node), len(classes)) for name, node in graph.nodes.items()}
    for _ in range(_ROUNDS):
        classes = {}
        seen = {
            name: (
                found[name],
                frozenset(found[other] for other in into[name]),
                frozenset(found[o] for o in out_of[name]),
            )
            for name in graph.nodes
        }
        found = {name: classes.setdefault(key, len(classes)) for name, key in seen.items()}
    return dict(found)


def _merged(graph: Graph, classes: Mapping[str, object]) -> Graph:
    """The graph with each class of several nodes as one of them."""
    alike: dict[object, list[str]] = defaultdict(list)
    for name in graph.nodes:
        alike[classes[name]].append(name)
    leader = {name: name for name in graph.nodes}
    nodes: dict[str, Node] = {}
    for names in alike.values():
        if len(names) < _ALIKE:
            nodes |= {name: graph.nodes[name] for name in names}
        else:
            leader |= dict.fromkeys(names, names[0])
            nodes[names[0]] = _as_one([graph.nodes[name] for name in names])
    return Graph(nodes, {(leader[start], leader[end]): None for start, end in graph.edges})


def _as_one(nodes: list[Node]) -> Node:
    first, count = nodes[0], sum(node.count for node in nodes)
    noun = {"resource": "artifact" if first.wanted else "resource", "step": "step", "claim": "attestation"}[first.kind]
    names = list(dict.fromkeys(node.title for node in nodes if node.count == 1))
    detail = ", ".join([*names[:2], *(["..."] if len(names) > 2 else [])])
    return replace(first, title=plural(count, noun), detail=detail, envelope=None, count=count)
