"""Rules -> MatchTable, one pass after the other, each data -> data.

    spans      rules -> per tested field, the interval each rule asks for
    intervals  spans -> the values at which the set of rules that hold can change
    classes    spans, intervals -> intervals in which the same rules hold share a class
    bits       classes -> per class, a bit row that says which rules hold, in rule order, behind a summary

A packet then selects a bit row per field, and the lowest bit common to all is the first rule that matches.
A set of rules is an int in all passes but the last. This is the first shape of a table, bit vectors, right
for any rules and quick for hundreds; other shapes, such as products of classes down to a rule, replace the
last pass.
"""

from collections.abc import Sequence
from typing import NamedTuple

from engine.arrays import Array, as_array, of_words, zeros
from engine.fields import COLUMN, FIELD, FIELDS
from engine.rules import Rule

Span = tuple[int, int]  # low, high; low > high for none

#: Up to this many values, a field is looked up; beyond, searched.
_LOOKED_UP = 65_537
_GIB = 2**30


class Lookup(NamedTuple):
    """From the value of one field to where its bit row begins."""

    field: str
    column: int
    edge: Array | None  # u4[2**k]  where intervals begin that begin within one word; None: looked up
    edges: int  # how many they are; the last is repeated to fill the array
    long: Array | None  # u4[4 * intervals]  where all intervals begin, for an address
    table: Array  # i4  begin of the bit row, per value, or per interval if edges are given


class MatchTable(NamedTuple):
    """Rules in the form `classify` reads."""

    lookups: tuple[Lookup, ...]  # a row per tested field
    bits: Array  # i8
    summaries: int  # words of a bit row that say which of its other words are not 0, 32 each
    number: Array  # i4[rules]  the callers' numbers
    compiled: bool


def compile_rules(rules: Sequence[Rule], compiled: bool = False, most_octets: int = _GIB) -> MatchTable:
    """The table that finds the first of `rules` that matches; ValueError where it would be too large."""
    words = (len(rules) + 63) // 64
    summaries = (words + 31) // 32
    row = summaries + words
    tested = spans(rules)
    edges = {field: intervals(of, _top(field)) for field, of in tested.items()}
    classed = {field: classes(of, edges[field], len(rules)) for field, of in tested.items()}
    octets = 8 * row * sum(len(sets) for _, sets in classed.values())
    if octets > most_octets:
        raise ValueError(
            f"{len(rules)} rules need a match table of {octets:,} octets; {most_octets:,} are allowed"
        )
    lookups, parts, before = [], [], 0
    for field, (of_interval, sets) in classed.items():
        begins = [before + row * number for number in of_interval]
        lookups.append(_lookup(field, edges[field], begins, compiled))
        parts.append(bits(sets, words))
        before += row * len(sets)
    number = as_array([rule.number for rule in rules], "i4", compiled)
    return MatchTable(tuple(lookups), of_words(b"".join(parts), compiled), summaries, number, compiled)


def spans(rules: Sequence[Rule]) -> dict[str, dict[int, Span]]:
    """Per tested field, in FIELDS order: rule (by position) -> the interval all its tests leave."""
    found: dict[str, dict[int, Span]] = {field.name: {} for field in FIELDS}
    for r, rule in enumerate(rules):
        if not 0 <= rule.number < 2**31:
            raise ValueError(f"rule number {rule.number} is not within 0..2147483647")
        for field, low, high in rule.tests:
            if field not in found:
                raise ValueError(f"rule {rule.number} tests {field!r}, which is no field; see FIELDS")
            before = found[field].get(r, (0, _top(field)))
            found[field][r] = max(low, before[0]), min(high, before[1])
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
