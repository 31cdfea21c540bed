"""Spans -> classes: of each field, and of all fields but the two addresses together.

    columns    spans -> per field, the intervals (by number) that each rule asks for
    classes    intervals in which the same rules hold share a class
    services   all fields but the addresses -> one service class, through cross tables

Rules that ask the same of these fields are one service. Sizes are computed before tables are made. Compiled mode only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from engine import addresses
from engine.addresses import Arena, Step, step
from engine.arrays import Array, scattered
from engine.kernels import cells as loops
from engine.kernels.passes import FILL, GET

MARKS = 400_000_000  # so many steps a cross of service classes may take
CROSSED = 1 << 16  # entries of a table that joins several fields
HOLDS = 1 << 27  # service classes times services
COVERED = 4_000_000_000  # bits to compare to find which service covers which
SERVICES = 8192  # so many different services are classed at most

#: Registers of the program.
SERVICE, SOURCE, DEST, FOUND, FIRST_WORD, SECOND_WORD, LEFT = range(7)


class TooLarge(Exception):
    """A table or the work to make it would be beyond its bound."""


class Column(NamedTuple):
    """What the rules ask of a field: intervals first[r] to after[r] - 1, of those that begin at `edge`."""

    edge: list[int]
    first: Array  # i8[rules]
    after: Array  # i8[rules]


class Services(NamedTuple):
    spec: Array  # i4[rules]  the service of each rule
    holds: Array  # u1[specs, classes]
    cover: Array  # u1[specs, specs]  cover[i, j]: i holds wherever j does
    steps: tuple[Step, ...]  # that leave the class in register SERVICE


def columns(
    spans: Mapping[str, Mapping[int, tuple[int, int]]], edges: Mapping[str, list[int]], rules: int
) -> dict[str, Column]:
    """Per field, the run of intervals each rule asks for; an untested field asks for all."""
    found = {}
    for field, of in spans.items():
        edge = edges[field]
        place = {value: i for i, value in enumerate(edge)}
        first, after = np.zeros(rules, np.int64), np.full(rules, len(edge), np.int64)
        some = [(r, low, high) for r, (low, high) in of.items() if low <= high]
        at = [r for r, _, _ in some]
        first[at] = [place[low] for _, low, _ in some]
        after[at] = [place.get(high + 1, len(edge)) for _, _, high in some]
        found[field] = Column(edge, first, after)
    return found


def classes(first: Array, after: Array, intervals: int) -> tuple[Array, Array]:
    """The class of each interval, numbered as they appear, and an interval of each class.

    A set of rules is the sum of a random mark for each distinct run of intervals; sums tell sets apart.
    """
    key, which = np.unique(first * (intervals + 1) + after, return_inverse=True)
    mark = scattered(len(key), 1)
    change = np.zeros(intervals + 1, np.uint64)
    np.add.at(change, key // (intervals + 1), mark)
    np.subtract.at(change, key % (intervals + 1), mark)
    _, begin, which = np.unique(np.cumsum(change[:intervals]), return_index=True, return_inverse=True)
    order = np.argsort(begin)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank[which.ravel()], begin[order]


def cross(a: Array, b: Array) -> tuple[Array, Array]:
    """Classes of the pairs of classes of a and of b (u1[specs, classes]): i8[na, nb], and where each holds."""
    specs, na, nb = len(a), a.shape[1], b.shape[1]
    if specs * na + int(a.sum()) * nb > MARKS or na * nb > 1 << 23:
        raise TooLarge
    marks = np.zeros(na * nb, np.uint64)
    loops.cross_marks(a.ravel(), b.ravel(), scattered(specs, 2), specs, na, nb, marks)
    _, begin, which = np.unique(marks, return_index=True, return_inverse=True)
    if len(begin) * specs > HOLDS:
        raise TooLarge
    i, j = np.divmod(begin, nb)
    return which.reshape(na, nb), np.ascontiguousarray(a[:, i] & b[:, j])


def services(arena: Arena, of: Mapping[str, Column], rules: int) -> Services:
    """One class for all fields of `of`: tables that join fields while their product is small, one after the other."""
    spec = np.zeros(rules, np.int64)
    for column in of.values():
        _, run = np.unique(column.first * (len(column.edge) + 1) + column.after, return_inverse=True)
        _, spec = np.unique(spec * (int(run.max(initial=0)) + 1) + run.ravel(), return_inverse=True)
        spec = spec.ravel()
    _, sample = np.unique(spec, return_index=True)
    specs = len(sample)
    if specs > SERVICES:
        raise TooLarge
    steps: list[Step] = []
    holds = np.ones((specs, 1), np.uint8)
    table = np.zeros(1, np.int64)  # from the joint number in SERVICE to the class so far
    joined = False  # whether SERVICE has a number yet
    members = []
    for field, column in of.items():
        first, after = column.first[sample], column.after[sample]
        of_interval, begin = classes(first, after, len(column.edge))
        if len(begin) > 1:
            mine = ((first[:, None] <= begin) & (begin < after[:, None])).astype(np.uint8)
            members.append((field, column, of_interval, begin, mine))
    # what tells services apart comes first: it keeps the classes of those that follow few
    for field, column, of_interval, begin, mine in sorted(members, key=lambda one: float(one[4].mean())):
        if joined and len(table) * len(begin) > CROSSED:
            steps.append(_get(arena, SERVICE, SERVICE, table))
            table = np.arange(holds.shape[1])
        pairs, holds = cross(holds, mine)
        # the field's classes count the slowest: number = what was before + class * (how many were before)
        table = pairs[table].T.ravel()
        before = len(table) // len(begin)
        steps += addresses.of_value(arena, field, column.edge, of_interval * before, SERVICE, not joined, SECOND_WORD)
        joined = True
    if not joined:
        steps.append(step(FILL, SERVICE, 0, 0))
    elif not np.array_equal(table, np.arange(len(table))):
        steps.append(_get(arena, SERVICE, SERVICE, table))
    count = holds.shape[1]
    if specs * specs * count <= COVERED:
        cover = covers(holds)
    else:
        cover = np.eye(specs, dtype=np.uint8)
    return Services(spec.astype(np.int32), holds, cover, tuple(steps))


def covers(holds: Array) -> Array:
    """u1[rows, rows]: whether row i of `holds` (0 or 1) has all that row j has.

    Bits in words and not a product of matrices: for that numpy has threads, which wait for more in a loop, for longer
    than most captures take.
    """
    whole = np.pad(holds, ((0, 0), (0, -holds.shape[1] % 64)))
    bits = np.ascontiguousarray(np.packbits(whole, axis=1).view(np.uint64).T)
    return np.array([np.bitwise_or.reduce(bits & ~row[:, None]) == 0 for row in bits.T], np.uint8)


def _get(arena: Arena, register: int, source: int, table: Array) -> Step:
    small = int(table.max(initial=0)) < 65536
    return step(GET, register, source, arena.put(table, "u2" if small else "u4"), 0, 0, 0, 0, 0, small)
