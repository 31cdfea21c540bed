"""Sets of packets, exactly: what rules match, joined, cut and compared; which packets each of a list of rules decides.

    space = Space()
    telnet = space.box(version=4, proto=6, dst_port=23)
    rules = [Rule(0, (Test("src_addr", 10, 20),)), Rule(1)]
    mine = space.rule(rules[0])
    telnet & mine, telnet | mine, telnet - mine, ~telnet          # sets of packets again
    bool(telnet), telnet == mine, telnet <= mine                  # is there any? the same? all of them in it?
    telnet.sample(), telnet.count(), {...} in telnet              # a packet: a value per field of DIMENSIONS
    telnet.freed("src_addr")                                      # from anywhere
    telnet.boxes()                                                # few disjoint boxes: {"proto": ((6, 6),), ...}
    decided = space.first_match(rules)                            # a Partition: packet -> number of the deciding rule
    decided[packet], decided.where(0), decided.parts()            # -1: no rule matches
    space.contrast([old], [new], lambda old, new: ...)            # only where two lists of rules decide otherwise

A set lies in the product of DIMENSIONS, each 0 to its field's limit or `unknown`, and holds no impossible packet:
ports are known only where TCP or UDP has them, a type where the protocol has one, an IPv4 address has 32 bits, a packet
to or from the host is whole (its fragments are put together before it is judged). COUPLINGS has all of it. What a rule
may test besides (lengths, flags) is no dimension, and refused with ValueError.

Inside, a set is a decision diagram: a node splits the values of one field into intervals, each with a node that looks
at later fields; equal nodes are one node, so equal sets are one number and comparing them costs nothing. A list
of rules becomes a diagram from the top: what remains to be done at a node is the set of rules that still may match,
and the same set in the same place is done once. Rules behind one that matches everything left are forgotten.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from engine.fields import FIELD
from engine.headers import TRANSPORTS, Transport
from engine.rules import Rule

#: The fields a set can tell packets apart by, in the order diagrams ask them.
DIMENSIONS = (
    "version", "direction", "routed", "zone", "proto", "connect", "fragment", "opaque",
    "dst_addr", "src_addr", "dst_port", "src_port", "type", "code",
)  # fmt: skip

LEVEL = {name: level for level, name in enumerate(DIMENSIONS)}
LEVELS = len(DIMENSIONS)
_UNKNOWABLE = ("proto", "src_port", "dst_port", "type", "code")  # a packet may not show these
TOP = tuple(FIELD[name].unknown if name in _UNKNOWABLE else FIELD[name].limit for name in DIMENSIONS)

Span = tuple[int, int]  # low, high, both included
Spans = tuple[Span, ...]  # ascending, none touching the next
Box = dict[str, Spans]  # by dimension; one that is not there is any value
Packet = Mapping[str, int]

NOTHING, SOME = 0, 1  # the terminals of a set: outside, inside

# Next headers that are never the upper layer of an IPv6 packet: the chain goes on behind them. (RFC 8200 section 4)
_CHAINED = (0, 43, 44, 60)
_OCTETS = {"ports": 4, "type": 1, "code": 1, "flags": 2}  # a selector is known when so many octets of it are there
_NARROW, _WIDE = (1 << 32) - 1, (1 << 128) - 1


def _couplings() -> Iterator[dict[str, int | Span]]:
    """Boxes whose union is every packet that `decode` and `reassemble` can hand to a rule."""
    whole: dict[str, int | Span] = {"direction": (0, 1), "zone": (0, FIELD["zone"].limit), "fragment": 0, "connect": 0}
    whole |= {name: FIELD[name].unknown for name in ("src_port", "dst_port", "type", "code")}
    part: dict[str, int | Span] = {"fragment": 1, "routed": 1}
    for version in (4, 6):
        wide = _NARROW if version == 4 else _WIDE
        base = {**whole, "version": version, "routed": (0, 1), "src_addr": (0, wide), "dst_addr": (0, wide)}
        rows = [row for row in TRANSPORTS if version in row.versions]
        others = _others(version, [row.proto for row in rows])
        unread = FIELD["proto"].unknown
        for known in (known for row in rows for known in _readings(row)):
            yield {**base, **known}
            yield {**base, **known, **part}
        for span in others:
            yield {**base, "proto": span, "opaque": 0}
            yield {**base, "proto": span, "opaque": (0, 1), **part}  # 1: a later fragment
        if version == 6:  # an extension says it is longer than the packet, or the chain ends before the upper layer
            for span in (*others, (unread, unread)):
                yield {**base, "proto": span, "opaque": 1}
            yield {**base, "proto": unread, "opaque": 1, **part}


def _readings(row: Transport) -> Iterator[dict[str, int | Span]]:
    """What may be known of an upper-layer header: all of it, or what stands before the octet where it was cut."""
    ends = selectors(row)
    for have in sorted({0, *ends.values()}):
        known: dict[str, int | Span] = {"proto": row.proto, "opaque": int(have < max(ends.values()))}
        for name in (name for name, end in ends.items() if end <= have):
            if name == "ports":
                known |= {"src_port": (0, FIELD["src_port"].limit), "dst_port": (0, FIELD["dst_port"].limit)}
            elif name == "flags":
                known["connect"] = (0, 1)
            else:
                known[name] = (0, FIELD[name].limit)
        yield known


def selectors(row: Transport) -> dict[str, int]:
    """How many octets of an upper-layer header tell its ports, type, code and flags, of those that it has."""
    return {name: getattr(row, name) + octets for name, octets in _OCTETS.items() if getattr(row, name) >= 0}


def _others(version: int, known: Iterable[int]) -> list[Span]:
    """The protocols without a header that rules can test."""
    left, low = [], 0
    for proto in (*sorted({*known, *(_CHAINED if version == 6 else ())}), FIELD["proto"].unknown):
        if low < proto:
            left.append((low, proto - 1))
        low = proto + 1
    return left


COUPLINGS = tuple(_couplings())


class Entangled(Exception):
    """Rules that overlap in too many ways: no set of them is built in bearable time."""


@dataclass(frozen=True, slots=True, eq=False)
class Packets:
    """A set of packets: a node of a space."""

    space: Space
    node: int

    def __and__(self, other: Packets) -> Packets:
        return Packets(self.space, self.space.combine(_AND, self.node, _of(other, self)))

    def __or__(self, other: Packets) -> Packets:
        return Packets(self.space, self.space.combine(_OR, self.node, _of(other, self)))

    def __sub__(self, other: Packets) -> Packets:
        return Packets(self.space, self.space.combine(_MINUS, self.node, _of(other, self)))

    def __xor__(self, other: Packets) -> Packets:
        return (self - other) | (other - self)

    def __invert__(self) -> Packets:
        return self.space.everything - self

    def __bool__(self) -> bool:
        return self.node != NOTHING

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Packets) and self.space is other.space and self.node == other.node

    def __hash__(self) -> int:
        return self.node

    def __le__(self, other: Packets) -> bool:
        return not self - other

    def __ge__(self, other: Packets) -> bool:
        return other <= self

    def __lt__(self, other: Packets) -> bool:
        return self != other and self <= other

    def __gt__(self, other: Packets) -> bool:
        return other < self

    def __contains__(self, packet: object) -> bool:
        assert isinstance(packet, Mapping)
        return self.space.look_up(self.node, packet) != NOTHING

    def isdisjoint(self, other: Packets) -> bool:
        return not self & other

    def count(self) -> int:
        """How many packets: combinations of values of the dimensions."""
        return self.space.count(self.node)

    def sample(self, prefer: Mapping[str, Sequence[int]] | None = None) -> dict[str, int] | None:
        """One of the packets, None if there is none; of each dimension the first possible of the values preferred."""
        return self.space.sample(self.node, prefer or {})

    def freed(self, *names: str) -> Packets:
        """The possible packets that agree with one of these in all dimensions but the named ones."""
        levels = {LEVEL[name] for name in names}
        return Packets(self.space, self.space.freed(self.node, levels)) & self.space.everything

    def boxes(self, among: Packets | None = None) -> list[Box]:
        """Disjoint boxes that hold these packets and no others of those that are `among` (None: possible)."""
        from engine.boxes import boxes

        return boxes(self, self.space.everything if among is None else among)


@dataclass(frozen=True, slots=True)
class Partition:
    """A value for every packet of a set; equal values are equal hashables."""

    space: Space
    node: int

    def __getitem__(self, packet: Packet) -> Hashable:
        """The value; KeyError for a packet that is not in the set."""
        found = self.space.look_up(self.node, packet)
        if found == NOTHING:
            raise KeyError(packet)
        return self.space.values[found]

    def get(self, packet: Packet) -> Hashable | None:
        """The value, None for a packet that is not in the set."""
        return self.space.values[self.space.look_up(self.node, packet)]

    def values(self) -> list[Hashable]:
        """Every value that some packet has."""
        return [self.space.values[leaf] for leaf in self.space.leaves(self.node) if leaf != NOTHING]

    def where(self, *wanted: Hashable) -> Packets:
        """The packets that have one of these values."""
        leaves = {self.space.leaf(value) for value in wanted}
        return Packets(self.space, self.space.mapped(self.node, lambda leaf: int(leaf in leaves)))

    def parts(self) -> dict[Hashable, Packets]:
        """The packets of each value."""
        return {value: self.where(value) for value in self.values()}

    def packets(self) -> Packets:
        """All packets that have a value."""
        return Packets(self.space, self.space.mapped(self.node, lambda leaf: int(leaf != NOTHING)))

    def within(self, packets: Packets) -> Partition:
        """The same, for these packets only."""
        return Partition(self.space, self.space.combine(_MASK, self.node, _of(packets, self)))

    def map(self, value: Callable[[Hashable], Hashable | None]) -> Partition:
        """Other values for the same packets; those for which `value` gives None are left out."""
        space = self.space
        return Partition(space, space.mapped(self.node, lambda leaf: leaf and space.leaf(value(space.values[leaf]))))

    def zip(self, other: Partition) -> Partition:
        """The pairs of both values, for the packets that both have."""
        space = self.space

        def pair(a: int, b: int) -> int:
            return space.leaf((space.values[a], space.values[b])) if a and b else NOTHING

        return Partition(space, space.combined(pair, self.node, _of(other, self)))


def _of(other: Packets | Partition, mine: Packets | Partition) -> int:
    if other.space is not mine.space:
        raise ValueError("sets of two spaces cannot be combined")
    return other.node


# Operations on the leaves of two diagrams; None: go on below.
def _and(a: int, b: int) -> int | None:
    if not a or not b:
        return NOTHING
    return b if a == SOME else a if b == SOME or a == b else None


def _or(a: int, b: int) -> int | None:
    if a == SOME or b == SOME:
        return SOME
    return b if not a else a if not b or a == b else None


def _minus(a: int, b: int) -> int | None:
    if not a or b == SOME or a == b:
        return NOTHING
    return a if not b else None


def _mask(a: int, b: int) -> int | None:
    """Values of a where b is."""
    if not a or not b:
        return NOTHING
    return a if b == SOME else None


Operation = Callable[[int, int], "int | None"]
_AND, _OR, _MINUS, _MASK = _and, _or, _minus, _mask


class Space:
    """The packets there can be, and the nodes of all sets of them. What is of one space can be combined."""

    def __init__(self) -> None:
        # of each node: the level it looks at (LEVELS for a leaf), where its intervals begin, and what each leads to
        self.level: list[int] = [LEVELS, LEVELS]
        self.edges: list[tuple[int, ...]] = [(), ()]
        self.below: list[tuple[int, ...]] = [(), ()]
        self.values: dict[int, Hashable] = {NOTHING: None, SOME: True}
        self._leaf: dict[Hashable, int] = {None: NOTHING, (bool, True): SOME}
        self._node: dict[tuple[int, tuple[int, ...], tuple[int, ...]], int] = {}
        self._done: dict[Operation, dict[tuple[int, int], int]] = {}
        self._counts: dict[int, int] = {}
        possible = NOTHING
        for coupling in COUPLINGS:
            spans = {name: span if isinstance(span, tuple) else (span, span) for name, span in coupling.items()}
            possible = self.combine(_OR, possible, self._product(spans))
        self.everything = Packets(self, possible)
        self.nothing = Packets(self, NOTHING)

    # ---- sets --------------------------------------------------------------------------------------------------

    def box(self, **tests: int | Span) -> Packets:
        """The packets with these values, each a number or (low, high)."""
        spans = {name: test if isinstance(test, tuple) else (test, test) for name, test in tests.items()}
        return self._possible(self._product(_checked(spans)))

    def boxed(self, box: Box) -> Packets:
        """The packets of a box as `Packets.boxes` gives them."""
        node = SOME
        for name in sorted(box, key=lambda name: -LEVEL[name]):
            node = self._test(LEVEL[name], box[name], node)
        return self._possible(node)

    def rule(self, rule: Rule) -> Packets:
        """The packets a rule matches. ValueError: it tests what is no dimension."""
        spans = spans_of(rule)
        return self.nothing if spans is None else self._possible(self._product(spans))

    def union(self, sets: Iterable[Packets]) -> Packets:
        """All of them together."""
        queue = list(sets) or [self.nothing]
        while len(queue) > 1:  # pairs of like size
            queue = [a | b for a, b in zip(queue[::2], queue[1::2], strict=False)] + queue[len(queue) // 2 * 2 :]
        return queue[0]

    def first_match(self, rules: Sequence[Rule], among: Packets | None = None) -> Partition:
        """Which rule decides each packet (of those `among`): its number, or -1. Raises Entangled."""
        return self.first_matches([rules], lambda found: found[0], among)

    def first_matches(
        self,
        lists: Sequence[Sequence[Rule]],
        value: Callable[[tuple[int, ...]], Hashable | None],
        among: Packets | None = None,
    ) -> Partition:
        """The value of what each of several lists of rules says of a packet; None leaves the packet out."""
        from engine.decisions import Decision

        within = self.everything if among is None else among
        decision = Decision(self, list(lists), None, lambda mine, _: value(mine))
        return Partition(self, decision.node(_of(within, self.everything)))

    def contrast(
        self,
        old: Sequence[Sequence[Rule]],
        new: Sequence[Sequence[Rule]],
        value: Callable[[tuple[int, ...], tuple[int, ...]], Hashable | None],
        among: Packets | None = None,
        alike: Callable[[int, int], bool] = lambda mine, its: mine == its,
    ) -> Partition:
        """Like `first_matches` for two times as many lists, but only where they may differ: a packet that only meets
        equal rules, whose numbers are `alike`, is left out without being looked at."""
        from engine.decisions import Decision

        if len(old) != len(new):
            raise ValueError(f"{len(old)} lists of rules cannot be compared with {len(new)}")
        within = self.everything if among is None else among
        decision = Decision(self, list(old), list(new), value, alike)
        return Partition(self, decision.node(_of(within, self.everything)))

    def _possible(self, node: int) -> Packets:
        return Packets(self, self.combine(_AND, self.everything.node, node))

    def _product(self, spans: Mapping[str, Span]) -> int:
        """The diagram of one box, whether its packets are possible or not."""
        node = SOME
        for name in sorted(spans, key=lambda name: -LEVEL[name]):
            node = self._test(LEVEL[name], (spans[name],), node)
        return node

    def _test(self, level: int, spans: Iterable[Span], node: int) -> int:
        """`node` where the value of a level is in one of the spans."""
        edges, below = [0], [NOTHING]
        for low, high in spans:
            if low > high:
                continue
            if edges[-1] == low:
                below[-1] = node
            else:
                edges.append(low)
                below.append(node)
            if high < TOP[level]:
                edges.append(high + 1)
                below.append(NOTHING)
        return self.make(level, edges, below)

    # ---- nodes -------------------------------------------------------------------------------------------------

    def make(self, level: int, edges: Sequence[int], below: Sequence[int]) -> int:
        """The node of intervals that begin at `edges` (the first is 0) and lead `below`."""
        first = below[0]
        kept_edges, kept = [0], [first]
        for edge, node in zip(edges, below, strict=True):
            if node != kept[-1]:
                kept_edges.append(edge)
                kept.append(node)
        if len(kept) == 1:
            return first
        key = level, tuple(kept_edges), tuple(kept)
        found = self._node.get(key)
        if found is None:
            found = self._node[key] = self._new(*key)
        return found

    def _new(self, level: int, edges: tuple[int, ...], below: tuple[int, ...]) -> int:
        self.level.append(level)
        self.edges.append(edges)
        self.below.append(below)
        return len(self.level) - 1

    def leaf(self, value: Hashable | None) -> int:
        """The leaf that stands for a value."""
        found = self._leaf.get((type(value), value) if value is not None else None)
        if found is None:
            found = self._leaf[type(value), value] = self._new(LEVELS, (), ())
            self.values[found] = value
        return found

    def combine(self, operation: Operation, a: int, b: int) -> int:
        """Two diagrams, leaf by leaf, by one of the operations above; what was done before is remembered."""
        return self._combined(operation, a, b, self._done.setdefault(operation, {}))

    def combined(self, operation: Operation, a: int, b: int) -> int:
        """Two diagrams, leaf by leaf; the operation is asked about leaves only."""
        level = self.level

        def at_leaves(a: int, b: int) -> int | None:
            return operation(a, b) if level[a] == LEVELS == level[b] else None

        return self._combined(at_leaves, a, b, {})

    def _combined(self, operation: Operation, a: int, b: int, done: dict[tuple[int, int], int]) -> int:
        found = operation(a, b)
        if found is not None:
            return found
        found = done.get((a, b))
        if found is None:
            level = min(self.level[a], self.level[b])
            edges: list[int] = []
            below: list[int] = []
            for edge, left, right in self.both(level, a, b):
                edges.append(edge)
                below.append(self._combined(operation, left, right, done))
            found = done[a, b] = self.make(level, edges, below)
        return found

    def both(self, level: int, a: int, b: int) -> Iterator[tuple[int, int, int]]:
        """The intervals that two nodes make of a level: where each begins, and where either leads."""
        mine, its = self.split(a, level), self.split(b, level)
        (edges, below), (others, beyond) = mine, its
        i = j = 0
        while True:
            yield max(edges[i], others[j]), below[i], beyond[j]
            after = edges[i + 1] if i + 1 < len(edges) else None
            then = others[j + 1] if j + 1 < len(others) else None
            if after is None and then is None:
                return
            if then is None or (after is not None and after <= then):
                i += 1
            if after is None or (then is not None and then <= after):
                j += 1

    def split(self, node: int, level: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Where the intervals of a node begin and lead, at a level it may not look at."""
        return (self.edges[node], self.below[node]) if self.level[node] == level else ((0,), (node,))

    def mapped(self, node: int, leaf: Callable[[int], int]) -> int:
        """The diagram with other leaves."""
        done: dict[int, int] = {}

        def below(node: int) -> int:
            if node not in done:
                if self.level[node] == LEVELS:
                    done[node] = leaf(node)
                else:
                    done[node] = self.make(self.level[node], self.edges[node], [below(n) for n in self.below[node]])
            return done[node]

        return below(node)

    def freed(self, node: int, levels: set[int]) -> int:
        """The diagram of a set that asks nothing at these levels: inside where any value there is inside."""
        done: dict[int, int] = {}

        def below(node: int) -> int:
            if self.level[node] == LEVELS:
                return node
            if node not in done:
                children = [below(child) for child in self.below[node]]
                if self.level[node] in levels:
                    found = NOTHING
                    for child in set(children):
                        found = self.combine(_OR, found, child)
                    done[node] = found
                else:
                    done[node] = self.make(self.level[node], self.edges[node], children)
            return done[node]

        return below(node)

    def leaves(self, node: int) -> list[int]:
        """Every leaf of a diagram, in the order made."""
        seen, stack = {node}, [node]
        while stack:
            for each in self.below[stack.pop()]:
                if each not in seen:
                    seen.add(each)
                    stack.append(each)
        return sorted(each for each in seen if self.level[each] == LEVELS)

    def look_up(self, node: int, packet: Packet) -> int:
        """The leaf of a packet."""
        while self.level[node] < LEVELS:
            value = packet[DIMENSIONS[self.level[node]]]
            node = self.below[node][bisect_right(self.edges[node], value) - 1]
        return node

    def count(self, node: int) -> int:
        """How many combinations of values lead to a leaf that is not NOTHING."""

        def below(node: int, level: int) -> int:
            """Counted from a level at or above that of the node."""
            if node == NOTHING:
                return 0
            own = self.level[node]
            if node not in self._counts:
                total = 1 if own == LEVELS else 0
                for low, high, child in self.intervals(node):
                    total += (high - low + 1) * below(child, own + 1)
                self._counts[node] = total
            skipped = 1
            for each in range(level, own):
                skipped *= TOP[each] + 1
            return skipped * self._counts[node]

        return below(node, 0)

    def intervals(self, node: int) -> Iterator[tuple[int, int, int]]:
        """(low, high, node below) of every interval of a node."""
        edges = self.edges[node]
        for at, child in enumerate(self.below[node]):
            yield edges[at], (edges[at + 1] - 1 if at + 1 < len(edges) else TOP[self.level[node]]), child

    def sample(self, node: int, prefer: Mapping[str, Sequence[int]]) -> dict[str, int] | None:
        """A packet that leads to a leaf other than NOTHING."""
        if node == NOTHING:
            return None
        packet = {}
        for level, name in enumerate(DIMENSIONS):
            edges, below = self.split(node, level)
            wanted = (*prefer.get(name, ()), *_PREFERRED.get(name, ()))
            value = next((each for each in wanted if below[bisect_right(edges, each) - 1] != NOTHING), None)
            if value is None:
                at = next(at for at, child in enumerate(below) if child != NOTHING)
                high = edges[at + 1] - 1 if at + 1 < len(edges) else TOP[level]
                value = min(edges[at] + (name in ("src_addr", "dst_addr")), high)  # rather a host than its subnet
            packet[name] = value
            node = below[bisect_right(edges, value) - 1]
        return packet


# What a sample has where nothing else is asked: TCP rather than the smallest number, an ephemeral port as source.
_PREFERRED = {"proto": (6, 17, 1, 58), "src_port": (40000,), "dst_port": (443, 40000), "type": (8, 128), "code": (0,)}


def spans_of(rule: Rule) -> dict[str, Span] | None:
    """The span all tests of a rule leave of each dimension they narrow; None if one leaves nothing. ValueError: a test
    of what is no dimension."""
    spans: dict[str, Span] = {}
    for name, low, high in rule.tests:
        before = spans.get(name, (0, high))
        spans[name] = max(low, before[0]), min(high, before[1])
    checked = _checked(spans)
    return None if any(low > high for low, high in checked.values()) else checked


def _checked(spans: Mapping[str, Span]) -> dict[str, Span]:
    """The spans that narrow anything, within what a field can be."""
    for name in spans:
        if name not in LEVEL:
            raise ValueError(f"{name!r} is no dimension of packet sets: use {', '.join(DIMENSIONS)}")
    cut = {name: (max(low, 0), min(high, TOP[LEVEL[name]])) for name, (low, high) in spans.items()}
    return {name: span for name, span in cut.items() if span != (0, TOP[LEVEL[name]])}
