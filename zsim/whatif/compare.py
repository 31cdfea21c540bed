"""Two systems side by side: what each does with every possible packet, and with every packet of a capture.

    found = compare.possible(space, old, new)             # Differences: an exact set, in few disjoint boxes
    seen = compare.Recorded(found)
    seen.add(frames, "trace.pcap")                        # the same question, of recorded packets

The two answers are one: each recorded packet is looked up in the set, and a contradiction is an error of zsim, raised
as RuntimeError. Every example of a box has been through the real tables of both systems.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from zsim import flows
from zsim.tcpip.traffic import Rewrite
from zsim.whatif import crossings
from zsim.whatif.crossings import Fate, Numbers, Passage, View

if TYPE_CHECKING:
    import engine
    from engine.space import Box, Packets, Partition, Space, Spans

PERMITTED, DENIED = "newly permitted", "newly denied"
LOGGED, UNLOGGED, OTHERWISE = "newly logged", "no longer logged", "logged otherwise"
DISCARDED = "discarded otherwise"
KINDS = (PERMITTED, DENIED, LOGGED, UNLOGGED, OTHERWISE, DISCARDED)
MOST_BOXES = 20
MOST_FRAMES = 12  # frame numbers kept of a group


def kind(old: Fate, new: Fate) -> str | None:
    """How a packet fares otherwise, None where it does not: first the verdict, then the log, then the discard."""
    if old.permits != new.permits:
        return PERMITTED if new.permits else DENIED
    if old.records != new.records:
        return LOGGED if not old.records else UNLOGGED if not new.records else OTHERWISE
    return DISCARDED if (old.verdict, old.answer) != (new.verdict, new.answer) else None


class Pair(NamedTuple):
    """The filters that decide on both sides, and for how many packets of a box."""

    old: Numbers
    new: Numbers
    size: int


class Difference(NamedTuple):
    """One box of `size` packets that fare otherwise in the same manner. `example` is one of `pairs[0]`, put through
    both systems; `passages` is what becomes of it on its whole way, in both."""

    kind: str
    box: Box
    size: int
    pairs: tuple[Pair, ...]
    example: dict[str, int]
    passages: tuple[Passage, Passage]


class Differences(NamedTuple):
    """All that differs between two systems. `counts` and `boxes` are of all boxes per kind, `shown` the largest of each
    kind. Compared are the crossings that both have, `among`; `alone` are those that only the one or the other has,
    because their addresses, routes or interfaces differ."""

    old: View
    new: View
    partition: Partition  # packet -> kind, for those that fare otherwise
    among: Packets
    counts: dict[str, int]
    boxes: dict[str, int]
    shown: tuple[Difference, ...]
    alone: tuple[Packets, Packets]

    @property
    def equal(self) -> bool:
        return not self.counts and not any(self.alone)


def possible(space: Space, old: View, new: View, most: int = MOST_BOXES) -> Differences:
    """Every possible packet that fares otherwise in `new` than in `old`; of each kind the `most` largest boxes are
    explained. Raises engine.space.Entangled."""
    among = old.among & new.among
    alone = old.among - among, new.among - among
    partition = contrasted(space, old, new, among)
    counts: dict[str, int] = {}
    boxes: dict[str, int] = {}
    shown: list[Difference] = []
    parts = partition.parts()
    columns = [[Columns(rules) for rules in view.lists] for view in (old, new)] if parts else []
    for name in KINDS:
        if name not in parts:
            continue
        found = parts[name].boxes(among)
        counts[name], boxes[name] = parts[name].count(), len(found)
        for box in found[:most]:
            lists = [[each.touching(box) for each in side] for side in columns]
            shown.append(_difference(old, new, name, box, space.boxed(box) & parts[name], lists))
    return Differences(old, new, partition, among, counts, boxes, _confirmed(old, new, shown), alone)


def contrasted(space: Space, old: View, new: View, among: Packets) -> Partition:
    """The kind of difference for each packet that has one."""
    fates: tuple[dict[Numbers, Fate], dict[Numbers, Fate]] = ({}, {})

    def value(one: Sequence[int], other: Sequence[int]) -> str | None:
        sides = []
        for view, known, found in ((old, fates[0], one), (new, fates[1], other)):
            key = found[0], found[1], found[2]
            if key not in known:
                known[key] = view.fate(key)
            sides.append(known[key])
        return kind(*sides)

    return space.contrast(old.lists, new.lists, value, among, _alike(old, new))


def _alike(old: View, new: View) -> Callable[[int, int], bool]:
    """Whether two rules with the same tests do the same. Defensive filters are alike only where all of them are: a
    simulation counts by where it stands among the blocks."""
    first = old.prepared.guard.first, new.prepared.guard.first
    guards = [(view.asked.block, view.asked.simulate) for view in (old, new)]
    shifted = [
        [[(rule.number - start, rule.tests) for rule in rules] for rules in sets]
        for sets, start in zip(guards, first, strict=True)
    ]
    logs = [view.prepared.guard.block.log[start:] if view.prepared.guard.block else b""
            for view, start in zip((old, new), first, strict=True)]  # fmt: skip
    same_guard = shifted[0] == shifted[1] and bytes(logs[0]) == bytes(logs[1])
    doings = [
        [*zip(view.prepared.rules.deny, view.prepared.rules.log, view.prepared.replies, strict=True)]
        for view in (old, new)
    ]

    def alike(mine: int, its: int) -> bool:
        if mine >= first[0]:
            return same_guard
        return doings[0][mine] == doings[1][its]

    return alike


def _difference(
    old: View, new: View, kind: str, box: Box, packets: Packets, lists: Sequence[Sequence[Sequence[engine.Rule]]]
) -> Difference:
    """A box with the filters that decide in it, those of most packets first, and an example. `lists` are the rules of
    both sides that may match in it."""
    space = packets.space

    def decided(one: Sequence[int], other: Sequence[int]) -> tuple[Numbers, Numbers]:
        return old.decided(one), new.decided(other)

    found = space.contrast(lists[0], lists[1], decided, packets, lambda mine, its: False).parts()
    pairs = sorted(
        ((Pair(key[0], key[1], part.count()), part) for key, part in found.items() if isinstance(key, tuple)),
        key=lambda each: (-each[0].size, each[0]),
    )
    example = sample(old, pairs[0][1])
    passages = _way(old, example, pairs[0][0].old), _way(new, example, pairs[0][0].new)
    return Difference(kind, box, packets.count(), tuple(pair for pair, _ in pairs), example, passages)


def _way(view: View, packet: Mapping[str, int], numbers: Numbers) -> Passage:
    """What becomes of a packet from end to end: one that is not forwarded crosses once."""
    if packet["routed"]:
        return crossings.passage(view, packet)
    return Passage(view.fate(numbers).verdict, (("out" if packet["direction"] else "in", numbers),))


class Columns:
    """A list of rules by what they test, so that those which may match a box are found without reading them all."""

    def __init__(self, rules: Sequence[engine.Rule]) -> None:
        self.rules = rules
        self.tests: dict[str, dict[int, tuple[int, int]]] = {}
        for at, rule in enumerate(rules):
            for name, low, high in rule.tests:
                self.tests.setdefault(name, {})[at] = low, high

    def touching(self, box: Box) -> list[engine.Rule]:
        """The rules that may match a packet of the box. Of several tests of one field the last is looked at."""
        left: Sequence[int] = range(len(self.rules))
        for name in _NARROWEST:
            if name in box and name in self.tests:
                of, any_value = self.tests[name], (0, 1 << 128)
                spans = box[name]
                first, last = spans[0][0], spans[-1][1]  # of several spans the hull first: it is one comparison
                left = [at for at in left if (test := of.get(at, any_value))[0] <= last and test[1] >= first]
                if len(spans) > 1:
                    left = [at for at in left if _meets(of.get(at, any_value), spans)]
        return [self.rules[at] for at in left]


def _meets(test: tuple[int, int], spans: Spans) -> bool:
    return any(test[0] <= last and test[1] >= first for first, last in spans)


# In which order fields are asked: first those that leave the fewest rules.
_NARROWEST = (
    "src_addr", "dst_addr", "dst_port", "src_port", "direction", "version", "proto", "type", "code", "zone", "routed",
    "connect", "fragment", "opaque",
)  # fmt: skip


def sample(view: View, packets: Packets) -> dict[str, int]:
    """A packet of a set (that has one), rather IPv4 and with addresses of the neighbourhood."""
    for version in (4, 6):
        hosts = [low + step for each, low, high, _ in view.around.routes if each == version and high - low > 3
                 and low for step in (2, 3)]  # fmt: skip
        hosts += [address for each, address, _ in view.around.own if each == version]
        hosts.append(0xC0000201 if version == 4 else 0x20010DB8 << 96 | 1)  # documentation (RFC 5737, RFC 3849)
        prefer = {"src_addr": hosts, "dst_addr": [*reversed(hosts)], "connect": (1, 0), "zone": view.around.zones}
        found = (packets & packets.space.box(version=version)).sample(prefer)
        if found is not None:
            return found
    raise ValueError("an empty set has no packet")


def _confirmed(old: View, new: View, shown: Sequence[Difference]) -> tuple[Difference, ...]:
    """The differences, after both systems' own tables said the same of every example."""
    examples = [each.example for each in shown]
    for side, view in enumerate((old, new)):
        for each, said in zip(shown, crossings.judged(view, examples), strict=True):
            if said != each.pairs[0][side]:
                raise RuntimeError(f"{view.name} decides {each.example} by {said}, not {each.pairs[0][side]}")
    return tuple(shown)


