"""Packets through a stack: which way each goes, which filter decides, what is counted and what is logged.

One packet and a million take the same path: `prepare` compiles what is in force once, `receive` judges one batch
of frames, adds to the counters behind FilterMatches, and hands back what happened. A forwarded packet is judged
twice, arriving and leaving; its verdict is the first deny, or permitted. Fragments that come in for this host or go
out from it are judged as the datagram they make up, when it is complete; forwarded ones each by itself.
(halz002 ipsecurity_routed_traffic_frag_pckts; engine.datagrams says what becomes of odd ones)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any, NamedTuple

from zsim import addresses
from zsim.addresses import AddressRange
from zsim.clock import SECOND, Offset
from zsim.facts import fact
from zsim.findings import Where
from zsim.tcpip import defensive, discard, interfaces, logged
from zsim.tcpip.defensive import Change, Guard
from zsim.tcpip.filters import OUTBOUND, VERSIONS, FilterRule, FilterSet, Hits, Service, lower
from zsim.tcpip.logged import Logged
from zsim.tcpip.stack import Stack

if TYPE_CHECKING:
    import engine


class FilterEvent(NamedTuple):
    """A logged verdict on one packet. Numbers are None where the packet does not show them."""

    time: int
    rule: FilterRule
    version: int
    source: int
    dest: int
    protocol: int | None
    source_port: int | None
    dest_port: int | None
    type: int | None
    code: int | None
    interface: str
    interface_address: int
    inbound: bool
    secclass: int
    routed: bool
    length: int
    fragment: bool
    simulated: bool = False  # a defensive filter would have blocked it


class Rewrite(NamedTuple):
    """Addresses in `old` become those of `new`, host part kept, so that a capture from elsewhere fits."""

    old: AddressRange
    new: AddressRange


class Prepared(NamedTuple):
    """A stack's filters and addresses as the engine's tables. Made anew when either changes; what alone changes in
    it is `trains`, the fragments that wait for the rest of their datagram."""

    stack: str
    in_force: FilterSet | None
    rows: tuple[FilterRule, ...]  # the filters in force, the stack's own rows (see _stack_rows), defensive filters
    rules: engine.RuleSet
    vantage: engine.Vantage
    interfaces: tuple[str, ...]  # by the engine's interface number
    addresses: dict[tuple[str, int], int]  # (interface, version) -> its first home address
    compiled: bool
    own: frozenset[tuple[int, int]]  # (version, address) of this stack
    replies: bytes  # by row: does a denied packet get an ICMP message?
    manner: discard.Manner
    trains: engine.Trains
    tables: dict[tuple[int, ...], engine.MatchTable]  # by the rows that are asked; see `parts` and `quick`
    guard: Guard  # the defensive filters, asked before the others


class Outcome(NamedTuple):
    """What became of one batch. hits[r] is what row r of `Prepared.rows` decided in it."""

    headers: engine.Headers
    judgement: engine.Judgement
    hits: tuple[Hits, ...]
    events: tuple[FilterEvent | Change, ...] | Logged
    journey: engine.Journey
    datagrams: tuple[engine.Datagram, ...]  # completed in it; the row of the last fragment stands for each
    simulates: bool = False  # does any defensive filter simulate?


STACK = "stack"  # layer of the rows that are no filters


def _stack_rows(stack: Stack) -> tuple[list[FilterRule], list[FilterRule]]:
    """What the stack does apart from filters, as rows before and after them: it does not forward under
    NODATAGRAMFWD (asked after the inbound filters; a simulator choice), and it filters no IP version whose
    IPSECURITY is off."""
    rows: list[list[FilterRule]] = [[], []]
    for version in VERSIONS:
        everything = addresses.every(version)
        row = FilterRule("", 0, STACK, version, OUTBOUND, "Deny", "None", everything, everything,
                         Service(scope="Both"), Where(stack.name), hidden=True)  # fmt: skip
        if not stack.forwarding[version]:
            rows[0].append(row._replace(name="(not forwarded)", service=Service(scope="Routed")))
        if version not in stack.versions:
            rows[1].append(row._replace(name=f"(IPv{version} is not filtered)", action="Permit", direction=""))
    return rows[0], rows[1]


class Surroundings(NamedTuple):
    """A stack's addresses, groups, routes and interfaces as `engine.place` takes them; interfaces by position."""

    own: list[tuple[int, int, int]]  # (version, address, interface or -1)
    groups: list[tuple[int, int, int]]  # (version, low, high)
    routes: list[tuple[int, int, int, int]]  # (version, low, high, interface)
    zones: list[int]  # the security class of each interface
    interfaces: tuple[str, ...]


