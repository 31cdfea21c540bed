"""Rules -> Index, for plain mode: which rules to ask, by the interval that one field of a packet lies in.

    buckets  rules -> per rule the field in which it has the fewest neighbours, and per interval of a field its rules

A packet asks the rules of one bucket per field, in order, and those of no bucket. Made in a fraction of the time that
bit rows take, and quick as long as most rules name a host, a small network or a port.
"""

from bisect import bisect_right
from collections.abc import Mapping
from typing import NamedTuple

from engine.arrays import Array
from engine.fields import COLUMN, FIELD, PARTIAL

Span = tuple[int, int]

WIDE = 32  # a rule that spans more intervals of a field is in no bucket of it


class Side(NamedTuple):
    """A field and the rules asked by its value."""

    column: int
    words: int
    edges: list[int]
    rules: list[list[int]]  # per interval, in order


class Index(NamedTuple):
    sides: tuple[Side, ...]
    rest: list[int]  # the rules asked of every packet
    tests: list[tuple[tuple[int, int, int, int], ...]]  # per rule: first column, words, low, high


def indexed(tested: Mapping[str, Mapping[int, Span]], edges: Mapping[str, list[int]], rules: int) -> Index:
    """The index of rules given as spans per field; a rule whose low is above its high is asked in vain."""
    tests: list[list[tuple[int, int, int, int]]] = [[] for _ in range(rules)]
    place: dict[str, dict[int, int]] = {}
    neighbours: dict[str, list[int]] = {}
    for field in sorted(tested, key=lambda name: -len(edges[name])):  # the most telling test first
        column, words, of = COLUMN[field], FIELD[field].words, tested[field]
        place[field] = at = {edge: i for i, edge in enumerate(edges[field])}
        change = [0] * (len(at) + 1)
        for r, (low, high) in of.items():
            tests[r].append((column, words, low, high))
            if low <= high:
                change[at[low]] += 1
                change[at.get(high + 1, len(at))] -= 1
        total = rules - len(of)  # those that do not test it are everywhere
        neighbours[field] = [total := total + one for one in change]
    sides = {
        field: Side(COLUMN[field], FIELD[field].words, edges[field], [[] for _ in edges[field]]) for field in place
    }
    rest = []
    for r in range(rules):
        best, chosen, run = rules // 2, None, range(0)
        for field, at in place.items():
            low, high = tested[field].get(r, (1, 0))
            if low <= high:
                first, after = at[low], at.get(high + 1, len(at))
                if after - first <= WIDE and neighbours[field][first] < best:
                    best, chosen, run = neighbours[field][first], field, range(first, after)
        if chosen is None:
            rest.append(r)
        for i in run:
            sides[chosen].rules[i].append(r)  # type: ignore[index]  # a run is of a field
    used = tuple(side for side in sides.values() if any(side.rules))
    return Index(used, rest, [tuple(of) for of in tests])


def look_through(
    index: Index, value: Array, status: Array, n: int, begin: int, end: int, number: Array, rule: Array
) -> None:
    """rule[p] = the number of the first rule that matches, or -1, for begin <= p < end; arrays as of `search_list`."""
    none = len(index.tests)
    for p in range(begin, end):
        rule[p] = -1
        if status[p] > PARTIAL:
            continue
        best = _first(index.rest, none, index.tests, value, n, p)
        for column, words, edges, rules in index.sides:
            best = _first(
                rules[bisect_right(edges, _value(value, column, words, n, p)) - 1], best, index.tests, value, n, p
            )
        if best < none:
            rule[p] = number[best]


def _value(value: Array, column: int, words: int, n: int, p: int) -> int:
    at: int = value[column * n + p]
    for c in range(column + 1, column + words):
        at = at << 32 | value[c * n + p]
    return at


def _first(
    rules: list[int], best: int, tests: list[tuple[tuple[int, int, int, int], ...]], value: Array, n: int, p: int
) -> int:
    """The first of `rules` below `best` that matches, or `best`."""
    for r in rules:
        if r >= best:
            break
        for column, words, low, high in tests[r]:
            if not low <= (value[column * n + p] if words == 1 else _value(value, column, words, n, p)) <= high:
                break
        else:
            return r
    return best
