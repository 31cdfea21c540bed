"""A capture through a whole system: read, decode, orient, judge, count, log; the slow twin only decodes and judges."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import engine
from benchmarks.workloads import Row, ethernet, packet, policy, timed
from tests.engine import reference
from tests.zsim.systems import NOW, chain, unstarted
from zsim import replay
from zsim.system import System
from zsim.tcpip.filters import lower
from zsim.tcpip.traffic import Prepared

RULES, PACKETS, FEW, FEWER = 200, 200_000, 5000, 200
HERE = 0x0A010102  # 10.1.1.2


def run() -> list[Row]:
    rows, first = [], None
    for case, silent in (("nothing logged", True), ("denied packets logged", False)):
        text = policy(RULES)
        if silent:
            text = text.replace("FilterLogging on", "FilterLogging off")
        system = unstarted(chain(text))
        system.start(NOW)
        packets = _packets(PACKETS)
        capture = engine.write_pcap(packets)
        twin = _twin(system, packets[:FEWER])
        if first is None:
            first = _seconds(system, engine.write_pcap(packets[:1]), True)
        fast, slow = _seconds(system, capture, True), _seconds(system, engine.write_pcap(packets[:FEW]), False)
        case = f"{RULES} rules, {case}"
        rows.append(Row("system", f"{case}, compiled", PACKETS / fast, "packets/s", first or None, twin))
        rows.append(Row("system", f"{case}, plain", FEW / slow, "packets/s", None, twin))
        first = 0.0
    return rows


def _packets(count: int) -> list[tuple[int, bytes]]:
    """To and from 10.1.1.2, and one in ten forwarded; a millisecond apart."""
    random = Random(1)
    made = []
    for number in range(count):
        ends = [HERE, 0x0A000000 | random.randrange(2**24)]
        if number % 10 == 0:
            ends[0] = 0x0A000000 | random.randrange(2**24)
        random.shuffle(ends)
        made.append((NOW + number * 1_000_000, ethernet(packet(4, *ends, random))))
    return made


def _seconds(system: System, capture: bytes, compiled: bool) -> float:
    """Tables made before; the log is thrown away between runs."""
    tally = replay.Tally(system.prepare(compiled))
    seconds = timed(lambda: replay.play(system, tally, engine.read_capture([capture], "capture", compiled)))
    system.files.appended.clear()
    assert tally.packets
    return seconds


def _twin(system: System, packets: list[tuple[int, bytes]]) -> float:
    """Packets per second of the twin: decode, orient and judge, nothing else."""
    prepared = system.prepare()
    world = _world(prepared)
    deny = [row.denies for row in prepared.rows]
    found = [(at, tuple(lower(row, at).tests)) for at, row in enumerate(prepared.rows)]
    sets = {"rules": found, "block": [], "simulate": [], "deny": deny}
    work: Callable[[], None] = lambda: [_judged(frame, world, sets) for _, frame in packets] and None  # noqa: E731
    return len(packets) / timed(work)


def _judged(frame: bytes, world: dict, sets: dict) -> str:
    seen = reference.decode(frame, len(frame), 1)
    return reference.judge(seen, reference.orient(seen, world, None), world, sets)[0]


def _world(prepared: Prepared) -> dict:
    """The stack as the twin has it: 10.1.1.2 on the first interface, which everything is routed to."""
    return {
        "addresses": [(4, HERE, 0)], "groups": [], "routes": [(4, 0, 2**32 - 1, 0)],
        "zones": [255] * len(prepared.interfaces),
    }  # fmt: skip
