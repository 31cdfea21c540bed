"""One host's view of packets: which are for it, which are its own, which it forwards, over which interface.

All of it is one question per address: who owns it is a rule per address, a route is a rule per destination with the
smallest range first, and the "rule number" found tells both. In plain mode the edges of intervals answer; in
compiled mode `Places`, which needs two loads for an IPv4 address, or a match table where there are too many routes.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from typing import NamedTuple

from engine.arrays import Array, as_array, blank, zeros
from engine.classify import classify
from engine.compile import MatchTable, compile_rules
from engine.fields import COLUMN, FIELD
from engine.headers import Headers
from engine.rules import Rule, Test

HOOKS = ("none", "in", "out", "forward", "loop")
NONE, IN, OUT, FORWARD, LOOP = range(len(HOOKS))


class Places(NamedTuple):
    """From an address to the number of its first rule, 0 for none: of IPv4 by a search among few intervals, or else by
    its upper half, then by its lower half where numbers of `top` from 32,768 on say so; of IPv6 by the last interval
    that begins at or before it."""

    tree: Array  # u4[...]  see kernels.vectors
    levels: int  # 0 where there is none
    factor: int
    top: Array  # u2[65536], or [0] where there is a tree
    low: Array  # u2[65536*k]
    edge: Array  # u8[2*e]  where intervals begin, the upper word first
    number: Array  # i4[e]


#: The same in plain mode: by IP version, where intervals begin, and the numbers of their first rules, or -1.
Edges = dict[int, tuple[Sequence[int], Sequence[int]]]


class Vantage(NamedTuple):
    src: MatchTable | Places | Edges  # finds (owner + 1) * width + route + 1; owner -1 nobody here, 0 the host, i + 1
    dst: MatchTable | Places | Edges  # its interface i, interfaces + 1 a group; route an interface, or -1
    width: int
    zones: Array  # i4[interfaces]


class Journey(NamedTuple):
    """Where each packet meets the host; an interface that is not crossed, or does not exist, is -1."""

    hook: Array  # u1[n]  a number of HOOKS
    arrival: Array  # i4[n]  interface
    departure: Array  # i4[n]  interface


def place(
    addresses: Iterable[tuple[int, int, int]],
    groups: Iterable[tuple[int, int, int]],
    routes: Iterable[tuple[int, int, int, int]],
    zones: Sequence[int],
    compiled: bool = False,
) -> Vantage:
    """A host with these addresses, groups it listens to, routes, and interfaces with a zone each.

    addresses  (version, address, interface or -1)    groups  (version, low, high)
    routes     (version, low, high, interface), searched smallest range first; of equal ones the first given
    """
    src, dst, width = _sides(addresses, groups, routes, len(zones))
    return Vantage(
        _answers("src_addr", src, compiled), _answers("dst_addr", dst, compiled), width,
        as_array(zones, "i4", compiled),
    )  # fmt: skip


def _sides(
    addresses: Iterable[tuple[int, int, int]],
    groups: Iterable[tuple[int, int, int]],
    routes: Iterable[tuple[int, int, int, int]],
    interfaces: int,
) -> "tuple[list[Range], list[Range], int]":
    """What is known of a source, of a destination, and the width of the numbers that say it."""
    owned = [(version, address, address, interface + 1) for version, address, interface in addresses]
    joined = [(version, low, high, interfaces + 1) for version, low, high in groups]
    ways = sorted(routes, key=lambda route: route[2] - route[1])
    width = 1 << (max((way[3] for way in ways), default=-1) + 1).bit_length()  # so that it can be a shift
    return _ranges(owned, ways, width), _ranges(owned + joined, ways, width), width


class Sides(NamedTuple):
    """What is known of an address, as rules: the first that matches has number (owner + 1) * width + route + 1."""

    src: list[Rule]
    dst: list[Rule]
    width: int


def sides_of(
    addresses: Iterable[tuple[int, int, int]],
    groups: Iterable[tuple[int, int, int]],
    routes: Iterable[tuple[int, int, int, int]],
    interfaces: int,
) -> Sides:
    """The rules behind the tables of `place`, whose arguments these are, with the number of interfaces."""
    src, dst, width = _sides(addresses, groups, routes, interfaces)
    return Sides(_rules("src_addr", src), _rules("dst_addr", dst), width)


def _answers(field: str, ranges: "list[Range]", compiled: bool) -> MatchTable | Places | Edges:
    """What answers for one of the two addresses; the first of the ranges that holds it counts."""
    if compiled:
        found = places(ranges)
        return found if found is not None else compile_rules(_rules(field, ranges), compiled)
    edges: Edges = {}
    for version, bits in ((4, 32), (6, 128)):
        begins, numbers = zip(*intervals(ranges, version, bits), strict=True)
        edges[version] = begins, numbers
    return edges


def _rules(field: str, ranges: "list[Range]") -> list[Rule]:
    return [
        Rule(number, (Test("version", version, version), Test(field, low, high)))
        for version, low, high, number in ranges
    ]


MOST_SUBTABLES = 64  # of 128 KiB each
SUBTABLE = 0x8000


def places(ranges: "list[Range]") -> Places | None:
    """The first range that holds an address, as tables; None where they would be too large."""
    import numpy

    from engine.addresses import search_tree

    edges = [(first, max(number, 0)) for first, number in intervals(ranges, 4, 32)]
    wide = [(first, max(number, 0)) for first, number in intervals(ranges, 6, 128)]
    found = search_tree([first for first, _ in edges], numpy.array([number for _, number in edges]))
    tree, levels, factor = found or (numpy.zeros(1, "u4"), 0, 0)
    halves = (numpy.zeros(1, "u2"), numpy.zeros(1, "u2")) if found else _halves(edges)
    if halves is None:
        return None
    words = [word for first, _ in wide for word in (first >> 64, first & (1 << 64) - 1)]
    edge, number = numpy.array(words, "u8"), numpy.array([number for _, number in wide], "i4")
    return Places(tree, levels, factor, halves[0], halves[1], edge, number)


def _halves(edges: list[tuple[int, int]]) -> tuple[Array, Array] | None:
    """What `top` and `low` of Places are for these intervals; None where they would be too large."""
    import numpy

    if any(number >= SUBTABLE for _, number in edges):
        return None
    top, parts = numpy.zeros(1 << 16, "u2"), dict[int, Array]()
    for (first, number), (after, _) in zip(edges, [*edges[1:], (1 << 32, 0)], strict=True):
        for upper in {first >> 16, after - 1 >> 16}:  # only the ends of an interval can share their upper half
            begin, end = max(first, upper << 16) & 0xFFFF, min(after - 1, upper << 16 | 0xFFFF) & 0xFFFF
            if end - begin < 0xFFFF:
                if upper not in parts and len(parts) == MOST_SUBTABLES:
                    return None
                parts.setdefault(upper, numpy.zeros(1 << 16, "u2"))[begin : end + 1] = number
        top[first + 0xFFFF >> 16 : after >> 16] = number
    for at, upper in enumerate(parts):
        top[upper] = SUBTABLE + at
    return top, numpy.concatenate([*parts.values(), numpy.zeros(1, "u2")])


def intervals(ranges: "list[Range]", version: int, bits: int) -> list[tuple[int, int]]:
    """(where it begins, number of the first range that holds it, or -1), ascending from 0, of one IP version."""
    of = [(low, high, place, number) for place, (its, low, high, number) in enumerate(ranges) if its == version]
    edges = {0, *(low for low, *_ in of), *(high + 1 for _, high, *_ in of if high + 1 < 1 << bits)}
    waiting = sorted(of, reverse=True)
    held: list[tuple[int, int, int]] = []  # (place, high, number) of the ranges begun
    found: list[tuple[int, int]] = []
    for edge in sorted(edges):
        while waiting and waiting[-1][0] <= edge:
            _, high, place, number = waiting.pop()
            heappush(held, (place, high, number))
        while held and held[0][1] < edge:
            heappop(held)
        number = held[0][2] if held else -1
        if not found or found[-1][1] != number:
            found.append((edge, number))
    return found


Range = tuple[int, int, int, int]  # version, low, high, and whose it is or where it leads


def _ranges(owners: list[Range], ways: list[Range], width: int) -> list[Range]:
    """First what is owned, each range cut by the routes to it, the narrowest first; then the routes themselves."""
    found = []
    for version, low, high, owner in owners:
        for other, first, last, interface in ways:
            if other == version and first <= high and last >= low:
                found.append((version, max(low, first), min(high, last), (owner + 1) * width + interface + 1))
                if first <= low and high <= last:  # no wider route is asked
                    break
        else:
            found.append((version, low, high, (owner + 1) * width))
    return found + [(version, low, high, interface + 1) for version, low, high, interface in ways]


def orient(headers: Headers, vantage: Vantage, arrival: int | None = None) -> Journey:
    """Where each packet meets the host; `arrival` is the interface the capture was taken on, if known.

    A packet comes in if an address of the host or a group it listens to is its destination, and goes out if
    its source is one of the host; both is a loop, neither is forwarding. It arrives on `arrival`, or on the
    interface that owns its destination, on that of the route back to its source, on the first one. It
    departs by the route to its destination, or by the interface that owns its source (sent to a group: that
    first), by `arrival`, by the first one.
    """
    from engine.kernels.journey import hooks

    n, compiled = headers.count, headers.compiled
    found = _numbers(headers, "src_addr", vantage.src), _numbers(headers, "dst_addr", vantage.dst)
    journey = Journey(zeros("u1", n, compiled), zeros("i4", n, compiled), zeros("i4", n, compiled))
    given = -1 if arrival is None else int(arrival)
    hooks(headers.status, *found, n, vantage.width.bit_length() - 1, given, len(vantage.zones), *journey)
    return journey


def _numbers(headers: Headers, field: str, answers: MatchTable | Places | Edges) -> Array:
    """i4[n]: what is known of an address of each packet; 0 or -1 where nothing is."""
    if not isinstance(answers, Places):
        return classify(headers, answers) if isinstance(answers, MatchTable) else _looked_up(headers, field, answers)
    from engine.kernels.quick import find_places

    found = zeros("i4", headers.count, True)
    room = blank("i4", headers.count, True)
    find_places(headers.value, headers.count, COLUMN[field], tuple(answers), room, found)
    return found


def _looked_up(headers: Headers, field: str, edges: Edges) -> Array:
    """The same in plain mode: every address is looked up once, however many packets have it."""
    n, value = headers.count, headers.value
    columns = [COLUMN["version"], *range(COLUMN[field], COLUMN[field] + FIELD[field].words)]
    known: dict[tuple[int, ...], int] = {}
    found = []
    for asked in zip(*(value[c * n : (c + 1) * n] for c in columns), strict=True):
        if asked not in known:
            version, a, b, c, d = asked
            begins, numbers = edges.get(version, ((0,), (-1,)))
            known[asked] = numbers[bisect_right(begins, a << 96 | b << 64 | c << 32 | d) - 1]
        found.append(known[asked])
    return as_array(found, "i4", False)
