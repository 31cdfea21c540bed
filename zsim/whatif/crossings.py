"""Every packet that can cross an interface of a system, and what the system does with it.

    space = Space()
    view = crossings.view(space, system)
    view.among                                   # the set of crossings this stack can see
    view.asked                                   # its rules: block, simulate, rules; numbers are rows of view.rows
    found = crossings.judged(view, [packet])     # the real tables, asked about real octets
    view.fate(found[0]), view.deciding(found[0])

A crossing is a packet at an interface: its fields with direction, routed and the interface's security class. What comes
for this stack or leaves it crosses once; what is forwarded crosses twice, arriving and leaving, and passes only if both
crossings permit it. Which packets are local follows from the stack's home list, its groups and its routes, exactly as
for a capture: `among` holds no local packet for an address that is not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from zsim.facts import choosing
from zsim.findings import Where
from zsim.system import System
from zsim.tcpip import traffic
from zsim.tcpip.filters import FilterRule

if TYPE_CHECKING:
    import engine
    from engine.space import Box, Packets, Space

PERMITTED, DENIED, BLOCKED = "permitted", "denied", "blocked"
SIMULATED = "simulated"
RAW = 101  # link type: the IP packet itself

Numbers = tuple[int, int, int]  # the first rule that blocks, simulates, and decides; -1 for none


class Fate(NamedTuple):
    """What becomes of a crossing: the verdict, what is logged (log limits apart), and how a discard is answered."""

    verdict: str
    records: tuple[str, ...] = ()  # of: simulated, blocked, permitted, denied
    answer: str = ""  # ICMP: the sender is told

    @property
    def permits(self) -> bool:
        return self.verdict == PERMITTED


class View(NamedTuple):
    """One system as questions about it see it, at one time."""

    name: str
    system: System
    prepared: traffic.Prepared
    asked: traffic.Asked
    among: Packets
    around: traffic.Surroundings
    time: int  # ns

    @property
    def rows(self) -> tuple[FilterRule, ...]:
        return self.prepared.rows

    @property
    def lists(self) -> list[list[engine.Rule]]:
        """Its rules as `Space.first_matches` and `contrast` take them; what they find are Numbers."""
        return [self.asked.block, self.asked.simulate, self.asked.rules]

    def decided(self, found: Sequence[int]) -> Numbers:
        """What the rules found come to: a block ends it, and a simulation counts only before that."""
        block, simulate, rule = found
        if block >= 0:
            return block, simulate if simulate < block else -1, -1
        return block, simulate, rule

    def fate(self, found: Sequence[int]) -> Fate:
        block, simulate, rule = self.decided(found)
        guard, rules = self.prepared.guard, self.prepared.rules
        records = [SIMULATED] if simulate >= 0 else []
        if block >= 0:
            assert guard.block is not None
            return Fate(BLOCKED, (*records, *([BLOCKED] if guard.block.log[block] else [])))
        verdict = DENIED if rule < 0 or rules.deny[rule] else PERMITTED
        if rule >= 0 and rules.log[rule]:
            records.append(verdict)
        return Fate(verdict, tuple(records), "ICMP" if rule >= 0 and self.prepared.replies[rule] else "")

    def deciding(self, found: Sequence[int]) -> FilterRule | None:
        """The filter (or row of the stack itself) that decides; None where nothing matches, which denies."""
        block, _, rule = self.decided(found)
        at = block if block >= 0 else rule
        return self.rows[at] if at >= 0 else None

    @staticmethod
    def title(rule: FilterRule) -> str:
        """NAME.EXTENSION; a row of the stack itself has no extension."""
        return f"{rule.name}.{rule.extension}" if rule.extension else rule.name

    def place(self, where: Where) -> str:
        """file:line:column of a filter; the z/OS name where no file holds it."""
        file = self.system.files.names.get(where.source, where.source)
        return f"{file}:{where.line}:{where.column}" if where.line else file


def view(
    space: Space,
    system: System,
    name: str = "",
    compiled: bool = False,
    home: Sequence[tuple[int, int]] = (),
    time: int | None = None,
    anywhere: bool = False,
    few: bool = False,
) -> View:
    """A system at a time (ns; None: its clock). `home` are further addresses of the stack; `anywhere`: whatever its
    addresses, routes and interfaces are. `few` packets will be judged: tables are made in no time, and are slow."""
    at = system.clock.now if time is None else time
    with choosing(system.facts):
        prepared = traffic.prepare(system.stack, compiled, home, at, system.offset, ("list",) if few else ())
        around = traffic.surroundings(system.stack, home)
        asked = traffic.asked(prepared, at, system.offset)
    among = space.everything if anywhere else possible(space, around)
    return View(name or system.name, system, prepared, asked, among, around, at)


class _Source(NamedTuple):
    """What the source address of a packet says: is it of this stack, and the class of the interface that has it."""

    own: bool
    zone: int | None


class _Dest(NamedTuple):
    """Whose the destination is (own, group or nobody's), and the class of the interface that leads there."""

    kind: str
    zone: int | None


def possible(space: Space, around: traffic.Surroundings) -> Packets:
    """Every crossing that a stack in these surroundings can see; the rules of engine.orient, for all packets."""
    from engine.vantage import sides_of

    count = len(around.interfaces)
    sides = sides_of(around.own, around.groups, around.routes, count)

    def zone(interface: int) -> int | None:
        return around.zones[interface] if interface >= 0 else None

    def source(number: object) -> _Source:
        assert isinstance(number, int)
        owner = number // sides.width - 1 if number >= 0 else -1
        return _Source(owner >= 0, zone(owner - 1) if owner > 0 else None)

    def dest(number: object) -> _Dest:
        assert isinstance(number, int)
        owner, route = divmod(number, sides.width) if number >= 0 else (0, 0)
        kind = "group" if owner - 1 == count + 1 else "own" if owner > 0 else "nobody"
        return _Dest(kind, zone(route - 1))

    sources = space.first_match(sides.src).map(source).parts()
    dests = space.first_match(sides.dst).map(dest).parts()
    every = tuple(sorted(set(around.zones))) or (0,)
    found = []
    for here, from_here in sources.items():
        for there, to_there in dests.items():
            ends = from_here & to_there
            if ends and isinstance(here, _Source) and isinstance(there, _Dest):
                found += [ends & space.boxed(box) for box in _ways(here, there, every)]
    return space.union(found)


def _ways(here: _Source, there: _Dest, every: tuple[int, ...]) -> Iterator[Box]:
    """Direction, routed and class of the crossings of a packet between such ends. Between two addresses of the stack
    there are none."""

    def way(direction: int, routed: int, zones: Iterable[int]) -> Box:
        return {
            "direction": ((direction, direction),),
            "routed": ((routed, routed),),
            "zone": tuple((zone, zone) for zone in zones),
        }

    if here.own and there.kind != "own":
        sent_by_its_own = there.zone is None or (there.kind == "group" and here.zone is not None)
        chosen = here.zone if sent_by_its_own else there.zone
        yield way(1, 0, every if chosen is None else (chosen,))
    elif not here.own and there.kind != "nobody":
        yield way(0, 0, every)
    elif not here.own:
        yield way(0, 1, every)
        yield way(1, 1, every if there.zone is None else (there.zone,))


# ---- real packets ----------------------------------------------------------------------------------------------


def judged(view: View, packets: Sequence[Mapping[str, int]]) -> list[Numbers]:
    """What the stack's tables say of crossings, made into octets and decoded again. RuntimeError where the octets do
    not say what was asked: that is our mistake."""
    import engine
    from engine.space import DIMENSIONS
    from engine.specimen import ip_packet

    if not packets:
        return []
    compiled = view.prepared.compiled
    frames = engine.frames_of([(0, ip_packet(packet)) for packet in packets], RAW, compiled)
    headers = engine.decode(frames)
    for at, packet in enumerate(packets):
        for name in ("direction", "routed", "zone"):
            headers.value[engine.COLUMN[name] * headers.count + at] = packet[name]
        said = {name: engine.cell(headers, name, at) for name in DIMENSIONS}
        if said != {name: packet[name] for name in DIMENSIONS}:
            raise RuntimeError(f"a packet made as {dict(packet)} was read as {said}")
    sets = (view.prepared.guard.block, view.prepared.guard.simulate, view.prepared.rules)
    nothing = [-1] * len(packets)
    found = [engine.classify(headers, each.table).tolist() if each else nothing for each in sets]
    return [view.decided(numbers) for numbers in zip(*found, strict=True)]


class Passage(NamedTuple):
    """The whole way of a packet: its verdict (of engine.VERDICTS), and each crossing judged: in or out, Numbers."""

    verdict: str
    crossings: tuple[tuple[str, Numbers], ...]


def passage(view: View, packet: Mapping[str, int], alone: bool = False) -> Passage:
    """A packet on all of its way through the stack, a fragment by itself. It comes in by the first interface of its
    security class; `alone`: by the one its addresses say, as in a replay."""
    import engine

    headers, journey = _oriented(view, packet, None if alone else arrival(view, packet))
    prepared = view.prepared
    found = engine.judge(
        headers, journey, prepared.vantage, prepared.rules, prepared.guard.block, prepared.guard.simulate
    )
    legs = [
        ("in" if leg.direction == 0 else "out", (int(leg.block[0]), int(leg.simulate[0]), int(leg.rule[0])))
        for leg in found.legs
        if leg.count
    ]
    return Passage(engine.VERDICTS[found.verdict[0]], tuple(legs))


def _oriented(view: View, packet: Mapping[str, int], interface: int | None) -> tuple[engine.Headers, engine.Journey]:
    import engine
    from engine.specimen import ip_packet

    headers = engine.decode(engine.frames_of([(0, ip_packet(packet))], RAW, view.prepared.compiled))
    return headers, engine.orient(headers, view.prepared.vantage, interface)


def place_of(view: View, packet: Mapping[str, int]) -> int:
    """The security class of the interface a packet crosses in a replay, in its direction; 0 for none."""
    _, journey = _oriented(view, packet, None)
    at = int((journey.departure if packet["direction"] else journey.arrival)[0])
    return view.around.zones[at] if at >= 0 else 0


def arrival(view: View, packet: Mapping[str, int]) -> int | None:
    """The first interface with the packet's security class, by which it comes in; None where it goes out."""
    if packet["direction"] or packet["zone"] not in view.around.zones:
        return None
    return view.around.zones.index(packet["zone"])
