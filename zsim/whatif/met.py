"""Recorded packets at the interfaces they cross: what each is, and which rules decide about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from zsim.tcpip.traffic import Rewrite
from zsim.whatif.crossings import Numbers, View

if TYPE_CHECKING:
    import engine

TCP, FLAGS = 6, 0xFFFF


class Met(NamedTuple):
    """A packet at one crossing. `packet` has the fields of engine.space, `time` is ns, `octets` those on the wire."""

    frame: int
    time: int
    octets: int
    packet: dict[str, int]
    numbers: Numbers
    flags: int  # of TCP, 0 elsewhere


def crossings(
    view: View, frames: engine.Frames, interface: str | None = None, rewrites: Sequence[Rewrite] = ()
) -> Iterator[Met]:
    """Every crossing of a batch that is judged, a forwarded packet arriving and leaving; in the order of the packets.
    Datagrams of the stack itself are put together first, as in a replay."""
    import engine
    from engine.arrays import as_array
    from engine.space import DIMENSIONS

    prepared = view.prepared
    headers = engine.decode(frames)
    for old, new in rewrites:
        engine.rewrite(headers, old.version, old.low, old.high, new.low)
    arrival = prepared.interfaces.index(interface) if interface is not None else None
    journey = engine.orient(headers, prepared.vantage, arrival)
    engine.reassemble(frames, headers, journey, prepared.trains)
    guard = prepared.guard
    judgement = engine.judge(headers, journey, prepared.vantage, prepared.rules, guard.block, guard.simulate)
    found = []
    for leg in judgement.legs:
        if not leg.count:
            continue
        rows = as_array(range(leg.count), "i4", leg.headers.compiled)
        fields = zip(*(engine.values(leg.headers, name, rows) for name in DIMENSIONS), strict=True)
        columns = (each.tolist() for each in (leg.packet, leg.block, leg.simulate, leg.rule))
        flags = engine.values(leg.headers, "tcp_flags", rows)
        for (p, *numbers), values, bits in zip(zip(*columns, strict=True), fields, flags, strict=True):
            found.append((p, leg.direction, dict(zip(DIMENSIONS, values, strict=True)), numbers, bits))
    found.sort(key=lambda each: each[:2])
    for p, _, packet, numbers, bits in found:
        octets, time = int(frames.length[p]), int(frames.time[p])
        told = bits & 0xFF if packet["proto"] == TCP and bits <= FLAGS else 0
        yield Met(frames.number + p, time, octets, packet, view.decided(numbers), told)
