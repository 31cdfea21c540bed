"""Interval maps of one field: from a value to a number, as tables for the passes of engine.kernels.passes.

A map is where its intervals begin (`edge`, ascending from 0) and a number for each (`number`). The tables go
into an Arena; what is returned is rows of a program. Compiled mode only.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence

import numpy as np

from engine.arrays import Array, distinct, scattered
from engine.fields import COLUMN, FIELD
from engine.kernels import cells, vectors
from engine.kernels.passes import (
    ADD,
    COMPARE,
    DENSE,
    FILL,
    HALVES,
    LINE,
    LINES,
    LOOK_UP,
    NODE,
    SEARCH,
    WIDE,
    WIDTH,
)

Step = tuple[int, ...]  # a row of a program, without the zeros at its end

FEW = 3  # beyond so many intervals, a search in registers is quicker than comparing one edge after the other
COMPARED = 9  # up to this many edges are compared with rather than looked up
HALVES_OCTETS = 4 << 20  # a cross table of halves may have so many
BY_WORD = 1 << 22  # entries of a table that joins a word of an address to those before
SHORT, LONG = 1, 2
_WORD = 1 << 64


class Arena:
    """Tables one after the other in one block of memory, each at a cache line."""

    def __init__(self) -> None:
        self.parts: list[Array] = []
        self.octets = 0

    def copy(self) -> Arena:
        twin = Arena()
        twin.parts, twin.octets = [*self.parts], self.octets
        return twin

    def put(self, table: Array, kind: str) -> int:
        """Add a table; where it begins, in its own units."""
        part = np.ascontiguousarray(table, dtype=kind).ravel()
        at = self.octets // part.itemsize
        self.parts.append(part)
        self.octets += -(-part.nbytes // 64) * 64
        return at

    def block(self) -> Array:
        """All of it, on large pages where the machine has them."""
        large = 1 << 21 if self.octets > 1 << 19 else 64
        size = self.octets + large + 64
        if large > 64 and hasattr(mmap, "MADV_HUGEPAGE"):
            memory = mmap.mmap(-1, size + large, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            memory.madvise(mmap.MADV_HUGEPAGE)
            room = np.frombuffer(memory, np.uint8)
        else:
            room = np.zeros(size, np.uint8)
        begin = -room.ctypes.data % large
        whole, at = room[begin : begin + max(64, self.octets)], 0
        for part in self.parts:
            whole[at : at + part.nbytes] = part.view(np.uint8)
            at += -(-part.nbytes // 64) * 64
        return whole


def step(*words: int) -> Step:
    return tuple(int(word) for word in words)


def program_of(steps: Sequence[Step]) -> Array:
    rows = np.zeros((len(steps), WIDTH), np.int64)
    for row, words in zip(rows, steps, strict=True):
        row[: len(words)] = words
    return rows.ravel()


def merged(edge: Sequence[int], number: Array) -> tuple[list[int], Array]:
    """The same map without edges at which nothing changes."""
    keep = np.flatnonzero(np.concatenate([[True], number[1:] != number[:-1]]))
    return [edge[i] for i in keep.tolist()], number[keep]


def of_value(
    arena: Arena, field: str, edge: Sequence[int], number: Array, register: int, first: bool, spare: int
) -> list[Step]:
    """register (+)= the number of the interval that a field of one word lies in."""
    column, top = COLUMN[field], min(FIELD[field].unknown, 2**32 - 1)
    edge, number = merged(edge, number)
    if len(edge) > FEW and (found := searched(arena, column, edge, number, register, first)) is not None:
        return [found]
    if len(edge) <= COMPARED:
        steps = [step(FILL, register, 0, number[0])] if first and number[0] else []
        weights = np.diff(number) % 2**32
        pairs = [*zip(edge[1:], weights.tolist(), strict=True)]
        count = len(pairs)
        pairs += [(2**32 - 1, 0)] * (-count % 4 or (0 if pairs else 4))
        at, begun = arena.put(np.array(pairs), "u4"), not first or bool(steps)
        return [*steps, step(COMPARE, register, column, at, count, not begun)]
    if top <= 65536:
        table = np.repeat(number, np.diff([*edge, top + 1]))
        small = table.max() < 65536
        return [step(LOOK_UP, register, column, arena.put(table, "u2" if small else "u4"), 0, first, 0, 0, 0, small)]
    if first:
        return narrow(arena, column, edge, number, register)
    return [*narrow(arena, column, edge, number, spare), step(ADD, register, spare, 1)]


def of_address(arena: Arena, field: str, edge: Sequence[int], number: Array, register: int, spare: int) -> list[Step]:
    """register = the number of the interval that an address lies in; two ways, see `only`."""
    edge, number = merged(edge, number)
    short = sum(1 for one in edge if one < 2**32)
    steps = narrow(arena, COLUMN[field] + 3, edge[:short], number[:short], register)
    factor = max(1, int(np.gcd.reduce(number))) if int(number.max()) > 0xFFFF else 1
    long = sum(1 for one in edge if one <= 2**32) < len(edge)
    if long and (levels := by_word(edge, number // factor)) is not None:
        chain = []
        for word, (cuts, columns, table) in enumerate(levels):
            if not word:
                chain += narrow(arena, COLUMN[field], cuts, table[columns], register)
                continue
            chain += narrow(arena, COLUMN[field] + word, cuts, columns, spare)
            small = int(table.max(initial=0)) < 65536
            at = arena.put(table, "u2" if small else "u4")
            chain.append(step(DENSE, register, register, at, spare, 0, 0, 0, 0, small))
        if factor > 1:
            chain.append(step(ADD, register, register, factor - 1))
        return [*(only(SHORT, one) for one in steps), *(only(LONG, one) for one in chain)]
    return [*steps, only(LONG, beyond(arena, COLUMN[field], edge, number, register))]


def only(packets: int, one: Step) -> Step:
    """The same step, for batches in which no address has more than 32 bits (SHORT), or for the others (LONG)."""
    return (*one, *[0] * (WIDTH - 1 - len(one)), packets)


def meant(steps: Sequence[Step], packets: int) -> list[Step]:
    """The steps that are for such batches."""
    return [one for one in steps if len(one) < WIDTH or one[WIDTH - 1] in (0, packets)]


def by_word(edge: Sequence[int], number: Array) -> list[tuple[list[int], Array, Array]] | None:
    """An interval map of addresses as one of each word: (cuts, column of each, table of state + column).

    What is left of the map once a word is read is a state; equal ones, as of subnets with the same hosts, are one. A
    table has a row per state; its entries are the rows of the next word's, and those of the last word numbers. None
    where tables are large.
    """
    states: list[tuple[Sequence[int], Sequence[int]]] = [(edge, number.tolist())]
    levels: list[tuple[list[int], Array, Array]] = []
    for bits in (96, 64, 32, 0):
        known: dict[tuple[Sequence[int], Sequence[int]], int] = {}
        rows = [_of_state(edges, numbers, bits, known) for edges, numbers in states]
        cuts = distinct(np.concatenate([np.array(at, np.int64) for at, _ in rows]))
        if len(rows) * len(cuts) > BY_WORD:
            return None
        table = np.empty((len(rows), len(cuts)), np.int64)
        for row, (at, entries) in zip(table, rows, strict=True):
            row[:] = np.array(entries)[np.searchsorted(at, cuts, "right") - 1]
        across, columns = distinct_rows(np.ascontiguousarray(table.T))
        levels.append((cuts.tolist(), columns, np.ascontiguousarray(across.T)))
        states = list(known)
    if sum(table.size * (2 if table.max() < 65536 else 4) for _, _, table in levels) > HALVES_OCTETS:
        return None
    widths = [table.shape[1] for _, _, table in levels[1:]] + [1]
    return [
        (cuts, columns, (table * width).ravel()) for (cuts, columns, table), width in zip(levels, widths, strict=True)
    ]


def _of_state(
    edges: Sequence[int], numbers: Sequence[int], bits: int, known: dict[tuple[Sequence[int], Sequence[int]], int]
) -> tuple[list[int], list[int]]:
    """Where a state's next word changes what is left, and from there the state, by number, or the last number."""
    cuts: list[int] = []
    entries: list[int] = []

    def add(cut: int, rest: Sequence[int], of: Sequence[int]) -> None:
        cuts.append(cut)
        entries.append(known.setdefault((tuple(rest), tuple(of)), len(known)) if bits else of[0])

    i, top, mask = 0, (1 << 32) - 1, (1 << bits) - 1
    while i < len(edges):
        word, j = edges[i] >> bits, i + 1
        while j < len(edges) and edges[j] >> bits == word:
            j += 1
        rest, of = [one & mask for one in edges[i:j]], list(numbers[i:j])
        if rest[0]:
            rest, of = [0, *rest], [numbers[i - 1], *of]
        add(word, rest, of)
        if len(rest) > 1 and word < top and (j == len(edges) or edges[j] >> bits > word + 1):
            add(word + 1, [0], of[-1:])
        i = j
    return cuts, entries


