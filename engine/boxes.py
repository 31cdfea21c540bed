"""A set of packets -> few disjoint boxes, for people to read.

A packet that cannot be is in no set, but a box may well hold some: `proto 6, dst_port 23` reads better than the same
with every field said that follows from it. So a value that no packet among those of interest has takes the colour of
its neighbours: nodes that differ only in such values become one, in a diagram of inside, outside and neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from engine.space import DIMENSIONS, LEVEL, LEVELS, NOTHING, SOME, TOP, Box, Span, Spans

if TYPE_CHECKING:
    from engine.space import Packets, Space

# What is bound to fields asked later: where the one is not known, neither is the other. Branches become one here before
# what stands further down is simplified, because what does not matter there decides it; elsewhere afterwards, so that a
# box keeps the words of the rules.
_BOUND = tuple(LEVEL[name] for name in ("connect", "fragment", "opaque", "dst_port", "type"))
_COMPARED = 48  # branches of a node up to which each is compared with each


def boxes(packets: Packets, among: Packets) -> list[Box]:
    """Disjoint boxes that hold these packets and no others of those `among`, the largest first."""
    space, outside = packets.space, packets.space.leaf("outside")

    def colour(inside: int, matters: int) -> int:
        return NOTHING if not matters else SOME if inside else outside

    plain = _Simplifier(space).simplified(space.combined(colour, packets.node, among.node))
    found = _merged([each for box in _paths(space, plain, {}, outside) for each in _of_versions(packets, box)])
    return sorted(found, key=lambda box: -size(box))


def _of_versions(packets: Packets, box: Box) -> Iterator[Box]:
    """A box that says addresses, for each IP version apart: their numbers mean something else in each."""
    versions = box.get("version", ((4, 4), (6, 6)))
    if len(versions) == 1 or not box.keys() & {"src_addr", "dst_addr"}:
        yield box
        return
    for version in (4, 6):
        one: Box = {**box, "version": ((version, version),)}
        if packets & packets.space.boxed(one):
            yield one


def size(box: Box) -> int:
    """How many combinations of values are in a box."""
    total = 1
    for level, name in enumerate(DIMENSIONS):
        total *= sum(high - low + 1 for low, high in box[name]) if name in box else TOP[level] + 1
    return total


class _Simplifier:
    """Diagrams with a leaf NOTHING that means: it does not matter."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self.met: dict[tuple[int, int], int | None] = {}
        self.done: dict[int, int] = {}

    def simplified(self, node: int) -> int:
        """The diagram with the fewest different branches at each node: where there is only one, there is no node."""
        level = self.space.level[node]
        if level == LEVELS:
            return node
        if node not in self.done:
            below = self.space.below[node]
            if level not in _BOUND:
                below = tuple(self.simplified(child) for child in below)
            self.done[node] = self._with_fewest(level, self.space.edges[node], below)
        return self.done[node]

    def _meet(self, a: int, b: int) -> int | None:
        """Both in one, None where they contradict each other."""
        if a == b or b == NOTHING:
            return a
        if a == NOTHING:
            return b
        level = min(self.space.level[a], self.space.level[b])
        if level == LEVELS:
            return None
        key = (a, b) if a < b else (b, a)
        if key not in self.met:
            self.met[key] = self._meet_below(level, *key)
        return self.met[key]

    def _meet_below(self, level: int, a: int, b: int) -> int | None:
        edges, below = [], []
        for edge, left, right in self.space.both(level, a, b):
            met = self._meet(left, right)
            if met is None:
                return None
            edges.append(edge)
            below.append(met)
        return self.space.make(level, edges, below)

    def _with_fewest(self, level: int, edges: Sequence[int], below: Sequence[int]) -> int:
        groups: list[int] = []
        of: dict[int, int] = {NOTHING: -1}
        distinct = [child for child in dict.fromkeys(below) if child != NOTHING]
        for child in distinct:
            for at in range(len(groups)) if len(distinct) <= _COMPARED else ():
                met = self._meet(groups[at], child)
                if met is not None:
                    groups[at] = met
                    of[child] = at
                    break
            else:
                of[child] = len(groups)
                groups.append(child)
        if len(groups) == 1:
            return self.simplified(groups[0])
        chosen = [of[child] for child in below]
        ends = (*edges[1:], TOP[level] + 1)
        for at in range(1, len(chosen) - 1):  # a small gap in a range closes
            before, after = chosen[at - 1], chosen[at + 1]
            room = min(edges[at] - edges[at - 1], ends[at + 1] - edges[at + 1])
            if chosen[at] < 0 <= before and before == after and ends[at] - edges[at] <= room:
                chosen[at] = before
        plain = [self.simplified(group) for group in groups]
        return self.space.make(level, edges, [plain[at] if at >= 0 else NOTHING for at in chosen])


def _paths(space: Space, node: int, box: Box, outside: int) -> Iterator[Box]:
    """The boxes that lead to the inside."""
    if node in (NOTHING, outside):
        return
    if node == SOME:
        yield dict(box)
        return
    name = DIMENSIONS[space.level[node]]
    ways: dict[int, list[Span]] = {}
    for low, high, child in space.intervals(node):
        ways.setdefault(child, []).append((low, high))
    for child, spans in ways.items():
        yield from _paths(space, child, {**box, name: joined(spans)}, outside)


def joined(spans: Sequence[Span]) -> Spans:
    """Spans in ascending order, those that touch as one."""
    found: list[Span] = []
    for low, high in sorted(spans):
        if found and low <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], high)
        else:
            found.append((low, high))
    return tuple(found)


def _merged(boxes: list[Box]) -> list[Box]:
    """Boxes that differ in one dimension only become one, as long as there are such."""
    before = -1
    while before != len(boxes):
        before = len(boxes)
        for name in DIMENSIONS:
            rest: dict[tuple[tuple[str, Spans], ...], list[Box]] = {}
            for box in boxes:
                key = tuple((other, spans) for other, spans in sorted(box.items()) if other != name)
                rest.setdefault(key, []).append(box)
            boxes = [_one(name, same) for same in rest.values()]
    return boxes


def _one(name: str, boxes: list[Box]) -> Box:
    if len(boxes) == 1:
        return boxes[0]
    spans = joined([span for box in boxes for span in box.get(name, ((0, TOP[LEVEL[name]]),))])
    rest = {other: its for other, its in boxes[0].items() if other != name}
    return rest if spans == ((0, TOP[LEVEL[name]]),) else {**rest, name: spans}
