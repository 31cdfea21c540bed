"""Frames -> Headers: packets per second of both modes, and how many times the slow twin that is."""

from __future__ import annotations

import engine
from benchmarks.workloads import Row, ethernet, rate, timed, traffic
from engine.capture import BATCH
from tests.engine import reference

CASES = {
    "IPv4": lambda: [ethernet(each) for each in traffic("IPv4", BATCH)],
    "IPv4, VLAN tags": lambda: [ethernet(each, tagged=True) for each in traffic("IPv4", BATCH, 2)],
    "IPv6": lambda: [ethernet(each) for each in traffic("IPv6", BATCH, 3)],
}
FEW = 2000


def run() -> list[Row]:
    rows, first = [], None
    for case, make in CASES.items():
        frames = make()
        batch = [(0, frame) for frame in frames]
        few, whole = engine.frames_of(batch[:FEW], 1), engine.frames_of(batch, 1, compiled=True)
        twin = rate(lambda some=frames[:FEW]: [reference.decode(each, len(each), 1) for each in some], FEW)
        first = timed(lambda whole=whole: engine.decode(whole)) if first is None else 0.0
        fast = rate(lambda whole=whole: engine.decode(whole), len(frames))
        rows.append(Row("decode", f"{case}, compiled", fast, "packets/s", first or None, twin))
        rows.append(
            Row("decode", f"{case}, plain", rate(lambda few=few: engine.decode(few), FEW), "packets/s", None, twin)
        )
    return rows