def narrow(arena: Arena, column: int, edge: Sequence[int], number: Array, register: int) -> list[Step]:
    """register = the number of the interval that a word lies in."""
    if len(edge) == 1:
        return [step(FILL, register, 0, number[0])]
    if (one := searched(arena, column, edge, number, register, True)) is not None:
        return [one]
    begin = np.array(edge, np.int64)
    if (found := halves(begin, number)) is not None:
        upper, lower, cross = found
        small = int(upper.max()) < 65536, int(cross.max()) < 65536
        at = arena.put(upper, "u2" if small[0] else "u4"), arena.put(lower, "u2")
        table = arena.put(cross, "u2" if all(small) else "u4")
        return [step(HALVES, register, column, *at, table, 0, 0, 0, all(small) + small[0])]
    top, most = np.zeros(65536, np.uint32), len(edge) // 16 + 4096
    different, rank = np.unique(number, return_inverse=True)
    while True:
        edges, entry = np.zeros(LINE * most, np.uint16), np.zeros(LINE * most, np.uint32)
        spare = np.full(LINE + 1, -1), np.zeros(most, np.int64), np.zeros(65536, np.int64), np.zeros(65536, np.int64)
        known = np.full(len(different), -1)
        made = cells.lines(begin, number.astype(np.int64), rank.ravel(), known, top, edges, entry, *spare)
        if made >= 0:
            edges_at, entry_at = arena.put(edges[: LINE * made], "u2"), arena.put(entry[: LINE * made], "u4")
            return [step(LINES, register, column, arena.put(top, "u4"), edges_at, entry_at)]
        most *= 2