def surroundings(stack: Stack, home: Sequence[tuple[int, int]] = ()) -> Surroundings:
    """What surrounds a stack; `home` are further addresses that count as its own."""
    here = stack.interfaces
    physical = [name for name, each in here.attachments.items() if each.type != "LOOPBACK"]
    index = {name: at for at, name in enumerate(physical)}
    own = [(each.version, each.address, index.get(each.interface, -1)) for each in here.home]
    own += [(version, number, -1) for version, number in home]
    routes = [
        (dest.version, dest.low, dest.high, index[link])
        for dest, link in interfaces.destinations(here)
        if link in index
    ]
    groups = (
        [(each.version, each.low, each.high) for each in interfaces.groups(here)] if fact("multicast-local") else []
    )
    return Surroundings(own, groups, routes, [here.attachments[name].secclass for name in physical], tuple(physical))


def prepare(
    stack: Stack, compiled: bool, home: Sequence[tuple[int, int]] = (), time: int = 0, offset: Offset = 0,
    shapes: Sequence[str] = (),
) -> Prepared:  # fmt: skip
    """Compile the filters in force and the stack's view of the world. `home` are further addresses that are to
    count as this stack's own, (version, number). Rules with time conditions are those active at `time` in
    the image's zone. `shapes` are those a table may have, of engine.compile."""
    import engine

    around = surroundings(stack, home)
    in_force = stack.in_force
    filters = in_force.filters if in_force else ()
    before, after = _stack_rows(stack)
    main = (*filters, *before, *after)
    guard = defensive.guard(stack.defensive, len(main), compiled)
    rows = (*main, *(each.rule for each in guard.installed))
    active = tuple(in_force.active(time, offset)) if in_force else ()
    table = _table(main, active, len(filters), compiled, shapes)
    gate = bool(in_force and in_force.logging)
    return Prepared(
        stack.name, in_force, rows,
        engine.RuleSet(
            table, bytes(row.denies for row in rows), bytes(gate and row.logs for row in rows),
        ),
        engine.place(around.own, around.groups, around.routes, around.zones, compiled=compiled),
        around.interfaces, {(each.interface, each.version): each.address for each in reversed(stack.interfaces.home)},
        compiled, frozenset((version, address) for version, address, _ in around.own),
        bytes(row.denies and row.discard == "ICMP" for row in rows),
        discard.manner(
            {4: _coded(stack, "IPCONFIG", "TTL"), 6: _coded(stack, "IPCONFIG6", "HOPLIMIT")},
            interfaces.groups(stack.interfaces),
        ),
        _trains(_coded(stack, "IPCONFIG", "REASSEMBLYTIMEOUT")), {active: table},
        defensive.at(guard, time),
    )  # fmt: skip


def _table(
    rows: Sequence[FilterRule], active: Sequence[int], filters: int, compiled: bool, shapes: Sequence[str] = ()
) -> engine.MatchTable:
    from engine.compile import SHAPES, compile_rules

    return compile_rules(_lowered(rows, active, filters), compiled, shapes=shapes or SHAPES)


def _lowered(rows: Sequence[FilterRule], active: Sequence[int], filters: int) -> list[engine.Rule]:
    """The active filters between the stack's own rows: what is not forwarded first, what is not filtered last."""
    own = range(filters, len(rows))
    order = (
        *(at for at in own if rows[at].denies),
        *active,
        *(at for at in own if not rows[at].denies),
    )
    return [lower(rows[at], at) for at in order]


class Asked(NamedTuple):
    """The rules a packet is asked, in order; numbers are rows of `Prepared.rows`."""

    block: list[engine.Rule]
    simulate: list[engine.Rule]
    rules: list[engine.Rule]


def asked(prepared: Prepared, time: int, offset: Offset) -> Asked:
    """The rules behind the tables that judge a packet at `time`."""
    in_force, guard = prepared.in_force, prepared.guard
    active = in_force.active(time, offset) if in_force else ()
    filters = len(in_force.filters) if in_force else 0
    block, simulate = (defensive.lowered(guard, time, effect) for effect in (defensive.BLOCK, defensive.SIMULATE))
    return Asked(block, simulate, _lowered(prepared.rows[: guard.first], active, filters))


