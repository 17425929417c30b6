"""Where the nodes of a directed graph stand: in layers from top to bottom, each component by itself.

Rule: it knows boxes and arrows and nothing of what they mean; the same graph is drawn the same every time.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

GAP_X: Final = 28
GAP_Y: Final = 54
_SWEEPS: Final = 8


@dataclass
class Box:
    """A node: its size, and its middle once it is placed. A point of an edge on its way is one without size."""

    width: float
    height: float
    x: float = 0.0
    y: float = 0.0


@dataclass
class Drawing:
    """Boxes by name, and edges as the points they go through, from the bottom of one box to the top of another."""

    boxes: dict[str, Box] = field(default_factory=dict)
    edges: dict[tuple[str, str], list[tuple[float, float]]] = field(default_factory=dict)
    width: float = 0.0
    height: float = 0.0


def draw(sizes: Mapping[str, tuple[float, float]], edges: Sequence[tuple[str, str]], max_width: float) -> Drawing:
    """Place nodes of these sizes; components stand side by side in rows of `max_width`, if they fit at all."""
    drawing = Drawing()
    x = y = row = 0.0
    for names in _components(list(sizes), edges):
        part = _component({name: sizes[name] for name in names}, [edge for edge in edges if edge[0] in names])
        if x and x + part.width > max_width:
            x, y, row = 0.0, y + row + GAP_Y, 0.0
        for name, box in part.boxes.items():
            box.x, box.y = box.x + x, box.y + y
            drawing.boxes[name] = box
        for edge, points in part.edges.items():
            drawing.edges[edge] = [(px + x, py + y) for px, py in points]
        x, row = x + part.width + 2 * GAP_X, max(row, part.height)
        drawing.width, drawing.height = max(drawing.width, x - 2 * GAP_X), y + row
    return drawing


def _components(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Nodes that hang together, in the order given; the largest component first."""
    near = defaultdict(list)
    for start, end in edges:
        near[start].append(end)
        near[end].append(start)
    found: list[list[str]] = []
    seen: set[str] = set()
    for name in names:
        reached, waiting = set(), [name]
        while waiting:
            one = waiting.pop()
            if one not in seen:
                seen.add(one)
                reached.add(one)
                waiting += near[one]
        if reached:
            found.append([one for one in names if one in reached])
    return sorted(found, key=len, reverse=True)


def _component(sizes: Mapping[str, tuple[float, float]], edges: Sequence[tuple[str, str]]) -> Drawing:
    forward = _without_cycles(list(sizes), edges)
    level = _levels(list(sizes), forward)
    boxes = {name: Box(*size) for name, size in sizes.items()}
    layers: list[list[str]] = [[] for _ in range(max(level.values()) + 1)]
    for name in sizes:
        layers[level[name]].append(name)
    chains = {}
    links: list[tuple[str, str]] = []
    for start, end in forward:
        chain = [start]
        for step in range(level[start] + 1, level[end]):
            point = f"{start}\0{end}\0{step}"
            boxes[point] = Box(0, 0)
            layers[step].append(point)
            chain.append(point)
        chain.append(end)
        chains[start, end] = chain
        links += pairwise(chain)
    _order(layers, links)
    _place(layers, links, boxes)
    return _finished(sizes, edges, chains, boxes)