def searched(arena: Arena, column: int, edge: Sequence[int], number: Array, register: int, first: bool) -> Step | None:
    """register (+)= the number, found in registers; None where the machine, or the many edges, do not allow it."""
    tree = search_tree(edge, number)
    if tree is None:
        return None
    table, levels, factor = tree
    return step(SEARCH, register, column, arena.put(table, "u4"), levels, 0 if first else 2**32 - 1, factor)


def search_tree(edge: Sequence[int], number: Array) -> tuple[Array, int, int] | None:
    """The table of vectors.search for intervals that begin at these edges, its levels, its factor; None as above."""
    factor = max(1, int(np.gcd.reduce(number)))
    if not 1 < len(edge) <= 1 << vectors.MOST or int(number.max()) // factor > 0xFFFF or not vectors.quick():
        return None
    levels = max(vectors.LEAST, (len(edge) - 1).bit_length())
    words, rest = vectors.room(levels)
    table, sorted_edges = np.zeros(words + rest, np.uint32), np.full((1 << levels) - 1, 2**32 - 1, np.uint32)
    table[0], sorted_edges[: len(edge) - 1] = 1, edge[1:]
    for level in range(levels):
        stride = 1 << levels - level
        table[1 << level : 2 << level] = sorted_edges[stride // 2 - 1 :: stride]
    interval = np.arange(1 << levels)
    numbers = table[words:].view(np.uint16)
    numbers[vectors.place(levels, interval)] = number[np.minimum(interval, len(edge) - 1)] // factor
    return table, levels, factor


def halves(edge: Array, number: Array) -> tuple[Array, Array, Array] | None:
    """Upper 16 bits -> begin of a row, lower 16 bits -> column, row + column -> number; None where it is large."""
    upper = np.arange(65536, dtype=np.int64) << 16
    begin, end = np.searchsorted(edge, upper, "right") - 1, np.searchsorted(edge, upper + 65535, "right") - 1
    mixed = np.flatnonzero(begin != end)
    cuts = distinct(np.concatenate([[0], edge & 0xFFFF]))
    plain, row = np.unique(number[begin], return_inverse=True)
    if (len(plain) + len(mixed)) * len(cuts) > 1 << 23:
        return None
    cross = np.empty((len(plain) + len(mixed), len(cuts)), np.int64)
    cross[: len(plain)] = plain[:, None]
    cross[len(plain) :] = number[np.searchsorted(edge, upper[mixed][:, None] + cuts, "right") - 1]
    row[mixed] = len(plain) + np.arange(len(mixed))
    cross, rows = distinct_rows(cross)
    cross, columns = distinct_rows(np.ascontiguousarray(cross.T))
    cross = np.ascontiguousarray(cross.T)
    if cross.size * (2 if int(cross.max()) < 65536 else 4) > HALVES_OCTETS:
        return None
    lower = np.repeat(columns, np.diff([*cuts, 65536]))
    return rows[row] * cross.shape[1], lower, cross


def distinct_rows(table: Array) -> tuple[Array, Array]:
    """The different rows in the order they appear, and which of them each row is."""
    factor = scattered(table.shape[1], 4) | np.uint64(1)
    mark = np.zeros(len(table), np.uint64)
    for column, odd in zip(table.T, factor, strict=True):
        mark += column.astype(np.uint64) * odd
    _, first, which = np.unique(mark, return_index=True, return_inverse=True)
    which = which.ravel()
    if any((column[first[which]] != column).any() for column in table.T):  # marks that collide: by the rows themselves
        octets = np.ascontiguousarray(table).view(np.dtype((np.void, table.dtype.itemsize * table.shape[1]))).ravel()
        _, first, which = np.unique(octets, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return table[first[order]], rank[which.ravel()]


class _Tree:
    """Nodes of four words (least, shift and which word, last bucket, first bucket) and buckets of eight."""

    def __init__(self) -> None:
        self.nodes: list[tuple[int, int, int, int]] = []
        self.buckets: list[tuple[list[int], list[int]]] = []

    def node(self, edge: Sequence[int], entry: Sequence[int], lower: bool) -> int:
        """A node for intervals of one 64-bit word; entry[0] is what lies before edge[1]."""
        number = len(self.nodes)
        self.nodes.append((0, 0, 0, 0))
        inner = len(edge) - 1
        least = edge[1] if inner else 0
        span = edge[-1] - least if inner else 0
        bits = span.bit_length()
        shift = max(0, bits - (2 * inner - 1).bit_length()) if inner > 4 else min(63, bits)
        last = span >> shift
        base = len(self.buckets)
        self.buckets += [([], [entry[0]])] * (last + 2)
        at = 1
        for b in range(last + 1):
            begin = least + (b << shift)
            before = at
            while before < len(edge) and edge[before] <= begin:
                before += 1
            after = before
            stop = begin + (1 << shift)
            while after < len(edge) and (edge[after] < stop or b == last):
                after += 1
            at = before
            held = edge[before:after], entry[before - 1 : after]
            if after - before > 4:
                held = [], [NODE | self.node([0, *held[0]], held[1], lower)]
            self.buckets[base + b + 1] = list(held[0]), list(held[1])
            at = after
        self.nodes[number] = least, shift | (64 if lower else 0), last, base
        return number

    def tables(self) -> tuple[Array, Array]:
        words = np.zeros((len(self.buckets), 8), np.uint64)
        small = words.view(np.uint32)
        for row, (edges, entries) in enumerate(self.buckets):
            words[row, :4] = np.array([*edges, *[_WORD - 1] * (4 - len(edges))], np.uint64)
            small[row, 8] = len(edges)
            small[row, 9:14] = [*entries, *[entries[-1]] * (5 - len(entries))]
        return np.array(self.nodes, np.uint64), words


def beyond(arena: Arena, column: int, edge: Sequence[int], number: Array, register: int) -> Step:
    """register = the number of the interval, for addresses of more than 32 bits: a tree of their two halves."""
    last_short = sum(1 for one in edge if one <= 2**32) - 1
    if last_short == len(edge) - 1:
        return step(WIDE, register, column, 0, 0, number[-1])
    tree, values = _Tree(), number.tolist()
    upper_edge, upper_entry = [0], [values[0]]
    i = 0
    while i < len(edge):  # one upper word after the other
        upper = edge[i] >> 64
        j = i
        while j < len(edge) and edge[j] >> 64 == upper:
            j += 1
        lower = [one & _WORD - 1 for one in edge[i:j]]
        if lower == [0]:
            found = values[i]
        else:
            before = values[i - 1] if i else values[0]
            edges, entries = (lower, values[i:j]) if lower[0] == 0 else ([0, *lower], [before, *values[i:j]])
            found = NODE | tree.node(edges, entries, True)
        if upper == 0:
            upper_entry[0] = found
        else:
            upper_edge.append(upper)
            upper_entry.append(found)
        following = edge[j] >> 64 if j < len(edge) else _WORD
        if found & NODE and following != upper + 1 and upper + 1 < _WORD:
            upper_edge.append(upper + 1)
            upper_entry.append(values[j - 1])
        i = j
    root = NODE | tree.node(upper_edge, upper_entry, False)
    nodes, buckets = tree.tables()
    return step(WIDE, register, column, arena.put(nodes, "u8"), arena.put(buckets, "u8"), root)