def parts(prepared: Prepared, frames: engine.Frames, offset: Offset) -> Iterator[tuple[engine.Frames, Prepared]]:
    """The batch in runs of frames during which the same rules are installed, with the tables of each: rules with a
    time condition are installed and removed by the time of the packets, and defensive filters expire by it."""
    import engine

    in_force, guard = prepared.in_force, prepared.guard
    timed = in_force is not None and in_force.timed
    if in_force is None or not (timed or guard.installed):
        yield frames, prepared
        return
    main = prepared.rows[: guard.first]
    times = frames.time.tolist()
    first = 0
    while first < len(times):
        until = min(in_force.until(times[first], offset) if timed else 2**63, guard.until(times[first]))
        last = first + 1
        while last < len(times) and times[first] <= times[last] < until:
            last += 1
        active = tuple(in_force.active(times[first], offset))
        if active not in prepared.tables:
            prepared.tables[active] = _table(main, active, len(in_force.filters), prepared.compiled)
        rules = prepared.rules._replace(table=prepared.tables[active])
        alive = defensive.at(guard, times[first])
        yield engine.part(frames, first, last), prepared._replace(rules=rules, guard=alive)
        first = last


def _coded(stack: Stack, statement: str, parameter: str) -> int | None:
    """The number the profile gives a parameter; None where it is not coded."""
    words = stack.settings.get(statement, {}).get(parameter)
    return int(words[0]) if words else None


def _trains(timeout: int | None) -> engine.Trains:
    """No fragments yet. REASSEMBLYTIMEOUT is of IPv4; that of IPv6 is fixed. (RFC 8200 section 4.5)"""
    import engine

    seconds = fact("reassembly-timeout")
    return engine.Trains(
        {4: (timeout or seconds[0]) * SECOND, 6: seconds[1] * SECOND}, fact("reassembly-overlap-spoils")
    )


def receive(
    prepared: Prepared, frames: engine.Frames, arrival: str | None = None, rewrites: Sequence[Rewrite] = ()
) -> Outcome:
    """Judge one batch of frames that crossed interface `arrival` (None: found from the addresses). The counters of
    the set in force and of the defensive filters are added to."""
    import engine
    from engine.journal import Judged

    headers, journey = oriented(prepared, frames, arrival, rewrites)
    datagrams = engine.reassemble(frames, headers, journey, prepared.trains)
    guard = prepared.guard
    judgement = engine.judge(headers, journey, prepared.vantage, prepared.rules, guard.block, guard.simulate)
    hits = _count(prepared, frames, judgement, datagrams)
    _add_to_set(prepared, hits)
    for one, more in zip(guard.installed, hits[guard.first :], strict=True):
        one.hits += more
    told: tuple[FilterEvent | Change, ...] | Logged
    if prepared.compiled:
        judged = Judged(headers, journey, prepared.vantage.zones)
        told = logged.of(
            guard, prepared.rules, frames, judged, judgement, lambda: _in_order(prepared, frames, judgement)
        )
    else:
        told = tuple(_limited(guard, _in_order(prepared, frames, judgement)))
    return Outcome(headers, judgement, hits, told, journey, datagrams, guard.simulate is not None)


def oriented(
    prepared: Prepared, frames: engine.Frames, arrival: str | None, rewrites: Sequence[Rewrite]
) -> tuple[engine.Headers, engine.Journey]:
    """What the packets say, with addresses as `rewrites` has them, and where they cross this stack's edge."""
    import engine

    headers = engine.decode(frames)
    for old, new in rewrites:
        engine.rewrite(headers, old.version, old.low, old.high, new.low)
    given = prepared.interfaces.index(arrival) if arrival is not None else None
    return headers, engine.orient(headers, prepared.vantage, given)


def _in_order(prepared: Prepared, frames: engine.Frames, judgement: engine.Judgement) -> list[FilterEvent]:
    """What is logged but for limits, by packet and leg."""
    events = [event for leg in judgement.legs for event in _logged(prepared, frames, leg)]
    events.sort(key=lambda event: event[0])
    return [event for _, event in events]


def quick(prepared: Prepared, arrival: str | None = None) -> engine.Quick | None:
    """What counts packets without a word about each of them, or None where the tables are not of its kind."""
    import engine

    if not prepared.compiled:
        return None
    rules = _with_all(prepared)
    if not engine.Quick.can(rules, prepared.vantage):
        return None
    given = prepared.interfaces.index(arrival) if arrival is not None else None
    return engine.Quick(rules, prepared.vantage, len(prepared.rows), given)


def _with_all(prepared: Prepared) -> engine.RuleSet:
    """The rules with those that come and go: filters with times, and before them defensive filters, as if all of them
    were installed and each logged. So there is something to be said of whatever they may match at some time; what any
    other packet matches first is the same at any."""
    import engine

    guard, rules, in_force = prepared.guard, prepared.rules, prepared.in_force
    if not guard.installed and not (in_force and in_force.timed):
        return rules
    filters, main = len(in_force.filters) if in_force else 0, prepared.rows[: guard.first]
    asked = (*range(filters), *range(guard.first, len(prepared.rows)))
    if asked not in prepared.tables:  # one for all captures of a replay
        every = [*defensive.every(guard), *_lowered(main, range(filters), filters)]
        prepared.tables[asked] = engine.compile_rules(every, True)
    log = bytes(logs or bool(row.times) for logs, row in zip(rules.log, main, strict=False))
    return engine.RuleSet(prepared.tables[asked], rules.deny, log + b"\1" * len(guard.installed))


