"""Which rules of a list meet which, at a glance: a filter in front of exact questions to engine.space.

    boxes = Boxes(rules)
    boxes.overlapping(7), boxes.containing(7), boxes.matching(packet)    # positions, ascending
    samples(partition)                                   # a packet for each value of a partition

Every value a rule names becomes its rank among all of them, so that addresses of 128 bits compare as small numbers.
Boxes know nothing of impossible packets: two that overlap may have no possible packet in common.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from engine.rules import Rule
from engine.space import DIMENSIONS, LEVELS, NOTHING, TOP, spans_of

if TYPE_CHECKING:
    from engine.space import Partition


class Boxes:
    """The boxes of rules as ranks: low and high by dimension, i32[rules] each. A rule that never matches overlaps
    nothing."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        import numpy as np

        every = [spans_of(rule) for rule in rules]
        self.possible = np.array([spans is not None for spans in every], bool)
        self.edges: list[list[int]] = []
        self.low: list[Any] = []
        self.high: list[Any] = []
        self.asked: list[int] = []  # the levels that any rule tests
        for level, name in enumerate(DIMENSIONS):
            whole = (0, TOP[level])
            spans = [(each or {}).get(name, whole) for each in every]
            edges = sorted({0, *(low for low, _ in spans), *(high + 1 for _, high in spans)})
            rank = {edge: at for at, edge in enumerate(edges)}
            self.edges.append(edges)
            self.low.append(np.array([rank[low] for low, _ in spans], np.int32))
            self.high.append(np.array([rank[high + 1] - 1 for _, high in spans], np.int32))
            if any(span != whole for span in spans):
                self.asked.append(level)

    def overlapping(self, at: int) -> list[int]:
        """The rules whose box has something in common with that of rule `at`, itself left out."""
        found = self.possible & self.possible[at]
        for level in self.asked:
            found &= (self.low[level] <= self.high[level][at]) & (self.high[level] >= self.low[level][at])
        return self._others(found, at)

    def containing(self, at: int) -> list[int]:
        """The rules whose box holds that of rule `at`."""
        found = self.possible & self.possible[at]
        for level in self.asked:
            found &= (self.low[level] <= self.low[level][at]) & (self.high[level] >= self.high[level][at])
        return self._others(found, at)

    def crossing(self, at: int, among: Any) -> list[int]:
        """The rules behind rule `at`, of those `among` (bool[rules]), that overlap it and do not hold it."""
        found = among & self.possible & self.possible[at]
        found[: at + 1] = False
        holds = found.copy()
        for level in self.asked:
            low, high = self.low[level], self.high[level]
            found &= (low <= high[at]) & (high >= low[at])
            holds &= (low <= low[at]) & (high >= high[at])
        return self._others(found & ~holds, at)

    def matching(self, packet: Mapping[str, int]) -> list[int]:
        """The rules that match a packet."""
        found = self.possible.copy()
        for level in self.asked:
            rank = bisect_right(self.edges[level], packet[DIMENSIONS[level]]) - 1
            found &= (self.low[level] <= rank) & (self.high[level] >= rank)
        return [int(each) for each in found.nonzero()[0]]

    def _others(self, found: Any, at: int) -> list[int]:
        found[at] = False
        return [int(each) for each in found.nonzero()[0]]


def samples(partition: Partition) -> dict[Hashable, dict[str, int]]:
    """A packet for each value that some packet has."""
    space = partition.space
    found: dict[Hashable, dict[str, int]] = {}
    seen: set[int] = set()
    path: dict[str, int] = {}

    def below(node: int) -> None:
        if node == NOTHING:
            return
        level = space.level[node]
        if level == LEVELS:
            found.setdefault(space.values[node], {name: path.get(name, 0) for name in DIMENSIONS})
            return
        if node in seen:  # all its leaves are known
            return
        seen.add(node)
        for edge, child in zip(space.edges[node], space.below[node], strict=True):
            path[DIMENSIONS[level]] = edge
            below(child)
        del path[DIMENSIONS[level]]

    below(partition.node)
    return found
