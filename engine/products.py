"""Rules -> a program of passes over products of classes, one pass after the other, each data -> data.

    services   all fields but the two addresses -> one service class: see engine.services
    cells      source class x destination class -> the list of rules that hold there, pruned by service
    finals     lists x service classes -> the first rule; or, where that is large, a pattern and a list
    pairs      the lists of all cells: a dense table, or rows packed into each other
    program    address tables, service tables and parts, as rows of passes in one arena

One part with all rules is the quickest as long as its pairs fit (`flat`). Beyond that the rules are parted by whether
source and destination are wide: `two` parts if those with a wide one have few classes, else up to four (`parts`). The
first of all parts wins; packets whose rule comes before all of the parts that follow are sifted out between them.
Rules with thousands of different services have no service classes: there the lists of cells are searched in order
(`scan`), as long as addresses leave them short. Sizes are computed before tables are made: TooLarge asks for the next
plan. Compiled mode only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from engine import addresses
from engine.addresses import Arena, Step, distinct_rows, program_of, step
from engine.arrays import Array, distinct
from engine.fields import COLUMN, FIELD
from engine.kernels import cells as loops
from engine.kernels.passes import (
    ADD,
    DENSE,
    DENSE_OF,
    DISPLACED,
    DISPLACED_PACKED,
    DISPLACED_WORDS,
    FINAL,
    FLAT,
    GATE,
    GET,
    HALVES,
    NONE,
    NUMBERED,
    OF_LIST,
    PAGED,
    PATTERN,
    RESULT,
    SCAN,
    SEARCH,
    SIFT,
    UNITE,
)
from engine.services import (
    DEST,
    FIRST_WORD,
    FOUND,
    LEFT,
    SECOND_WORD,
    SERVICE,
    SOURCE,
    Column,
    Services,
    TooLarge,
    classes,
    columns,
    services,
)

ADDRESSES = ("src_addr", "dst_addr")
PLANS = ("flat", "two", "parts", "scan")

CELLS = 24_000_000  # so many cells are listed at most
FLAT_OCTETS = 16 << 20  # of the pairs of one flat part
FINAL_OCTETS = 8 << 20  # of the finals of one flat part
PART_OCTETS = 128 << 10  # of the finals of one part of several
DENSE_OCTETS = 1 << 20  # of the pairs of one part of several
PATTERN_OCTETS = 128 << 10  # larger patterns are cut in pages
PAGE = 32
PACKED = 64  # a cell of no more bits is one word
SIFTED = 0.5  # packets are sifted where so many parts are saved a packet, were each rule met as often
SCANNED = 96  # rules of a list, as a mean over cells by their length


class Program(NamedTuple):
    plan: str
    steps: Array  # i8[WIDTH*k]
    narrow: Array  # i8[WIDTH*k]  the same, for packets whose addresses have no more than 32 bits
    arena: Array  # u1
    octets: int


def narrowed(steps: Sequence[Step]) -> list[Step]:
    """The same for packets whose addresses have no more than 32 bits, two passes that follow each other as one."""
    found: list[Step] = []
    for one in addresses.meant(steps, addresses.SHORT):
        before = found[-1] if found else one
        if one[0] == ADD and one[2] != one[1] and one[3] == 1 and before[1] == one[2] and before[0] in (SEARCH, HALVES):
            row = list(found.pop())
            row[1] = one[1]
            row[5 if before[0] == SEARCH else 6] = 2**32 - 1
            one = tuple(row)
        found.append(one)
    return found


class Cells(NamedTuple):
    """Pairs of classes in which some of the rules hold, and the list of them for each."""

    s_point: Array  # i8  intervals at which a run of one class begins
    s_class: Array
    d_point: Array
    d_class: Array
    ns: int
    nd: int
    key: Array  # i8  s class * nd + d class, ascending
    rules: Array  # i4  the lists, one after the other
    start: Array  # i8[cells + 1]


class Finals(NamedTuple):
    """Lists by number, 0 the empty one, and the tables that lead from a list and a service class to a rule."""

    kind: str  # final, pattern or scan
    of_cell: Array  # i8  the number of each cell's list; scan: where it begins
    width: int  # final: words of a list; else 1
    words: Array  # u4[lists + 1, 2]  pattern: where it begins, and its list, see finals; scan: where all tests are
    tables: tuple[Array, ...]
    count: int  # type: ignore[assignment]  # hides tuple.count


def _at(point: Array, value: Array, where: Array) -> Array:
    return value[np.searchsorted(point, where, "right") - 1]


def cells(rules: Array, source: Column, dest: Column, of: Services | None) -> Cells:
    """The pairs of classes of these rules, those in which none holds left out; not pruned without services."""
    sides = []
    for column in (source, dest):
        first, after = column.first[rules], column.after[rules]
        point = distinct(np.concatenate([[0], first, after[after < len(column.edge)]]))
        begin, end = np.searchsorted(point, first), np.searchsorted(point, after)
        of_interval, found = classes(begin, end, len(point))
        sides.append((point, of_interval, len(found), begin, end))
    (s_point, s_class, ns, s0, s1), (d_point, d_class, nd, d0, d1) = sides
    steps = int(((s1 - s0) + (d1 - d0)).sum())
    if steps > 40 * CELLS:
        raise TooLarge
    ranges = s0, s1, d0, d1, s_class, d_class
    total = loops.count_cells(*ranges, np.full(ns, -1, np.int32), np.full(nd, -1, np.int32))
    if total > CELLS:
        raise TooLarge
    cell, which = np.empty(total, np.int64), np.empty(total, np.int32)
    seen = np.full(ns, -1, np.int32), np.full(nd, -1, np.int32)
    loops.list_cells(*ranges, *seen, np.empty(nd, np.int64), nd, cell, which)
    order = np.argsort(cell, kind="stable")  # rules are listed in order, and stay so
    cell, found_rules = cell[order], rules[which[order]].astype(np.int32)
    begin = np.flatnonzero(np.concatenate([[True], cell[1:] != cell[:-1]])) if total else np.zeros(0, np.int64)
    kept, start = _pruned(found_rules, np.concatenate([begin, [total]]), of)
    return Cells(s_point, s_class, d_point, d_class, ns, nd, cell[begin], kept, start)


def _pruned(rules: Array, start: Array, of: Services | None) -> tuple[Array, Array]:
    start = start.astype(np.int64)
    if of is None:
        return rules, start
    kept, kept_start = np.empty_like(rules), np.empty_like(start)
    count = loops.prune(rules, start, of.spec, of.cover.ravel(), len(of.cover), kept, kept_start)
    return kept[:count].copy(), kept_start


def _of_marks(marks: Array) -> tuple[Array, Array]:
    """One place of each mark, and which of them each is."""
    _, first, which = np.unique(marks, return_index=True, return_inverse=True)
    return first, which.ravel()


def finals(rules: Array, start: Array, of: Services, octets: int, memory: int) -> Finals:
    """The tables behind the lists, equal lists and equal patterns stored once."""
    marks = np.empty(len(start) - 1, np.uint64)
    loops.list_marks(start, rules.astype(np.int64), marks)
    listed, of_cell = _of_marks(marks)
    classes_, largest = of.holds.shape[1], int(rules.max(initial=0))
    length = start[listed + 1] - start[listed]
    holds, small = of.holds.ravel(), largest < 65535
    if (len(listed) + 1) * classes_ * (2 if small else 4) <= octets:
        none, kind = (0xFFFF, np.uint16) if small else (NONE, np.uint32)
        table = np.full((len(listed) + 1) * classes_, none, kind)
        loops.fill_finals(listed, start, rules, of.spec, holds, classes_, table)
        words = np.zeros((0, 2), np.uint32)
        return Finals("final", of_cell + 1, classes_, words, (table,), len(listed))
    specs = of.spec[rules].astype(np.int32)
    loops.list_marks(start, specs.astype(np.int64), marks)
    patterns, of_list = _of_marks(marks[listed])
    if (len(patterns) + 1) * classes_ * 2 > 4 * memory or int(length.max(initial=0)) > 65534:
        raise TooLarge
    pattern = np.zeros((len(patterns) + 1, classes_), np.uint16)
    loops.fill_patterns(listed[patterns], start, specs, holds, classes_, pattern.ravel())
    several = np.flatnonzero(length > 1)
    begin = np.concatenate([[0], np.cumsum(length[several] + 1)])
    lists = np.full(int(begin[-1]) + 1, NONE, np.uint32)
    loops.fill_lists(listed[several], start, rules, begin[:-1] + 1, lists)
    place = len(lists) + rules[start[listed]].astype(np.int64)  # of lists of one rule
    place[several] = begin[:-1] + 1
    words = np.zeros((len(listed) + 1, 2), np.uint32)
    if pattern.nbytes <= PATTERN_OCTETS:
        words[1:, 0] = (of_list + 1) * classes_
        tables: tuple[Array, ...] = (pattern, lists)
    else:
        wide = np.pad(pattern, ((0, 0), (0, -classes_ % PAGE))).reshape(-1, PAGE)
        pages, page = distinct_rows(wide)
        across = len(wide) // len(pattern)
        words[1:, 0] = (of_list + 1) * across
        tables = pages, lists, page
    words[1:, 1] = place
    return Finals("pattern", of_cell + 1, 1, words, tables, len(listed))


class Pairs(NamedTuple):
    """How a part leads from classes to lists; rows and columns are numbers per interval run of each address."""

    kind: str  # dense or displaced
    table: Array
    s_point: Array
    s_number: Array
    d_point: Array
    d_number: Array
    by_dest: bool  # displaced: rows are destinations
    behind: Finals
    bits: tuple[int, int] = (0, 0)  # displaced: those of a cell's owner and first word, where a cell is one u8


def dense(of: Cells, behind: Finals, octets: int) -> Pairs | None:
    """Every pair of classes with the number of its list."""
    kind = np.uint16 if behind.count < 65535 else np.uint32
    if of.ns * of.nd * np.dtype(kind).itemsize > octets:
        return None
    table = np.zeros(of.ns * of.nd, kind)
    table[of.key] = behind.of_cell
    return Pairs("dense", table, of.s_point, of.s_class * of.nd, of.d_point, of.d_class, False, behind)


def displaced(of: Cells, behind: Finals, by_dest: bool) -> Pairs:
    """Rows of cells packed into each other; a cell says whose it is, and where its list is."""
    row, column = np.divmod(of.key, of.nd)
    number, rows, cols = behind.of_cell, of.ns, of.nd
    if by_dest:
        order = np.lexsort((row, column))
        row, column, number, rows, cols = column[order], row[order], number[order], cols, rows
    used, place_of = np.unique(column, return_inverse=True)
    column = place_of.ravel().astype(np.int64)
    begin = np.flatnonzero(np.concatenate([[True], row[1:] != row[:-1]]))
    start = np.concatenate([begin, [len(row)]])
    marks = np.empty(len(begin), np.uint64)
    loops.list_marks(start, column * (behind.count + 2) + number, marks)
    kept, which = _of_marks(marks)
    length = start[kept + 1] - start[kept]
    first = np.concatenate([[0], np.cumsum(length)]).astype(np.int64)
    cell = np.repeat(start[kept] - first[:-1], length) + np.arange(first[-1])
    held, place, slack = column[cell], np.zeros(len(kept), np.int64), 4
    while True:
        room = len(held) * slack + 2 * len(used) + len(kept) + 64
        free = np.arange(room, dtype=np.int32), np.zeros(room, np.uint8), np.zeros(2 * len(used), np.int64)
        size = loops.displace(first, held, np.argsort(-length, kind="stable"), *free, place)
        if size >= 0:
            break
        slack *= 2
    words = 4 if behind.kind == "pattern" else 2
    if (size + len(used) + 2) * words >= 2**31:
        raise TooLarge
    table = np.zeros((size + len(used) + 2, words), np.uint32)
    slot, owner = np.repeat(place, length) + held, np.repeat(place, length)
    table[slot, 0] = owner
    bits = (0, 0)
    if behind.kind != "pattern":
        table[slot, 1] = number[cell] * behind.width
    else:
        held_words = behind.words[number[cell]]
        table[slot, 1:3] = held_words
        most = [int(one).bit_length() for one in (owner.max(), *held_words.max(0))]
        if sum(most) <= PACKED:
            packed = table.astype(np.uint64)
            table = packed[:, 0] | packed[:, 1] << np.uint64(most[0]) | packed[:, 2] << np.uint64(most[0] + most[1])
            bits = (most[0], most[1])
    of_row, of_column = np.zeros(rows, np.int64), np.full(cols, len(used), np.int64)
    of_row[row[begin]] = place[which]
    of_column[used] = np.arange(len(used))
    if by_dest:
        of_row, of_column = of_column, of_row
    numbers = of_row[of.s_class], of_column[of.d_class]
    return Pairs("displaced", table, of.s_point, numbers[0], of.d_point, numbers[1], by_dest, behind, bits)


def joint(points: Sequence[Array], numbers: Sequence[Array]) -> tuple[Array, Array, list[Array]]:
    """Several interval maps as one: where its runs begin, the class of each, and every map's number per class."""
    point = distinct(np.concatenate(points))
    values = [_at(p, number, point) for p, number in zip(points, numbers, strict=True)]
    which = np.zeros(len(point), np.int64)
    for value in values:
        _, dense_ = np.unique(value, return_inverse=True)
        _, which = np.unique(which * (int(dense_.max(initial=0)) + 1) + dense_.ravel(), return_inverse=True)
        which = which.ravel()
    _, first = np.unique(which, return_index=True)
    return point, which, [value[first] for value in values]