def _without_cycles(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The edges, those turned around that would close a circle; each pair of nodes once."""
    follow = defaultdict(list)
    for start, end in edges:
        if start != end:
            follow[start].append(end)
    state: dict[str, bool] = {}  # False while it is being visited
    kept: dict[tuple[str, str], None] = {}
    for name in names:
        waiting = [(name, iter(follow[name]))] if name not in state else []
        state.setdefault(name, False)
        while waiting:
            here, rest = waiting[-1]
            there = next(rest, None)
            if there is None:
                state[here] = True
                waiting.pop()
                continue
            kept[(here, there) if state.get(there, True) else (there, here)] = None
            if there not in state:
                state[there] = False
                waiting.append((there, iter(follow[there])))
    return list(kept)


def _levels(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> dict[str, int]:
    """The longest way to each node from one that nothing leads to; what only starts moves down to what it leads to."""
    before: dict[str, set[str]] = {name: set() for name in names}
    after: dict[str, list[str]] = {name: [] for name in names}
    for start, end in edges:
        before[end].add(start)
        after[start].append(end)
    level: dict[str, int] = {}
    for here in TopologicalSorter(before).static_order():
        level[here] = max((level[there] + 1 for there in before[here]), default=0)
    for name in names:
        if not before[name] and after[name]:
            level[name] = min(level[there] for there in after[name]) - 1
    return level


def _order(layers: list[list[str]], links: Sequence[tuple[str, str]]) -> None:
    """Sort each layer by where its neighbours stand, down and up again, so that few edges cross."""
    up, down = _neighbours(links)
    place: dict[str, float] = {}
    for layer in layers:
        place |= _centred(layer)
    for sweep in range(_SWEEPS):
        near, order = (up, layers) if sweep % 2 == 0 else (down, layers[::-1])
        for layer in order:
            layer.sort(key=lambda name: (_mean([place[other] for other in near[name]], place[name]), place[name]))
            place |= _centred(layer)


def _place(layers: list[list[str]], links: Sequence[tuple[str, str]], boxes: dict[str, Box]) -> None:
    """Give each box its middle: as near to those of its neighbours as the order of its layer lets it."""
    up, down = _neighbours(links)
    y = 0.0
    for layer in layers:
        height = max(boxes[name].height for name in layer)
        for name, x in _centred(layer).items():
            boxes[name].x, boxes[name].y = x * GAP_X, y + height / 2
            if not boxes[name].width:  # an edge on its way goes upright through the whole layer, clear of the boxes
                boxes[name].height = height
        y += height + GAP_Y
    for sweep in range(_SWEEPS):
        for layer in layers if sweep % 2 == 0 else layers[::-1]:
            near = [[boxes[other].x for other in (*up[name], *down[name])] for name in layer]
            wanted = [_mean(others, boxes[name].x) for name, others in zip(layer, near, strict=True)]
            for name, x in zip(layer, _spread([boxes[name].width for name in layer], wanted), strict=True):
                boxes[name].x = x


def _spread(widths: Sequence[float], wanted: Sequence[float]) -> list[float]:
    """The middles nearest to those wanted (least squares) at which boxes of these widths keep order and distance.

    A point of an edge weighs more than a box, so that long edges are straight.
    """
    shifts = [0.0]
    for left, right in pairwise(widths):
        shifts.append(shifts[-1] + (left + right) / 2 + GAP_X)
    # Without the distances it is an isotonic regression: neighbours in the wrong order are pooled at their mean.
    pools: list[tuple[float, int, int]] = []
    for shift, want, width in zip(shifts, wanted, widths, strict=True):
        mean, weight, count = want - shift, 1 if width else 8, 1
        while pools and pools[-1][0] > mean:
            other, heavy, many = pools.pop()
            mean = (mean * weight + other * heavy) / (weight + heavy)
            weight, count = weight + heavy, count + many
        pools.append((mean, weight, count))
    means = [mean for mean, _, count in pools for _ in range(count)]
    return [mean + shift for mean, shift in zip(means, shifts, strict=True)]


def _finished(
    names: Mapping[str, object],
    edges: Sequence[tuple[str, str]],
    chains: Mapping[tuple[str, str], list[str]],
    boxes: dict[str, Box],
) -> Drawing:
    left = min(box.x - box.width / 2 for box in boxes.values())
    for box in boxes.values():
        box.x -= left
    drawing = Drawing({name: boxes[name] for name in names})
    drawing.width = max(box.x + box.width / 2 for box in boxes.values())
    drawing.height = max(box.y + box.height / 2 for box in boxes.values())
    for start, end in edges:
        upward = (start, end) not in chains
        chain = chains.get((end, start) if upward else (start, end), [])
        # A chain leaves its first box at the bottom, passes through points, and comes to its last box at the top.
        ends = [(boxes[name].x, boxes[name].y + side * boxes[name].height / 2) for name in chain for side in (-1, 1)]
        points = ends[1:-1]
        if points:
            drawing.edges[start, end] = points[::-1] if upward else points
    return drawing


def _neighbours(links: Sequence[tuple[str, str]]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    up, down = defaultdict(list), defaultdict(list)
    for start, end in links:
        up[end].append(start)
        down[start].append(end)
    return up, down


def _centred(layer: Sequence[str]) -> dict[str, float]:
    return {name: index - (len(layer) - 1) / 2 for index, name in enumerate(layer)}


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
