"""What became of packets, in forms that other programs read: the annotated capture, and a record for each packet or
flow as JSON Lines or CSV.

An annotated capture is a pcapng with every frame of the captures as it was, and what zsim has to say about it as a
comment, which Wireshark shows above the packet. Behind a packet that was answered stands the answer. A frame's
number is that in the annotated capture.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any, NamedTuple

from zsim import flows
from zsim.clock import iso
from zsim.tcpip import discard
from zsim.tcpip.discard import Reply
from zsim.tcpip.filters import FilterRule
from zsim.tcpip.traffic import STACK, Outcome, Prepared, Rewrite

if TYPE_CHECKING:
    import engine


# What is said of a packet no filter was asked about, by engine.STATUSES.
NOT_JUDGED = {
    "not_ip": "not judged: not IP",
    "truncated": "not judged: the IP header is cut off",
    "malformed": "not judged: the IP header contradicts itself",
}
TO_ITSELF = "not filtered: from this stack to itself"
PART = "fragment {identification:#x} at {offset}: judged with the whole datagram, when it is complete"
_RAW = 101
_NAMES = {4: "ICMP", 6: "ICMPv6"}


@dataclass
class Annotated:
    """An annotated capture while it is made: which interfaces are described, and how many frames it has."""

    prepared: Prepared
    rewrites: Sequence[Rewrite] = ()
    only: Only = field(default_factory=lambda: Only())
    frames: int = 0
    interfaces: dict[Any, int] = field(default_factory=dict)  # by name, or as a pcapng described it
    decap: bool = False
    quick: engine.Comments | None = None

    def head(self) -> bytes:
        """The octets it begins with."""
        from engine import pcapng

        in_force = self.prepared.in_force
        source = in_force.source if in_force else "not filtered"
        return pcapng.section("zsim", f"{self.prepared.stack}: {source}")

    def add(self, frames: engine.Frames, outcome: Outcome) -> Iterator[Any]:
        """The octets of one batch in pieces, each to be written before the next is asked for."""
        import engine
        from engine import pcapng

        judged = engine.decap(frames) if self.decap else frames
        replies = {each.packet: each for each in discard.replies(self.prepared, judged, outcome, self.rewrites)}
        rows = self.only.rows(self.prepared, outcome)
        originals = engine.originals(frames) if frames.section is not None else None
        plain = originals is None or originals.most <= len(pcapng.END)
        if engine.is_compiled(frames.data) and plain and not (replies or _peculiar(outcome)):
            yield from self._quickly(frames, outcome, rows, originals)
            return
        blocks: list[bytes] = []
        said_of = comments(self.prepared, outcome)
        for p in map(int, rows):
            said = said_of[p]
            time, linktype, reply = int(frames.time[p]), int(frames.linktype[p]), replies.get(p)
            others: list[pcapng.Option] = []
            if originals is None or frames.section is None:
                number = self._interface(engine.name_of(linktype), linktype, blocks)
            else:
                number = self._original(frames.section, int(originals.interface[p]), blocks)
                first, last = int(originals.begin[p]), int(originals.begin[p]) + int(originals.octets[p])
                octets = bytes(frames.data[first:last])
                others = pcapng.options(octets, frames.section.order, pcapng.PACKET_NUMBERS)
            comment = said if reply is None else f"{said}, replied {_kind(reply)}"
            blocks.append(
                pcapng.packet(number, time, engine.frame_of(frames, p), int(frames.length[p]), [comment], others)
            )
            self.frames += 1
            if reply is not None:
                answered = f"reply to frame {self.frames}"
                if reply.linktype != linktype:
                    number = self._interface(f"{engine.name_of(_RAW)} replies", reply.linktype, blocks)
                blocks.append(pcapng.packet(number, time, reply.frame, len(reply.frame), [answered]))
                self.frames += 1
        yield b"".join(blocks)

    def _quickly(
        self, frames: engine.Frames, outcome: Outcome, rows: Any, originals: engine.Originals | None
    ) -> Iterator[Any]:
        """The same for a batch of which there are few different things to say."""
        import engine

        rules = len(self.prepared.rows)
        if self.quick is None:
            self.quick = engine.Comments(lambda key: _said(self.prepared, key, rules))
        keys = engine.keys_of(outcome.headers, outcome.journey, outcome.judgement, rules)
        blocks: list[bytes] = []
        if originals is not None and frames.section is not None:
            codes, section = originals.interface, frames.section
            interfaces = {n: self._original(section, n, blocks) for n in engine.kinds(engine.take(codes, rows))}
        else:
            codes = frames.linktype
            interfaces = {
                linktype: self._interface(engine.name_of(linktype), linktype, blocks)
                for linktype in engine.kinds(engine.take(codes, rows))
            }
        self.frames += len(rows)
        yield b"".join(blocks)
        yield from self.quick.blocks(frames, keys, rows, engine.translated(codes, interfaces))

    def _interface(self, name: str, linktype: int, blocks: list[bytes]) -> int:
        """The number of an interface; it is described where it is first used."""
        from engine import pcapng

        if name not in self.interfaces:
            self.interfaces[name] = len(self.interfaces)
            blocks.append(pcapng.interface(linktype, name))
        return self.interfaces[name]

    def _original(self, section: engine.Section, number: int, blocks: list[bytes]) -> int:
        """The same of an interface of a pcapng that is read, with its name and all that is said of it. The same one of
        a rotated capture is one."""
        import engine
        from engine import pcapng

        key = section.order, number, section.interfaces[number]
        if key not in self.interfaces:
            self.interfaces[key] = len(self.interfaces)
            linktype, snap, octets = section.interfaces[number]
            others = pcapng.options(octets, section.order, pcapng.INTERFACE_NUMBERS)
            blocks.append(pcapng.interface(linktype, engine.name_of(linktype), snap, others))
        return self.interfaces[key]


def _kind(reply: Reply) -> str:
    return f"{_NAMES[reply.version]} {reply.type}/{reply.code}"


def _peculiar(outcome: Outcome) -> bool:
    """Whether packets of the batch have something of their own to be said: parts of a datagram, simulated blocks."""
    import engine

    if outcome.simulates or outcome.datagrams:
        return True
    unjudged = engine.tally(outcome.judgement.verdict, engine.VERDICTS).get("unjudged", 0)
    statuses = engine.tally(outcome.headers.status, engine.STATUSES)
    return unjudged != sum(statuses.get(status, 0) for status in NOT_JUDGED)


def _said(prepared: Prepared, key: int, rules: int) -> str:
    """The comment on packets with that key of engine.keys_of."""
    import engine

    if key < 0:
        status, _ = engine.status_of(key)
        return NOT_JUDGED.get(engine.STATUSES[status], TO_ITSELF)
    return "; ".join(
        decision(engine.VERDICTS[verdict], prepared.rows[rule] if rule >= 0 else None, direction == 0, bool(routed))
        for direction, rule, verdict, routed in engine.legs_of(key, rules)
    )


def comments(prepared: Prepared, outcome: Outcome) -> list[str]:
    """What is to be said of each packet of a batch: every filter that decided it, or why none was asked."""
    import engine

    said: list[list[str]] = [[] for _ in range(outcome.headers.count)]
    known: dict[tuple[int, int, int, int], str] = {}
    for leg in outcome.judgement.legs:
        routed = engine.values(leg.headers, "routed", range(leg.count)) if leg.count else []
        found = [
            block if block >= 0 else rule for rule, block in zip(leg.rule.tolist(), leg.block.tolist(), strict=True)
        ]
        if outcome.simulates:
            for p, simulate in zip(leg.packet.tolist(), leg.simulate.tolist(), strict=True):
                if simulate >= 0:
                    would = prepared.rows[simulate]
                    said[p].append(f"would be blocked by {would.name} ext {would.extension}")
        rows = zip(leg.packet.tolist(), found, leg.verdict.tolist(), routed, strict=True)
        for p, rule, verdict, is_routed in rows:
            key = rule, verdict, leg.direction, is_routed
            if key not in known:
                decided = prepared.rows[rule] if rule >= 0 else None
                known[key] = decision(engine.VERDICTS[verdict], decided, leg.direction == 0, bool(is_routed))
            said[p].append(known[key])
    whole = {datagram.packet: f", datagram of {datagram.fragments} fragments" for datagram in outcome.datagrams}
    return [("; ".join(each) or _no_decision(outcome, p)) + whole.get(p, "") for p, each in enumerate(said)]


def decision(verdict: str, rule: FilterRule | None, inbound: bool, routed: bool) -> str:
    """`denied by NoTelnet ext 1 (Deny, in, local, policy, USER.Z24C.TCPPARMS(PAGEIPSE):12)`."""
    way = f"{'in' if inbound else 'out'}, {'routed' if routed else 'local'}"
    if rule is None:
        return f"{verdict} ({way}): no filter matches"
    if rule.layer == STACK:
        return f"{verdict} ({way}): {rule.name.strip('()')}"
    where = f"{rule.where.source}:{rule.where.line}" if rule.where.line else rule.where.source
    return f"{verdict} by {rule.name} ext {rule.extension} ({rule.action}, {way}, {rule.layer}, {where})"


def _no_decision(outcome: Outcome, p: int) -> str:
    import engine

    status = engine.STATUSES[outcome.headers.status[p]]
    if status in NOT_JUDGED:
        return NOT_JUDGED[status]
    if engine.VERDICTS[outcome.judgement.verdict[p]] == "unfiltered":
        return TO_ITSELF
    identification, offset = (engine.cell(outcome.headers, name, p) for name in ("identification", "fragment_offset"))
    return PART.format(identification=identification, offset=8 * offset)


# ---- a record for each packet or each flow ---------------------------------------------------------------------

Record = dict[str, Any]

#: What is said of a packet, in this order; None where it does not show it.
PACKET = (
    "file", "frame", "time", "length", "status", "verdict", "filter", "extension", "layer", "interface", "direction",
    "routed", "version", "src", "dst", "proto", "sport", "dport", "icmp_type", "icmp_code", "tcp_flags", "community_id",
)  # fmt: skip
#: What is said of a flow. Source and destination are those of its first packet; verdicts and filters count packets.
FLOW = (
    "community_id", "version", "proto", "src", "sport", "dst", "dport", "icmp_type", "icmp_code", "packets", "bytes",
    "first", "last", "verdicts", "filters",
)  # fmt: skip


class Decided(NamedTuple):
    """What the last filter asked about a packet made of it."""

    rule: FilterRule | None
    interface: str
    direction: str
    routed: bool


def decided(prepared: Prepared, outcome: Outcome) -> dict[int, Decided]:
    """By row of the batch: who decided. Not there are packets no filter was asked about."""
    import engine

    found: dict[int, Decided] = {}
    for leg in outcome.judgement.legs:
        if leg.count:
            routed = engine.values(leg.headers, "routed", range(leg.count))
            by = zip(leg.rule.tolist(), leg.block.tolist(), strict=True)
            rules = [rule if block < 0 else block for rule, block in by]
            rows = zip(leg.packet.tolist(), rules, leg.interface.tolist(), routed, strict=True)
            for p, rule, interface, is_routed in rows:
                found[p] = Decided(
                    prepared.rows[rule] if rule >= 0 else None,
                    prepared.interfaces[interface] if interface >= 0 else "",
                    "out" if leg.direction else "in", bool(is_routed),
                )  # fmt: skip
    return found


@dataclass(frozen=True)
class Only:
    """Which packets are written: all, or those with a verdict, or those a filter decided."""

    verdict: str = ""
    filter: str = ""

    def rows(self, prepared: Prepared, outcome: Outcome) -> Any:
        """The rows of a batch that are; an array i4 in compiled mode."""
        import engine

        if outcome.headers.compiled:
            if self.filter:
                flags = bytes(row.name == self.filter for row in prepared.rows)
                return engine.rows_decided(engine.deciders(outcome.judgement), flags)
            if self.verdict:
                return engine.rows_with(outcome.judgement.verdict, engine.VERDICTS.index(self.verdict))
            return engine.every_row(outcome.headers.count)
        if self.filter:
            found = decided(prepared, outcome)
            return [p for p, each in sorted(found.items()) if each.rule is not None and each.rule.name == self.filter]
        if self.verdict:
            code = engine.VERDICTS.index(self.verdict)
            return [p for p, verdict in enumerate(outcome.judgement.verdict.tolist()) if verdict == code]
        return range(outcome.headers.count)


@lru_cache(maxsize=65_536)
def _address(version: int, number: int) -> str:
    return str(IPv4Address(number) if version == 4 else IPv6Address(number))


def packets(prepared: Prepared, frames: engine.Frames, outcome: Outcome, file: str, only: Only) -> Iterator[Record]:
    """A record for each packet of a batch, of PACKET. A frame is numbered as Wireshark does it in `file`."""
    import engine

    headers, made = outcome.headers, decided(prepared, outcome)
    rows = only.rows(prepared, outcome)
    names = ("version", "src_addr", "dst_addr", "proto", "src_port", "dst_port", "type", "code", "tcp_flags")
    rows = list(map(int, rows))
    fields = zip(*(engine.values(headers, name, rows) for name in names), strict=True) if rows else ()
    limits = [engine.FIELD[name].limit for name in names]
    for p, numbers in zip(rows, fields, strict=False):
        version, src, dst, proto, sport, dport, kind, code, flags = (
            None if number > limit else number for number, limit in zip(numbers, limits, strict=True)
        )
        status, time = engine.STATUSES[outcome.headers.status[p]], int(frames.time[p])
        seen = status not in NOT_JUDGED
        icmp = (version, proto) in ((4, 1), (6, 58))
        who = made.get(p, _NOBODY)
        yield {
            "file": file, "frame": frames.number + p, "time": None if time == engine.NO_TIME else time,
            "length": int(frames.length[p]), "status": status, "verdict": engine.VERDICTS[outcome.judgement.verdict[p]],
            "filter": who.rule.name if who.rule else None, "extension": who.rule.extension if who.rule else None,
            "layer": who.rule.layer if who.rule else None, "interface": who.interface or None,
            "direction": who.direction or None, "routed": who.routed if who.direction else None,
            "version": version or None, "src": _address(version, src) if seen else None,
            "dst": _address(version, dst) if seen else None, "proto": proto if seen else None, "sport": sport,
            "dport": dport, "icmp_type": kind if icmp else None, "icmp_code": code if icmp else None,
            "tcp_flags": flags,
            "community_id": flows.community_id(version, proto, *_ends(src, dst, sport, dport, kind, code, icmp))
            if seen and proto is not None else None,
        }  # fmt: skip


_NOBODY = Decided(None, "", "", False)


def _ends(
    src: Any, dst: Any, sport: int | None, dport: int | None, kind: int | None, code: int | None, icmp: bool
) -> tuple[flows.End, flows.End]:
    return ((src, kind or 0), (dst, code or 0)) if icmp else ((src, sport or 0), (dst, dport or 0))


@dataclass
class Flows:
    """The flows of all batches, by Community ID; one record each when all is read."""

    known: dict[str, Record] = field(default_factory=dict)

    def add(self, each: Record) -> None:
        """One more packet; what belongs to no flow is left out."""
        name = each["community_id"]
        if name is None:
            return
        flow = self.known.get(name)
        if flow is None:
            flow = self.known[name] = {key: each.get(key) for key in FLOW} | {
                "packets": 0, "bytes": 0, "first": each["time"], "last": each["time"], "verdicts": {}, "filters": {},
            }  # fmt: skip
        flow["packets"] += 1
        flow["bytes"] += each["length"]
        if each["time"] is not None:
            known = [time for time in (flow["first"], flow["last"], each["time"]) if time is not None]
            flow["first"], flow["last"] = min(known), max(known)
        for counts, what in ((flow["verdicts"], each["verdict"]), (flow["filters"], each["filter"])):
            if what is not None:
                counts[what] = counts.get(what, 0) + 1


def lines(records: Iterable[Record]) -> str:
    """JSON Lines; times as UTC."""
    return "".join(json.dumps(_timed(each), separators=(",", ":")) + "\n" for each in records)


def csv_head(names: Sequence[str]) -> str:
    return ",".join(names) + "\n"


def csv_lines(records: Iterable[Record]) -> str:
    """CSV (RFC 4180, lines end in LF); counts of a flow as `name=count` with blanks between."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for each in records:
        row = _timed(each).values()
        writer.writerow(
            " ".join(f"{name}={count}" for name, count in value.items()) if isinstance(value, dict) else value
            for value in row
        )
    return text.getvalue()


def _timed(each: Record) -> Record:
    """Times as text."""
    return {
        key: iso(value) if key in ("time", "first", "last") and value is not None else value
        for key, value in each.items()
    }
