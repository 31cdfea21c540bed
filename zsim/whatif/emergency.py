"""At three in the morning: who sends most and who scans, as `ipsec -F add` lines that only simulate.

A source that asks in vain for many ends is a scan; one that sends a large part of what arrives is a top talker. A line
blocks nothing until somebody writes `mode block`; it says how many packets it would have stopped, and how many of those
are permitted today.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from zsim import addresses
from zsim.clock import iso
from zsim.whatif import words
from zsim.whatif.observed import Flow, Observed
from zsim.whatif.suggest import SCAN_PORTS

SCHEMA = "zsim.emergency/1"
LIFETIME = 30  # minutes
SHARE = 10  # percent of the packets that arrive, from which a source is a top talker
LEAST = 100  # packets a top talker has sent
MOST = 10  # lines of each kind
PORTS = {6: "tcp", 17: "udp"}
Row = dict[str, Any]


class Block(NamedTuple):
    """One defensive filter that may help: why, what it stops (`packets` of `all`), how much of that is permitted."""

    name: str
    kind: str  # scan, talker
    version: int
    source: int
    dest: int | None
    proto: int | None
    port: int | None
    packets: int
    octets: int
    permitted: int
    ends: int  # different destinations and ports
    first: int
    last: int
    frames: tuple[tuple[str, int], ...]


class _Sum:
    def __init__(self) -> None:
        self.packets = self.octets = self.permitted = 0
        self.first = self.last = 0
        self.ends: Counter[tuple[int, int, int]] = Counter()  # (address, protocol, port)
        self.frames: list[tuple[str, int]] = []


def blocks(observed: Observed) -> list[Block]:
    """Scans, then top talkers, the worst first."""
    sums = _sums(observed)
    total = sum(each.packets for each in sums.values())
    vain = _in_vain(observed.flows())
    scans = sorted((key for key in sums if len(vain[key]) >= SCAN_PORTS), key=lambda key: -len(vain[key]))[:MOST]
    talkers = sorted(
        (key for key, each in sums.items()
         if key not in scans and each.packets >= LEAST and 100 * each.packets >= SHARE * total),
        key=lambda key: -sums[key].packets,
    )[:MOST]  # fmt: skip
    found = [_block(f"scan{at}", "scan", key, sums[key], vain[key]) for at, key in enumerate(scans, 1)]
    return found + [_block(f"talker{at}", "talker", key, sums[key], set()) for at, key in enumerate(talkers, 1)]


def _sums(observed: Observed) -> dict[tuple[int, int], _Sum]:
    """What arrives, by version and source."""
    found: dict[tuple[int, int], _Sum] = defaultdict(_Sum)
    for at, number in enumerate(observed.order):
        kind = observed.kinds[number]
        packet = kind.packet
        if packet["direction"]:
            continue
        one = found[packet["version"], packet["src_addr"]]
        one.first = one.first or observed.times[at]
        one.last = observed.times[at]
        one.packets += 1
        one.octets += observed.octets[at]
        one.permitted += observed.view.fate(kind.numbers).permits
        one.ends[packet["dst_addr"], packet["proto"], packet["dst_port"]] += 1
        if len(one.frames) < 6:
            one.frames.append((observed.files[observed.file[at]], observed.frames[at]))
    return found


def _in_vain(flows: Sequence[Flow]) -> dict[tuple[int, int], set[tuple[int, int, int]]]:
    """The ends each source asked and that never answered."""
    found: dict[tuple[int, int], set[tuple[int, int, int]]] = defaultdict(set)
    for flow in flows:
        if flow.ported and not flow.answered and not (flow.outbound and not flow.routed):
            found[flow.version, flow.client[0]].add((flow.server[0], flow.proto, flow.server[1]))
    return found


def _block(
    name: str, kind: str, key: tuple[int, int], total: _Sum, vain: set[tuple[int, int, int]]
) -> Block:  # fmt: skip
    """As narrow as it may be: one destination, protocol or port where there is only one."""
    ends = set(total.ends)
    dests, protos, ports = {each[0] for each in ends}, {each[1] for each in ends}, {each[2] for each in ends}
    proto = min(protos) if len(protos) == 1 and min(protos) <= 255 else None
    port = min(ports) if len(ports) == 1 and proto in PORTS else None
    return Block(
        name, kind, *key, min(dests) if len(dests) == 1 else None, proto, port, total.packets, total.octets,
        total.permitted, len(vain) if vain else len(ends), total.first, total.last, tuple(total.frames),
    )  # fmt: skip


def command(each: Block, lifetime: int = LIFETIME, name: str = "") -> str:
    """The z/OS UNIX command that installs it, for simulation only."""
    dest = "all" if each.dest is None else addresses.text(each.version, each.dest)
    proto = "all" if each.proto is None else PORTS.get(each.proto, str(each.proto))
    port = f" destport {each.port}" if each.port is not None and each.port <= 65535 else ""
    return (f"ipsec -F add srcip {addresses.text(each.version, each.source)} destip {dest} prot {proto}{port} "
            f"dir inbound routing either mode simulate lifetime {lifetime} -N {name or each.name}")  # fmt: skip


def text(found: Sequence[Block], crossings: int, lifetime: int = LIFETIME) -> str:
    """A shell script of comments and commands."""
    return "\n".join(_text(found, crossings, lifetime)) + "\n"


def _text(found: Sequence[Block], crossings: int, lifetime: int) -> Iterator[str]:
    yield f"# {len(found)} suggestions of {crossings:,} crossings. They simulate: EZD1722I shows what would be blocked."
    yield "# To block, replace mode simulate by mode block. Nobody has reviewed them."
    for each in found:
        yield ""
        what = f"{each.ends:,} ends asked in vain" if each.kind == "scan" else f"{each.octets:,} bytes"
        yield f"# {each.kind}: {each.packets:,} packets, {what}, {iso(each.first)[:19]} to {iso(each.last)[:19]}"
        yield f"# permitted today: {each.permitted:,} of them; frames: {_frames(each)}"
        yield command(each, lifetime)


def _frames(each: Block) -> str:
    told = "; ".join(f"{file} {frame}" for file, frame in each.frames[:3])
    return f"{told}, ..." if each.packets > 3 else told


def document(found: Sequence[Block], crossings: int, lifetime: int = LIFETIME) -> Row:
    """The same as plain data."""
    return {
        "schema": SCHEMA,
        "crossings": crossings,
        "suggestions": [
            {"kind": each.kind, "source": addresses.text(each.version, each.source),
             "dest": None if each.dest is None else addresses.text(each.version, each.dest),
             "proto": None if each.proto is None else words.protocol(each.proto), "port": each.port,
             "packets": each.packets, "bytes": each.octets, "permitted_today": each.permitted, "ends": each.ends,
             "first": iso(each.first), "last": iso(each.last),
             "frames": [{"file": file, "frame": frame} for file, frame in each.frames],
             "command": command(each, lifetime)}
            for each in found
        ],
    }  # fmt: skip
