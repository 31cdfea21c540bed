"""`zsim bench`: what a rule set costs on a capture: rules looked at in order, speed, table, the costliest rules.

Classifying does not search in order; a person who reads the rules does, and so do other packet filters. Where
rules stand is what they cost there, and the figure says which to move up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from zsim.tcpip import traffic
from zsim.tcpip.traffic import Prepared, Rewrite

if TYPE_CHECKING:
    import engine

SCHEMA = "zsim.bench/1"
COSTLIEST = 10
REPEATS = 5


@dataclass
class Bench:
    """What was measured so far."""

    prepared: Prepared
    legs: int = 0
    seconds: float = 0.0  # of classifying them once
    cached: float = 0.0  # behind a flow cache, in compiled mode
    shared: float = 0.0  # by two threads, likewise
    found: Counter[int] = field(default_factory=Counter)  # rule number, or -1: how often
    build: float = 0.0  # seconds that making the tables took


def measure(
    bench: Bench,
    batches: Iterable[engine.Frames],
    clock: Callable[[], float],
    interface: str | None = None,
    rewrites: Sequence[Rewrite] = (),
) -> None:
    """Judge every packet as a replay would, and take the time of classifying alone, the best of REPEATS."""
    import engine

    prepared = bench.prepared
    table, compiled = prepared.rules.table, prepared.compiled
    cache = engine.FlowCache(table) if compiled else None
    for batch in batches:
        headers, journey = traffic.oriented(prepared, batch, interface, rewrites)
        for leg in engine.judge(headers, journey, prepared.vantage, prepared.rules).legs:
            crossing = leg.headers
            bench.seconds += _best(clock, lambda: engine.classify(crossing, table))  # noqa: B023
            if compiled:
                bench.cached += _best(clock, lambda: engine.classify(crossing, table, cache=cache))  # noqa: B023
                bench.shared += _best(clock, lambda: engine.classify(crossing, table, threads=2))  # noqa: B023
            bench.legs += leg.count
            bench.found.update(leg.rule.tolist())


def _best(clock: Callable[[], float], run: Callable[[], object]) -> float:
    took = []
    for _ in range(REPEATS):
        begun = clock()
        run()
        took.append(clock() - begun)
    return min(took)


def _rate(bench: Bench, seconds: float) -> int | None:
    return round(bench.legs / seconds) if seconds else None


def document(bench: Bench) -> dict[str, Any]:
    """The measurement as JSON. `looked_at` is how many rules a search in order asks for all packets of a rule."""
    table, rows = bench.prepared.rules.table, bench.prepared.rows
    order = table.number.tolist()
    place = {number: at + 1 for at, number in enumerate(order)} | {-1: len(order)}
    looked_at = {number: count * place[number] for number, count in bench.found.items()}
    total = sum(looked_at.values())
    costly = sorted(looked_at, key=lambda number: (-looked_at[number], place[number]))[:COSTLIEST]
    return {
        "schema": SCHEMA,
        "rules": len(order),
        "judgements": bench.legs,
        "shape": table.shape,
        "table_bytes": table.octets,
        "build_seconds": round(bench.build, 3),
        "packets_per_second": _rate(bench, bench.seconds),
        "with_flow_cache": _rate(bench, bench.cached),
        "with_two_threads": _rate(bench, bench.shared),
        "rules_looked_at": round(total / bench.legs, 2) if bench.legs else None,
        "costliest": [
            {
                "name": rows[number].name if number >= 0 else None,
                "direction": (rows[number].direction or None) if number >= 0 else None,
                "place": place[number],
                "matches": bench.found[number],
                "looked_at": looked_at[number],
                "share": round(looked_at[number] / total, 4) if total else 0.0,
            }
            for number in costly
        ],
    }


def table(bench: Bench) -> str:
    """The measurement for a terminal."""
    shown = document(bench)
    speed, depth = shown["packets_per_second"], shown["rules_looked_at"]
    lines = [
        f"{shown['rules']:,} rules in a table of shape {shown['shape']}, {shown['table_bytes']:,} octets, "
        f"made in {shown['build_seconds']:.3f} s",
        f"{shown['judgements']:,} judgements, "
        + (f"{speed:,} a second; in order, {depth} rules would be looked at for each" if speed else "nothing to judge"),
    ]
    if shown["with_flow_cache"]:
        lines.append(
            f"behind a flow cache {shown['with_flow_cache']:,} a second, by two threads {shown['with_two_threads']:,}"
        )
    lines += [
        "",
        f"{'filter':<38}{'way':<9}{'place':>7}{'matches':>11}{'looked at':>14}{'share':>8}",
    ]
    for row in shown["costliest"]:
        lines.append(
            f"{row['name'] or '(no rule)':<38}{row['direction'] or '':<9}{row['place']:>7,}{row['matches']:>11,}"
            f"{row['looked_at']:>14,}{row['share']:>8.1%}"
        )
    return "\n".join(lines) + "\n"