# ---- recorded packets ------------------------------------------------------------------------------------------


class Met(NamedTuple):
    """What a packet met in one system: its verdict, and of each crossing judged the direction and what decided."""

    verdict: str
    crossed: tuple[tuple[int, Numbers], ...]


class Filters(NamedTuple):
    """What makes packets one group: verdict, names of the deciding filters and records, before and after."""

    kind: str
    old: tuple[str, ...]
    new: tuple[str, ...]
    verdicts: tuple[str, str]


@dataclass
class Group:
    """Recorded packets that fare otherwise in the same manner. `frames` are the first few, by capture."""

    packets: int = 0
    octets: int = 0
    flows: Counter[tuple[object, ...]] = field(default_factory=Counter)
    frames: list[tuple[str, int]] = field(default_factory=list)
    example: dict[str, int] = field(default_factory=dict)


@dataclass
class Recorded:
    """What captures show of the differences between two systems: `groups` of packets that fare otherwise or are decided
    by another filter, `same` packets for which nothing changes. All are judged by the rules of one instant."""

    found: Differences
    interface: str | None = None
    rewrites: Sequence[Rewrite] = ()
    packets: int = 0
    same: int = 0
    looked_up: int = 0  # crossings that were looked up in the set of differences
    elsewhere: int = 0  # packets that cross other interfaces in the one system than in the other
    groups: dict[Filters, Group] = field(default_factory=dict)
    _known: dict[tuple[object, ...], None] = field(default_factory=dict)
    _trains: list[engine.Trains] = field(default_factory=list)

    def add(self, frames: engine.Frames, capture: str) -> None:
        """One batch of frames."""
        views = self.found.old, self.found.new
        self._trains = self._trains or [view.prepared.trains for view in views]
        sides = [self._met(view, frames, trains) for view, trains in zip(views, self._trains, strict=True)]
        self.packets += frames.count
        lengths = frames.length.tolist()
        (old, dims), (new, others) = sides
        unjudged = Met("unjudged", ())
        for p in range(frames.count):
            mine, its = old.get(p, unjudged), new.get(p, unjudged)
            self._agree(p, mine, its, dims, others)
            group = self._group(mine, its)
            if group is None:
                self.same += 1
                continue
            found = self.groups.setdefault(group, Group())
            found.packets += 1
            found.octets += lengths[p]
            shown = next((values[p, way] for values in (dims, others) for way in (0, 1) if (p, way) in values), None)
            if shown is not None:
                packet = dict(zip(_dimensions(), shown, strict=True))
                found.flows[_flow(packet)] += 1
                found.example = found.example or packet
            if len(found.frames) < MOST_FRAMES:
                found.frames.append((capture, frames.number + p))

    def _met(
        self, view: View, frames: engine.Frames, trains: engine.Trains
    ) -> tuple[dict[int, Met], dict[tuple[int, int], tuple[int, ...]]]:
        """What each packet met, and the values of its fields at each crossing."""
        import engine
        from engine.arrays import as_array

        prepared = view.prepared
        headers = engine.decode(frames)
        for old, new in self.rewrites:
            engine.rewrite(headers, old.version, old.low, old.high, new.low)
        arrival = prepared.interfaces.index(self.interface) if self.interface in prepared.interfaces else None
        journey = engine.orient(headers, prepared.vantage, arrival)
        engine.reassemble(frames, headers, journey, trains)
        guard = prepared.guard
        judgement = engine.judge(headers, journey, prepared.vantage, prepared.rules, guard.block, guard.simulate)
        crossed: dict[int, tuple[tuple[int, Numbers], ...]] = {}
        dims: dict[tuple[int, int], tuple[int, ...]] = {}
        for leg in judgement.legs:
            rows = as_array(range(leg.count), "i4", leg.headers.compiled)
            fields = zip(*(engine.values(leg.headers, name, rows) for name in _dimensions()), strict=True)
            columns = (leg.packet, leg.block, leg.simulate, leg.rule)
            for (p, *numbers), values in zip(zip(*(c.tolist() for c in columns), strict=True), fields, strict=True):
                crossed[p] = (*crossed.get(p, ()), (leg.direction, (numbers[0], numbers[1], numbers[2])))
                dims[p, leg.direction] = values
        verdicts = judgement.verdict.tolist()
        unjudged = engine.VERDICTS.index("unjudged")
        return {
            p: Met(engine.VERDICTS[verdict], crossed.get(p, ()))
            for p, verdict in enumerate(verdicts)
            if verdict != unjudged
        }, dims

    def _agree(
        self,
        p: int,
        mine: Met,
        its: Met,
        dims: Mapping[tuple[int, int], tuple[int, ...]],
        others: Mapping[tuple[int, int], tuple[int, ...]],
    ) -> None:
        """Every crossing that both systems judged is in the set of differences exactly if it fares otherwise."""
        after = dict(its.crossed)
        for way, numbers in mine.crossed:
            if way not in after:
                continue
            values = dims[p, way]
            if values != others[p, way]:
                self.elsewhere += 1
                continue
            key = values, numbers, after[way]
            if key in self._known:
                continue
            self._known[key] = None
            self.looked_up += 1
            packet = dict(zip(_dimensions(), values, strict=True))
            seen = kind(self.found.old.fate(numbers), self.found.new.fate(after[way]))
            told = self.found.partition.get(packet)
            if told != seen or packet not in self.found.among:
                raise RuntimeError(f"the set of differences says {told} of {packet}, the systems say {seen}")

    def _group(self, mine: Met, its: Met) -> Filters | None:
        """The group of a packet that fares otherwise, or is decided by another filter."""
        old, new = self.found.old, self.found.new
        if mine.verdict == its.verdict == "unjudged":
            return None
        before, after = ([(way, view.fate(numbers)) for way, numbers in met.crossed]
                         for view, met in ((old, mine), (new, its)))  # fmt: skip
        names = _names(old, mine), _names(new, its)
        passed = tuple(met.verdict in ("permitted", "unfiltered") for met in (mine, its))
        if passed[0] != passed[1]:
            what = PERMITTED if passed[1] else DENIED
        elif before != after:
            one = Fate("", tuple(f"{way}{record}" for way, fate in before for record in fate.records))
            other = Fate("", tuple(f"{way}{record}" for way, fate in after for record in fate.records))
            what = kind(one, other) or DISCARDED
        elif names[0] != names[1]:
            what = "by another filter"
        else:
            return None
        return Filters(what, names[0], names[1], (mine.verdict, its.verdict))

    @property
    def changed(self) -> int:
        return sum(group.packets for group in self.groups.values())


def _names(view: View, met: Met) -> tuple[str, ...]:
    found = (view.deciding(numbers) for _, numbers in met.crossed)
    return tuple(rule.name if rule is not None else "(no filter)" for rule in found)


def _dimensions() -> tuple[str, ...]:
    from engine.space import DIMENSIONS

    return DIMENSIONS


def _flow(packet: Mapping[str, int]) -> tuple[object, ...]:
    """Protocol and ends of the conversation a packet belongs to, the same for both directions."""
    proto = packet["proto"]
    source = packet["src_addr"], packet["src_port"] if proto in flows.PORTS else packet["type"]
    dest = packet["dst_addr"], packet["dst_port"] if proto in flows.PORTS else packet["code"]
    first, second, _ = flows.ends(proto, source, dest)
    return packet["version"], proto, first, second
