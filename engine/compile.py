"""Rules -> MatchTable, one pass after the other, each data -> data; the last by the shape that fits.

    spans      rules -> per tested field, the interval each rule asks for
    intervals  spans -> the values at which the set of rules that hold can change

What follows depends on the shape, tried in the order of SHAPES until one is within its bounds:

    flat, two, parts   products of classes down to a rule, in compiled mode: see engine.products
    scan               products of classes of addresses down to a short list of rules, asked in order: likewise
    bits               classes, bits: per class a bit row that says which rules hold, in rule order, behind a
                       summary. A packet selects a bit row per field, and the lowest bit common to all is the
                       first rule that matches. Right for any rules and quick for hundreds
    index              buckets of rules by the interval of one field each, in plain mode: see engine.index
    list               the tests of all rules in a row, asked in order: slow, and no larger than the rules

A set of rules is an int in the passes of `bits` but the last. Sizes are computed before tables are made, so
that no number outgrows its type and no table the memory allowed; a list is made however little that is.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from engine.arrays import Array, as_array, of_words, zeros
from engine.fields import COLUMN, FIELD, FIELDS
from engine.rules import Rule

if TYPE_CHECKING:
    from engine.index import Index
    from engine.products import Program

Span = tuple[int, int]  # low, high; low > high for none

#: Up to this many values, a field is looked up; beyond, searched.
_LOOKED_UP = 65_537
#: Sets of rules may take so many octets while classes are found.
_SETS = 2**31

#: The shapes of a table, in the order tried.
PRODUCTS = ("flat", "two", "parts", "scan")
SHAPES = (*PRODUCTS, "bits", "index", "list")

#: So many rules are a list in plain mode: asking each takes less time than finding the bit row of every field.
FEW = 12

#: Octets of an index per test, at most: a tuple of four, its place in a list, and a bucket's share.
INDEXED = 160

#: Octets a table may have.
MEMORY = 2**26


class Lookup(NamedTuple):
    """From the value of one field to where its bit row begins."""

    field: str
    column: int
    edge: Array | None  # u4[2**k]  where intervals begin that begin within one word; None: looked up
    edges: int  # how many they are; the last is repeated to fill the array
    long: Array | None  # u4[4 * intervals]  where all intervals begin, for an address
    table: Array  # i4  begin of the bit row, per value, or per interval if edges are given


class BitRows(NamedTuple):
    lookups: tuple[Lookup, ...]  # a row per tested field
    bits: Array  # i8
    summaries: int  # words of a bit row that say which of its other words are not 0, 32 each


class Listing(NamedTuple):
    begin: Array  # i4[rules + 1]  where the tests of each rule begin
    test: Array  # u4[10 * tests]  first column, how many, low and high as four words each


class MatchTable(NamedTuple):
    """Rules in the form `classify` reads."""

    shape: str
    body: "Program | BitRows | Index | Listing"
    number: Array  # i4[rules]  the callers' numbers
    octets: int  # of the tables
    compiled: bool
    before: "MatchTable | None" = None  # searched first: see `ahead`
    fields: tuple[str, ...] = ()  # that rules test


def compile_rules(
    rules: Sequence[Rule], compiled: bool = False, memory: int = MEMORY, shapes: Sequence[str] = SHAPES
) -> MatchTable:
    """The table that finds the first of `rules` that matches, of the first of `shapes` within `memory` octets."""
    tested = spans(rules)
    edges = {field: intervals(of, _top(field)) for field, of in tested.items()}
    number = as_array([rule.number for rule in rules], "i4", compiled)
    if compiled and any(shape in PRODUCTS for shape in shapes):
        from engine import products

        live = possible(tested, len(rules))
        found = products.planned(tested, edges, live, number, [s for s in shapes if s in PRODUCTS], memory)
        if found is not None:
            return MatchTable(found.plan, found, number, found.octets, compiled, fields=tuple(tested))
    few = not compiled and len(rules) <= FEW and "list" in shapes
    if not few and "bits" in shapes and (rows := _bit_rows(tested, edges, len(rules), compiled, memory)) is not None:
        return MatchTable("bits", rows, number, _octets_of(rows), compiled, fields=tuple(tested))
    if not few and not compiled and "index" in shapes and INDEXED * sum(map(len, tested.values())) <= memory:
        from engine.index import indexed

        body, octets = indexed(tested, edges, len(rules)), INDEXED * sum(map(len, tested.values()))
        return MatchTable("index", body, number, octets, compiled, fields=tuple(tested))
    listing = listed(tested, len(rules), compiled)
    octets = 4 * len(listing.begin) + 4 * len(listing.test)
    return MatchTable("list", listing, number, octets, compiled, fields=tuple(tested))


def ahead(rules: Sequence[Rule], table: MatchTable) -> MatchTable:
    """A table that asks `rules` before all rules of `table`, which is kept as it is: a change in no time."""
    return table._replace(before=compile_rules(rules, table.compiled) if rules else None)


def _octets_of(rows: BitRows) -> int:
    of_rows = (part for row in rows.lookups for part in (row.edge, row.long, row.table))
    return sum(len(one) * one.itemsize for one in (rows.bits, *of_rows) if one is not None)


def possible(tested: dict[str, dict[int, Span]], rules: int) -> list[int]:
    """The rules that some packet can match."""
    never = {r for of in tested.values() for r, (low, high) in of.items() if low > high}
    return [r for r in range(rules) if r not in never]


def listed(tested: dict[str, dict[int, Span]], rules: int, compiled: bool) -> Listing:
    """All tests of all rules, rule by rule; those of one word first, which are soon asked, the version last of them."""
    tests: list[list[int]] = [[] for _ in range(rules)]
    for field, of in sorted(tested.items(), key=lambda one: (FIELD[one[0]].words, one[0] == "version")):
        words, top = FIELD[field].words, _top(field)
        for r, (low, high) in of.items():
            ends = (low, high) if low <= high else (top, 0)
            split = [end >> 32 * (words - 1 - i) & 0xFFFF_FFFF if i < words else 0 for end in ends for i in range(4)]
            tests[r] += [COLUMN[field], words, *split]
    begin = [0]
    for of_rule in tests:
        begin.append(begin[-1] + len(of_rule) // 10)
    flat = [word for of_rule in tests for word in of_rule]
    return Listing(as_array(begin, "i4", compiled), as_array(flat, "u4", compiled))


def _bit_rows(
    tested: dict[str, dict[int, Span]], edges: dict[str, list[int]], rules: int, compiled: bool, memory: int
) -> BitRows | None:
    """Bit rows, or None where they would be too large."""
    words = (rules + 63) // 64
    summaries = (words + 31) // 32
    row = summaries + words
    classed, octets = {}, 0
    if 2 * row * sum(map(len, edges.values())) > memory:  # with a class per four intervals; seldom so few
        return None
    for field, of in tested.items():
        if rules * len(edges[field]) // 8 > _SETS:
            return None
        classed[field] = classes(of, edges[field], rules)
        octets += 8 * row * len(classed[field][1])
        if octets > memory or octets // 8 >= 2**31:
            return None
    lookups, parts, before = [], [], 0
    for field, (of_interval, sets) in classed.items():
        begins = [before + row * number for number in of_interval]
        lookups.append(_lookup(field, edges[field], begins, compiled))
        parts.append(bits(sets, words))
        before += row * len(sets)
    rows = BitRows(tuple(lookups), of_words(b"".join(parts), compiled), summaries)
    return rows if _octets_of(rows) <= memory else None


def spans(rules: Sequence[Rule]) -> dict[str, dict[int, Span]]:
    """Per tested field, in FIELDS order: rule (by position) -> the interval all its tests leave."""
    found: dict[str, dict[int, Span]] = {field.name: {} for field in FIELDS}
    widest = {field.name: (0, _top(field.name)) for field in FIELDS}
    for r, rule in enumerate(rules):
        if not 0 <= rule.number < 2**31:
            raise ValueError(f"rule number {rule.number} is not within 0..2147483647")
        for field, low, high in rule.tests:
            if field not in found:
                raise ValueError(f"rule {rule.number} tests {field!r}, which is no field; see FIELDS")
            of = found[field]
            before = of.get(r, widest[field])
            of[r] = low if low > before[0] else before[0], high if high < before[1] else before[1]
    return {field: of for field, of in found.items() if of}


def intervals(of: dict[int, Span], top: int) -> list[int]:
    """Where the intervals of a field begin, ascending from 0; the last ends at `top`."""
    edges = {0}
    for low, high in of.values():
        if low <= high:
            edges.add(low)
            if high < top:
                edges.add(high + 1)
    return sorted(edges)


def classes(of: dict[int, Span], edges: list[int], rules: int) -> tuple[list[int], list[int]]:
    """The class of each interval, and the set of rules that hold in each class."""
    changes = dict.fromkeys(edges, 0)
    for r, (low, high) in of.items():
        if low <= high:
            changes[low] ^= 1 << r
            if high + 1 in changes:
                changes[high + 1] ^= 1 << r
    holding = (1 << rules) - 1
    for r in of:
        holding ^= 1 << r
    number: dict[int, int] = {}
    of_interval = []
    for edge in edges:
        holding ^= changes[edge]
        of_interval.append(number.setdefault(holding, len(number)))
    return of_interval, list(number)


def bits(sets: Sequence[int], words: int) -> bytes:
    """A bit row per set: summary words, then words of 64 rules; the least significant octet first."""
    return b"".join(part for holding in sets for part in _bit_row(holding, words))


def _bit_row(holding: int, words: int) -> tuple[bytes, bytes]:
    octets, nothing = holding.to_bytes(8 * words, "little"), bytes(8)
    summary = 0
    for w in range(words):
        if octets[8 * w : 8 * w + 8] != nothing:
            summary |= 1 << w // 32 * 64 + w % 32
    return summary.to_bytes((words + 31) // 32 * 8, "little"), octets


def _top(field: str) -> int:
    """The largest value the columns of a field can have."""
    of = FIELD[field]
    return min(of.unknown, (1 << 32 * of.words) - 1)


def _lookup(field: str, edges: list[int], begins: list[int], compiled: bool) -> Lookup:
    """The way from a field's value to `begins[i]`, with i the interval it lies in."""
    column, values = COLUMN[field], _top(field) + 1
    if values <= _LOOKED_UP:
        table = zeros("i4", 0, False)
        for begin, first, after in zip(begins, edges, [*edges[1:], values], strict=True):
            table.extend(as_array([begin], "i4", False) * (after - first))
        return Lookup(field, column, None, 0, None, as_array(table, "i4", compiled))
    table, long = as_array(begins, "i4", compiled), None
    if FIELD[field].words > 1:
        long = as_array([edge >> shift & 0xFFFF_FFFF for edge in edges for shift in (96, 64, 32, 0)], "u4", compiled)
    short = [edge for edge in edges if edge < 2**32]
    filled = short + short[-1:] * ((1 << (len(short) - 1).bit_length()) - len(short))
    return Lookup(field, column, as_array(filled, "u4", compiled), len(short), long, table)
