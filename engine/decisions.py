"""Lists of rules -> a diagram of what they decide, from the top down: what `Space.first_match` and `contrast` do.

The rules of all lists become conditions in one order, a bit each; equal conditions of lists compared with each other
share a bit where the order allows. What is left to do at a node is a set of bits, one integer: the conditions that
still hold. A list is decided by the lowest of its bits that has no test left.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING

from engine.rules import Rule
from engine.space import LEVEL, LEVELS, TOP, Entangled, spans_of

if TYPE_CHECKING:
    from engine.space import Space, Span

Condition = tuple[tuple[int, int, int], ...]  # (level, low, high), ascending by level
Numbers = tuple[int, ...]
MOST_STATES = 2_000_000  # sets of conditions that may be left somewhere; some minutes, some GB
_FEW = 6  # up to one in so many conditions alive, their own edges are cheaper than those of all


class _Side:
    """One side's list of rules of one kind: which bits are its rules, and their numbers."""

    def __init__(self) -> None:
        self.member = 0
        self.number: dict[int, int] = {}


class Decision:
    def __init__(
        self,
        space: Space,
        old: Sequence[Sequence[Rule]],
        new: Sequence[Sequence[Rule]] | None,
        value: Callable[[Numbers, Numbers], Hashable | None],
        alike: Callable[[int, int], bool] = lambda mine, its: mine == its,
    ) -> None:
        self.space, self.value, self.top = space, value, TOP
        self.conditions: list[Condition] = []
        self.sides: list[list[_Side]] = [[], []]
        self.pairwise = new is not None
        self.changed = 0
        for at, rules in enumerate(old):
            self._add(_conditions(rules), _conditions(new[at]) if new is not None else [], alike)
        self.all_sides = [side for sides in self.sides for side in sides if side.member]
        bits = len(self.conditions)
        self.spans: list[dict[int, Span]] = [{} for _ in range(LEVELS)]
        self.tested = [0] * (LEVELS + 1)
        self.rest = [(1 << bits) - 1] * (LEVELS + 1)  # conditions with no test at a level or behind it
        for bit, condition in enumerate(self.conditions):
            for level, low, high in condition:
                self.spans[level][bit] = (low, high)
                self.tested[level] |= 1 << bit
        for level in reversed(range(LEVELS)):
            self.rest[level] = self.rest[level + 1] & ~self.tested[level]
        self.everywhere = [
            _edges(self.spans[level], (1 << bits) - 1 & ~self.tested[level], TOP[level]) for level in range(LEVELS)
        ]
        self.done: dict[tuple[int, int, int], int] = {}
        self.filled: dict[tuple[int, int], int] = {}

    def _add(
        self, mine: list[tuple[Condition, int]], its: list[tuple[Condition, int]], alike: Callable[[int, int], bool]
    ) -> None:
        """One kind of rules of both sides, behind the bits there are."""
        left, right = _Side(), _Side()
        for condition, one, other in _merged(mine, its):
            bit = len(self.conditions)
            self.conditions.append(condition)
            for side, number in ((left, one), (right, other)):
                if number is not None:
                    side.member |= 1 << bit
                    side.number[bit] = number
            if one is None or other is None or not alike(one, other):
                self.changed |= 1 << bit
        self.sides[0].append(left)
        self.sides[1].append(right)

    def node(self, among: int) -> int:
        """The diagram, for the packets `among`."""
        return self._below(0, (1 << len(self.conditions)) - 1, among)

    def _below(self, level: int, mask: int, among: int) -> int:
        if not among:
            return among
        # what stands behind a condition that has no test left decides nothing
        universal = mask & self.rest[level]
        if universal:
            kept = 0
            for side in self.all_sides:
                own = mask & side.member
                first = universal & side.member
                if first:
                    own &= ((first & -first) << 1) - 1
                kept |= own
            mask = kept
        if self.pairwise and not mask & self.changed:
            return 0
        open_ = mask & ~self.rest[level]
        if not open_:
            return self._fill(among, self._leaf(mask))
        at = self.space.level[among]
        while not mask & self.tested[level] and at > level:
            level += 1
        key = level, mask, among
        found = self.done.get(key)
        if found is None:
            if len(self.done) > MOST_STATES:
                raise Entangled(f"{len(self.conditions):,} rules overlap in too many ways to tell all packets apart")
            found = self.done[key] = self._split(level, mask, among)
        return found

    def _split(self, level: int, mask: int, among: int) -> int:
        """The node of one level: the intervals of the conditions and those of `among`, and what each leaves."""
        edges, masks = self._intervals(level, mask)
        limits, below = self.space.split(among, level)
        made_edges: list[int] = []
        made: list[int] = []
        known: dict[tuple[int, int], int] = {}
        i = j = 0
        last_i, last_j = len(edges) - 1, len(limits) - 1
        while True:
            edge = edges[i] if edges[i] > limits[j] else limits[j]
            pair = masks[i], below[j]
            node = known.get(pair)
            if node is None:
                node = known[pair] = self._below(level + 1, *pair)
            if not made or made[-1] != node:
                made_edges.append(edge)
                made.append(node)
            if i == last_i and j == last_j:
                return self.space.make(level, made_edges, made)
            if j == last_j or (i < last_i and edges[i + 1] <= limits[j + 1]):
                if j < last_j and edges[i + 1] == limits[j + 1]:
                    j += 1
                i += 1
            else:
                j += 1

    def _intervals(self, level: int, mask: int) -> tuple[list[int], list[int]]:
        """Where the conditions alive can change at a level, and which are alive from there on."""
        alive = mask & self.tested[level]
        if not alive:
            return [0], [mask]
        edges, holding = self.everywhere[level]
        if alive.bit_count() * _FEW < len(edges):
            spans = self.spans[level]
            few = {}
            while alive:
                low = alive & -alive
                few[low.bit_length() - 1] = spans[low.bit_length() - 1]
                alive ^= low
            return _edges(few, mask & ~self.tested[level], self.top[level])
        kept_edges: list[int] = []
        kept: list[int] = []
        before = -1
        for edge, held in zip(edges, holding, strict=True):
            now = mask & held
            if now != before:
                kept_edges.append(edge)
                kept.append(now)
                before = now
        return kept_edges, kept

    def _leaf(self, mask: int) -> int:
        """The leaf of what each list says, where no condition alive has a test left."""
        said: list[Numbers] = []
        for sides in self.sides:
            firsts = []
            for side in sides:
                own = mask & side.member
                firsts.append(side.number[(own & -own).bit_length() - 1] if own else -1)
            said.append(tuple(firsts))
        return self.space.leaf(self.value(said[0], said[1]))

    def _fill(self, among: int, leaf: int) -> int:
        """The leaf for all packets `among`."""
        if not leaf:
            return 0
        key = among, leaf
        found = self.filled.get(key)
        if found is None:
            found = self.filled[key] = self.space.mapped(among, lambda each: leaf if each else 0)
        return found