def settled(prepared: Prepared, counters: engine.Counters) -> tuple[Hits, ...]:
    """Add what such a one has counted to the set in force; hits[r] is what row r decided."""
    hits = _hits(counters)
    _add_to_set(prepared, hits)
    return hits


def _hits(counters: engine.Counters) -> tuple[Hits, ...]:
    """What each row decided."""
    nothing = Hits()
    return tuple(
        Hits(packets, octets, first, last) if packets else nothing
        for packets, octets, first, last in counters.to_rows()[:-1]
    )


def _add_to_set(prepared: Prepared, hits: Sequence[Hits]) -> None:
    if prepared.in_force is not None:
        for row, more in enumerate(hits[: len(prepared.in_force.hits)]):
            if more.matches:
                prepared.in_force.hits[row] += more


def _logged(
    prepared: Prepared, frames: engine.Frames, leg: engine.Leg
) -> Iterator[tuple[tuple[int, int], FilterEvent]]:
    """What is logged about one leg: simulations, blocks, then what the other filters decided."""
    guard = prepared.guard
    if guard.simulate:
        yield from _events(prepared, frames, leg, guard.simulate, leg.simulate, True)
    if guard.block:
        yield from _events(prepared, frames, leg, guard.block, leg.block)
    yield from _events(prepared, frames, leg, prepared.rules, leg.rule)


def _limited(guard: Guard, events: Sequence[FilterEvent]) -> Iterator[FilterEvent | Change]:
    """Without what the log limits of defensive filters hold back, and with the reports on it."""
    if not guard.installed:
        yield from events
        return
    installed = {each.key: each for each in guard.installed}
    for event in events:
        yield from defensive.closed(guard.installed, event.time, guard.mode)
        if event.rule.defence is None or defensive.admitted(
            installed[event.rule.name, event.rule.extension], event.time
        ):
            yield event


def _count(
    prepared: Prepared, frames: engine.Frames, judgement: engine.Judgement, datagrams: Sequence[engine.Datagram]
) -> tuple[Hits, ...]:
    """What each row decided; a datagram is one match of all the octets of its fragments."""
    import engine

    counters = engine.Counters.of(len(prepared.rows), prepared.compiled)
    length = copy(frames.length) if datagrams else frames.length
    for datagram in datagrams:
        length[datagram.packet] = datagram.octets
    for leg in judgement.legs:
        times, lengths = engine.take(frames.time, leg.packet), engine.take(length, leg.packet)
        guard = prepared.guard
        for found, asked in ((leg.rule, True), (leg.block, guard.block), (leg.simulate, guard.simulate)):
            if asked:
                engine.count(found, times, lengths, counters)
    return _hits(counters)


def _events(
    prepared: Prepared,
    frames: engine.Frames,
    leg: engine.Leg,
    rules: engine.RuleSet,
    found: Any,
    simulated: bool = False,
) -> Iterator[tuple[tuple[int, int], FilterEvent]]:
    """The logged verdicts of one leg, each with its place in the order of the capture."""
    import engine

    rows = engine.logged(leg, rules, found)
    if not len(rows):
        return
    packets = engine.take(leg.packet, rows)

    def field(name: str) -> list[int]:
        return engine.values(leg.headers, name, rows)

    def known(name: str) -> Iterator[int | None]:
        unknown = engine.FIELD[name].unknown
        return (None if value == unknown else value for value in field(name))

    for packet, at, time, rule, version, source, dest, protocol, (sport, dport), (type, code), *rest in zip(
        packets.tolist(), engine.take(leg.interface, rows).tolist(), engine.take(frames.time, packets).tolist(),
        engine.take(found, rows).tolist(), field("version"), field("src_addr"), field("dst_addr"), known("proto"),
        zip(known("src_port"), known("dst_port"), strict=True), zip(known("type"), known("code"), strict=True),
        field("zone"), field("routed"), field("ip_length"), field("fragment"), strict=True,
    ):  # fmt: skip
        zone, routed, length, fragment = rest
        interface = prepared.interfaces[at] if at >= 0 else ""
        yield (packet, leg.direction), FilterEvent(
            time, prepared.rows[rule], version, source, dest, protocol, sport, dport, type, code, interface,
            prepared.addresses.get((interface, version), 0), leg.direction == 0, zone, bool(routed), length,
            bool(fragment), simulated,
        )  # fmt: skip
