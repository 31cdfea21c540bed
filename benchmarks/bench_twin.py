"""Headers -> first matching rule, for 10 to 10,000 rules: packets per second, how long the tables take to make."""

from __future__ import annotations

import engine
from benchmarks.workloads import KINDS, SIZES, Row, rate, rules, timed, traffic
from engine.capture import BATCH
from tests.engine import reference

RAW_IP = 101
FEW, FEWER = 1000, 50  # packets in plain mode, and for the twin


def run() -> list[Row]:
    rows, first = [], None
    for kind in KINDS:
        packets = [(0, each) for each in traffic(kind, BATCH)]
        many = engine.decode(engine.frames_of(packets, RAW_IP, compiled=True))
        few = engine.decode(engine.frames_of(packets[:FEW], RAW_IP))
        seen = [reference.decode(each, len(each), RAW_IP) for _, each in packets[:FEWER]]
        for size in SIZES:
            made = rules(kind, size)
            plainly = [(rule.number, tuple(rule.tests)) for rule in made]
            table = engine.compile_rules(made, compiled=True)
            building = timed(lambda made=made: engine.compile_rules(made, compiled=True))
            started = timed(lambda table=table, many=many: engine.classify(many, table))
            first = started if first is None else 0.0
            fast = rate(lambda table=table, many=many: engine.classify(many, table), BATCH)
            plain = engine.compile_rules(made)
            slow = rate(lambda plain=plain, few=few: engine.classify(few, plain), FEW)
            twin = rate(lambda seen=seen, of=plainly: [reference.classify(each, of) for each in seen], FEWER)
            case = f"{kind}, {size:,} rules"
            rows += [
                Row("classify", f"{case}, compiled", fast, "packets/s", first or None, twin),
                Row("classify", f"{case}, plain", slow, "packets/s", None, twin),
                Row("classify", f"{case}, making the tables", building, "s"),
            ]
    return rows