def _edges(spans: dict[int, Span], always: int, top: int) -> tuple[list[int], list[int]]:
    """Where a set of conditions changes that hold within spans, from 0 on; and the set from there on."""
    flips: dict[int, int] = {0: 0}
    for bit, (low, high) in spans.items():
        flips[low] = flips.get(low, 0) ^ 1 << bit
        if high < top:
            flips[high + 1] = flips.get(high + 1, 0) ^ 1 << bit
    edges, masks = [], []
    holding = always
    for edge in sorted(flips):
        holding ^= flips[edge]
        edges.append(edge)
        masks.append(holding)
    return edges, masks


def _conditions(rules: Sequence[Rule]) -> list[tuple[Condition, int]]:
    """What each rule asks, and its number; without those that never match, and those that repeat an earlier one."""
    found: dict[Condition, int] = {}
    for rule in rules:
        spans = spans_of(rule)
        if spans is not None:
            condition = tuple(sorted((LEVEL[name], low, high) for name, (low, high) in spans.items()))
            found.setdefault(condition, rule.number)
    return list(found.items())


def _merged(
    mine: list[tuple[Condition, int]], its: list[tuple[Condition, int]]
) -> list[tuple[Condition, int | None, int | None]]:
    """Both lists in one, in an order that is that of each; the numbers of either where it has the condition there."""
    at_mine = {condition: at for at, (condition, _) in enumerate(mine)}
    common = [(at_mine[condition], at) for at, (condition, _) in enumerate(its) if condition in at_mine]
    merged: list[tuple[Condition, int | None, int | None]] = []
    i = j = 0
    for a, c in (*_ascending(common), (len(mine), len(its))):
        merged += [(condition, number, None) for condition, number in mine[i:a]]
        merged += [(condition, None, number) for condition, number in its[j:c]]
        if a < len(mine):
            merged.append((mine[a][0], mine[a][1], its[c][1]))
        i, j = a + 1, c + 1
    return merged


def _ascending(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The most pairs that ascend in both numbers, of pairs that ascend in the second: by patience sorting."""
    lowest: list[int] = []  # the least first number that ends a row of so many
    ends: list[int] = []  # which pair that is
    before: list[int] = []  # of each pair, the one it follows
    for at, (first, _) in enumerate(pairs):
        length = bisect_left(lowest, first)
        before.append(ends[length - 1] if length else -1)
        lowest[length : length + 1] = [first]
        ends[length : length + 1] = [at]
    found = []
    at = ends[-1] if ends else -1
    while at >= 0:
        found.append(pairs[at])
        at = before[at]
    return found[::-1]