def overlay(narrow: Cells | None, wide: Cells | None, of: Services, memory: int) -> Pairs:
    """One dense table of all rules: the lists of the wide ones everywhere, those of narrow cells merged into them."""
    sets = [one for one in (narrow, wide) if one is not None]
    if len(sets) == 1 or narrow is None or wide is None:
        behind = finals(sets[0].rules, sets[0].start, of, min(memory // 2, FINAL_OCTETS), min(memory, FLAT_OCTETS))
        made = dense(sets[0], behind, min(memory, FLAT_OCTETS))
        if made is None:
            raise TooLarge
        return made
    s_point, s_which, s_of = joint([one.s_point for one in sets], [one.s_class for one in sets])
    d_point, d_which, d_of = joint([one.d_point for one in sets], [one.d_class for one in sets])
    ns, nd = len(s_of[0]), len(d_of[0])
    if ns * nd * 2 > min(memory, FLAT_OCTETS):
        raise TooLarge
    below = np.full(wide.ns * wide.nd, -1, np.int32)
    below[wide.key] = np.arange(len(wide.key))
    s_cell, d_cell = np.divmod(narrow.key, narrow.nd)
    s_order, d_order = np.argsort(s_of[0], kind="stable"), np.argsort(d_of[0], kind="stable")
    s_start = np.searchsorted(s_of[0][s_order], np.arange(narrow.ns + 1))
    d_start = np.searchsorted(d_of[0][d_order], np.arange(narrow.nd + 1))
    s_many, d_many = np.diff(s_start)[s_cell], np.diff(d_start)[d_cell]
    many = s_many * d_many
    total = int(many.sum())
    if total > CELLS:
        raise TooLarge
    cell = np.repeat(np.arange(len(many)), many)
    nth = np.arange(total) - np.repeat(np.cumsum(many) - many, many)
    source = s_order[s_start[s_cell[cell]] + nth // d_many[cell]]
    dest = d_order[d_start[d_cell[cell]] + nth % d_many[cell]]
    under = below[s_of[1][source] * wide.nd + d_of[1][dest]].astype(np.int64)
    length = loops.merge_count(cell, under, narrow.start, wide.start)
    rules, start = np.empty(length, np.int32), np.empty(total + 1, np.int64)
    loops.merge(cell, under, narrow.rules, narrow.start, wide.rules, wide.start, rules, start)
    rules, start = _pruned(rules, start, of)
    rules, start = np.concatenate([wide.rules, rules]), np.concatenate([wide.start[:-1], start + wide.start[-1]])
    behind = finals(rules, start, of, min(memory // 2, FINAL_OCTETS), min(memory, FLAT_OCTETS))
    kind = np.uint16 if behind.count < 65535 else np.uint32
    if ns * nd * np.dtype(kind).itemsize > min(memory, FLAT_OCTETS):
        raise TooLarge
    base = np.concatenate([behind.of_cell[: len(wide.key)], [0]]).astype(kind)
    table = base[below.reshape(wide.ns, wide.nd)[s_of[1]][:, d_of[1]]].ravel()
    table[source * nd + dest] = behind.of_cell[len(wide.key) :]
    return Pairs("dense", table, s_point, s_which * nd, d_point, d_which, False, behind)


def partition(of: Mapping[str, Column], rules: Array) -> list[Array]:
    """The rules with two narrow addresses, with a wide destination, with a wide source, with both wide."""
    wide = []
    for field in ADDRESSES:
        edge, first, after = of[field]
        begin = np.array([float(one) for one in edge])
        end = np.array([float(one) for one in [*edge[1:], 2 ** (32 * FIELD[field].words)]])
        size, top = end[after[rules] - 1] - begin[first[rules]], end[after[rules] - 1]
        wide.append(size >= np.where(top <= 2.0**32, 2.0**24, 2.0**97))
    kind = wide[0] * 2 + wide[1]
    return [rules[kind == one] for one in range(4)]


def planned(
    spans: Mapping[str, Mapping[int, tuple[int, int]]],
    edges: Mapping[str, list[int]],
    live: Sequence[int],
    numbers: Array,
    plans: Sequence[str],
    memory: int,
) -> Program | None:
    """The program of the first plan that fits, or None."""
    if not live:
        return None
    of, rules = columns(spans, edges, len(numbers)), np.array(live, np.int64)
    common = None
    try:
        if plans != ["scan"]:
            common = prepared(of, rules, len(numbers))
    except TooLarge:
        pass
    for plan in plans:
        try:
            if plan == "scan":
                return scanned(of, spans, rules, numbers, memory)
            if common is not None:
                return program(common, numbers, plan, memory)
        except TooLarge:
            continue
    return None


class Prepared(NamedTuple):
    """What all plans begin with."""

    arena: Arena
    source: Column
    dest: Column
    services: Services
    gates: list[Step]
    parted: list[Array]


def prepared(of: Mapping[str, Column], live: Array, total: int) -> Prepared:
    """Service classes, tests that all rules share, and the partition, of the rules `live`: those that can match."""
    arena, untested = Arena(), Column([0], np.zeros(total, np.int64), np.ones(total, np.int64))
    gates, inner = [], {}
    for field, column in sorted(of.items(), key=lambda one: -len(one[1].edge)):
        if field in ADDRESSES:
            continue
        first, after = column.first[live], column.after[live]
        if (first == first[0]).all() and (after == after[0]).all():  # no class, one test at the end
            high = column.edge[after[0]] - 1 if after[0] < len(column.edge) else 2**32 - 1
            gates.append(step(GATE, 0, COLUMN[field], column.edge[first[0]], high))
        else:
            inner[field] = Column(column.edge, first, after)
    found = services(arena, inner, len(live))
    spec = np.zeros(total, np.int32)
    spec[live] = found.spec
    source, dest = (of.get(field, untested) for field in ADDRESSES)
    parted = partition({"src_addr": source, "dst_addr": dest}, live)
    return Prepared(arena, source, dest, found._replace(spec=spec), gates, parted)


def program(of: Prepared, numbers: Array, plan: str, memory: int) -> Program:
    """The program of one of PLANS; TooLarge where it does not fit."""
    arena, source, dest, found, gates, parted = of.arena.copy(), *of[1:]
    live, rest = np.sort(np.concatenate(parted)), np.sort(np.concatenate(parted[1:]))
    if plan == "flat":
        s_classes = len(classes(source.first[live], source.after[live], len(source.edge))[1])
        d_classes = len(classes(dest.first[live], dest.after[live], len(dest.edge))[1])
        if s_classes * d_classes * 2 > min(memory, FLAT_OCTETS):
            raise TooLarge
        halves_ = [cells(one, source, dest, found) if len(one) else None for one in (parted[0], rest)]
        parts = [overlay(halves_[0], halves_[1], found, memory)]
    else:
        parts, held_rules = [], []
        sets = [(parted[0], False), (rest, False)] if plan == "two" else [
            (parted[0], False), (parted[1], False), (parted[2], True), (parted[3], False)
        ]  # fmt: skip
        for rules, by_dest in sets:
            if not len(rules):
                continue
            held = cells(rules, source, dest, found)
            room = memory if plan == "parts" else min(memory, FLAT_OCTETS)  # for patterns
            behind = finals(held.rules, held.start, found, min(memory // 8, PART_OCTETS), room)
            made = dense(held, behind, DENSE_OCTETS)
            if plan == "two" and rules is rest and made is None:
                raise TooLarge
            parts.append(made or displaced(held, behind, by_dest))
            held_rules.append(rules)
    if plan == "flat":
        steps = _flat(arena, list(found.steps), parts[0], source, dest, gates)
    else:
        order = sorted(range(len(parts)), key=lambda q: int(held_rules[q][0]))
        parts, held_rules = [parts[q] for q in order], [held_rules[q] for q in order]
        steps = [*found.steps, *_parts(arena, parts, source, dest, gates, held_rules)]
    return _finished(arena, plan, steps, numbers, memory)


def scanned(
    of: Mapping[str, Column],
    spans: Mapping[str, Mapping[int, tuple[int, int]]],
    live: Array,
    numbers: Array,
    memory: int,
) -> Program:
    """The program that searches the rules of a packet's cell in order, part by part; TooLarge where lists are long."""
    arena, untested = Arena(), Column([0], np.zeros(len(numbers), np.int64), np.ones(len(numbers), np.int64))
    source, dest = (of.get(field, untested) for field in ADDRESSES)
    begin, tests = _tests(of, spans, len(numbers))
    words = np.array([[arena.put(begin, "u4"), arena.put(tests, "u4")]])
    parts = []
    parted = partition({"src_addr": source, "dst_addr": dest}, live)
    for rules, by_dest in zip(parted, (False, False, True, False), strict=True):
        if len(rules):
            held = cells(rules, source, dest, None)
            length = np.diff(held.start)
            if float((length * length).sum()) > SCANNED * float(length.sum()):
                raise TooLarge
            behind = _lists(held, words)
            parts.append(dense(held, behind, DENSE_OCTETS) or displaced(held, behind, by_dest))
    return _finished(arena, "scan", _parts(arena, parts, source, dest, [], []), numbers, memory)


def _tests(
    of: Mapping[str, Column], spans: Mapping[str, Mapping[int, tuple[int, int]]], rules: int
) -> tuple[Array, Array]:
    """Where the tests of each rule begin, and column, low and high of each, the most telling first; no addresses."""
    fields = sorted((field for field in spans if field not in ADDRESSES), key=lambda field: -len(of[field].edge))
    rows = [(r, COLUMN[field], low, high) for field in fields for r, (low, high) in spans[field].items() if low <= high]
    table = np.array(rows, np.int64).reshape(-1, 4)
    table = table[np.argsort(table[:, 0], kind="stable")]
    return np.searchsorted(table[:, 0], np.arange(rules + 1)), np.ascontiguousarray(table[:, 1:])


def _lists(of: Cells, words: Array) -> Finals:
    """The lists of all cells, equal ones stored once, each ended by NONE."""
    marks = np.empty(len(of.start) - 1, np.uint64)
    loops.list_marks(of.start, of.rules.astype(np.int64), marks)
    listed, of_cell = _of_marks(marks)
    length = of.start[listed + 1] - of.start[listed]
    begin = np.concatenate([[0], np.cumsum(length + 1)])[:-1]  # fill_lists leaves a word before each
    lists = np.full(int(length.sum()) + len(length) + 1, NONE, np.uint32)
    loops.fill_lists(listed, of.start, of.rules, begin, lists)
    return Finals("scan", (begin + 1)[of_cell], 1, words, (lists,), len(lists))


def _finished(arena: Arena, plan: str, steps: list[Step], numbers: Array, memory: int) -> Program:
    if not np.array_equal(numbers, np.arange(len(numbers))):
        table = np.concatenate([[-1], numbers]).astype(np.int32).view(np.uint32)
        steps.append(step(NUMBERED, 0, 0, arena.put(table, "u4")))
    if arena.octets > memory:
        raise TooLarge
    long = addresses.meant(steps, addresses.LONG)
    return Program(plan, program_of(long), program_of(narrowed(steps)), arena.block(), arena.octets)


def _flat(arena: Arena, steps: list[Step], part: Pairs, source: Column, dest: Column, gates: list[Step]) -> list[Step]:
    """Services, addresses, and from the sum of row and column to the rule; behind small lists in one pass."""
    behind = part.behind
    together = (
        behind.kind == "final"
        and behind.tables[0].dtype == np.uint16
        and _signed(behind.tables[0])
        and behind.width <= 1 << 16
    )
    joint = None
    if together and steps[-1][0] == GET and steps[-1][1] == steps[-1][2] == SERVICE and steps[-1][9]:
        joint = steps.pop()[3]
    steps += addresses.of_address(
        arena, "src_addr", [source.edge[i] for i in part.s_point], part.s_number, SOURCE, SECOND_WORD
    )
    steps += addresses.of_address(
        arena, "dst_addr", [dest.edge[i] for i in part.d_point], part.d_number, DEST, SECOND_WORD
    )
    small = part.table.dtype == np.uint16
    at = arena.put(part.table, "u2" if small else "u4")
    if not together:
        steps.append(step(DENSE, FIRST_WORD, SOURCE, at, DEST, 0, 0, 0, 0, small))
        return [*steps, *_final(arena, part, True), *_result(gates)]
    if joint is None:
        joint = arena.put(np.arange(behind.width), "u2")
    gate = gates[0] if gates else step(GATE, 0, -1, 0, 0)
    table = arena.put(behind.tables[0], "u2")
    steps.append(step(ADD, SOURCE, DEST, 1))
    steps.append(step(FLAT, FOUND, SOURCE, at, joint, table, behind.width, gate[2], gate[3], small, gate[4]))
    return [*steps, *gates[1:]]


def _signed(table: Array) -> bool:
    """Whether every rule fits 15 bits, so that none is read as -1."""
    rest = table[table != 0xFFFF]
    return not len(rest) or int(rest.max()) < 0x8000


def _parts(
    arena: Arena, parts: list[Pairs], source: Column, dest: Column, gates: Sequence[Step], held: Sequence[Array]
) -> list[Step]:
    """Addresses, then one part after the other, the first of all to win; `held`: the rules of each, ascending."""
    steps: list[Step] = []
    rows: list[list[int]] = []
    sides = (("src_addr", source, SOURCE), ("dst_addr", dest, DEST))
    for (field, column, register), points, numbers in zip(
        sides,
        ([part.s_point for part in parts], [part.d_point for part in parts]),
        ([part.s_number for part in parts], [part.d_number for part in parts]),
        strict=True,
    ):
        point, which, of = joint(points, numbers)
        if max(int(one.max(initial=0)) for one in of) >= 2**31 or len(of[0]) * len(parts) >= 2**31:
            raise TooLarge
        at = arena.put(np.stack(of, 1), "u4")
        steps += addresses.of_address(
            arena, field, [column.edge[i] for i in point], which * len(parts), register, SECOND_WORD
        )
        rows.append([at + q for q in range(len(parts))])
    found, done = FOUND, 0
    for q, part in enumerate(parts):
        if q and held:
            least, decided = decides(held, q)
            if (decided - done) * (len(parts) - q) >= SIFTED * sum(map(len, held)):
                steps.append(step(SIFT, LEFT, FOUND, least, SOURCE, DEST, found == LEFT))
                found, done = LEFT, decided
        s_row, d_row = rows[0][q], rows[1][q]
        if part.kind == "dense":
            small = part.table.dtype == np.uint16
            at = arena.put(part.table, "u2" if small else "u4")
            steps.append(step(DENSE_OF, FIRST_WORD, SOURCE, at, DEST, 0, s_row, d_row, 0, small))
        else:
            at = arena.put(part.table, "u8" if part.table.ndim == 1 else "u4")
            own = (DEST, at, SOURCE) if part.by_dest else (SOURCE, at, DEST)
            two = (d_row, s_row) if part.by_dest else (s_row, d_row)
            words = 1 if part.table.ndim == 1 else part.table.shape[1]
            packed = {1: DISPLACED_PACKED, 2: DISPLACED, 4: DISPLACED_WORDS}[words]
            steps.append(step(packed, FIRST_WORD, *own, part.bits[0], *two, SECOND_WORD, 0, part.bits[1]))
        steps += _final(arena, part, q == 0, found)
    if found == LEFT:
        steps.append(step(UNITE, FOUND, LEFT))
    return [*steps, *_result(gates)]


def _result(gates: Sequence[Step]) -> list[Step]:
    """From what was found to what a packet is given: the first test that all rules share with it, then the others."""
    if not gates:
        return [step(RESULT, 0, FOUND, -1)]
    return [step(RESULT, 0, FOUND, *gates[0][2:5]), *gates[1:]]


def decides(held: Sequence[Array], q: int) -> tuple[int, int]:
    """The first rule of the parts from q on, and how many rules of those before come before it: these need no more."""
    least = min(int(rules[0]) for rules in held[q:])
    return least, sum(int(np.searchsorted(rules, least)) for rules in held[:q])


def _final(arena: Arena, part: Pairs, first: bool, found: int = FOUND) -> list[Step]:
    """From a list in FIRST_WORD (or, of displaced rows, its words in both) to the first rule in FOUND or LEFT."""
    behind, steps = part.behind, []
    if behind.kind == "scan":
        begin, tests = behind.words[0].tolist()
        return [step(SCAN, found, FIRST_WORD, arena.put(behind.tables[0], "u4"), begin, tests, first)]
    if behind.kind == "final":
        small = behind.tables[0].dtype == np.uint16
        at, width = arena.put(behind.tables[0], "u2" if small else "u4"), behind.width if part.kind == "dense" else 1
        return [step(FINAL, found, FIRST_WORD, at, width, 0, first, 0, 0, small)]
    if part.kind == "dense":
        steps.append(step(OF_LIST, FIRST_WORD, FIRST_WORD, arena.put(behind.words, "u4"), SECOND_WORD))
    pattern, lists = arena.put(behind.tables[0], "u2"), arena.put(behind.tables[1], "u4")
    if len(behind.tables) == 2:
        return [*steps, step(PATTERN, found, FIRST_WORD, pattern, lists, 0, first, SECOND_WORD, len(behind.tables[1]))]
    pages = arena.put(behind.tables[2], "u4")
    return [*steps, step(PAGED, found, FIRST_WORD, pattern, lists, pages, first, SECOND_WORD, len(behind.tables[1]))]
