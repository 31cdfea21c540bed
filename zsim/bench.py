"""`zsim bench`: what a rule set costs on a capture: rules looked at in order, speed, table, the costliest rules.

Classifying does not search in order; a person who reads the rules does, and so do other packet filters. Where
rules stand is what they cost there, and the figure says which to move up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import engine
    from zsim.tcpip.traffic import Prepared

SCHEMA = "zsim.bench/1"
COSTLIEST = 10
REPEATS = 5


@dataclass
class Bench:
    """What was measured so far."""

    prepared: Prepared
    legs: int = 0
    seconds: float = 0.0  # of classifying them once
    found: Counter[int] = field(default_factory=Counter)  # rule number, or -1: how often


def measure(bench: Bench, batches: Iterable[engine.Frames], clock: Callable[[], float]) -> None:
    """Judge every packet as a replay would, and take the time of classifying alone, the best of REPEATS."""
    import engine

    table = bench.prepared.rules.table
    for batch in batches:
        headers = engine.decode(batch)
        journey = engine.orient(headers, bench.prepared.vantage)
        for leg in engine.judge(headers, journey, bench.prepared.vantage, bench.prepared.rules).legs:
            took = []
            for _ in range(REPEATS):
                begun = clock()
                engine.classify(leg.headers, table)
                took.append(clock() - begun)
            bench.seconds += min(took)
            bench.legs += leg.count
            bench.found.update(leg.rule.tolist())


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
        "packets_per_second": round(bench.legs / bench.seconds) if bench.seconds else None,
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
        f"{shown['rules']:,} rules in a table of shape {shown['shape']}, {shown['table_bytes']:,} octets",
        f"{shown['judgements']:,} judgements, "
        + (f"{speed:,} a second; in order, {depth} rules would be looked at for each" if speed else "nothing to judge"),
        "",
        f"{'filter':<38}{'way':<9}{'place':>7}{'matches':>11}{'looked at':>14}{'share':>8}",
    ]
    for row in shown["costliest"]:
        lines.append(
            f"{row['name'] or '(no rule)':<38}{row['direction'] or '':<9}{row['place']:>7,}{row['matches']:>11,}"
            f"{row['looked_at']:>14,}{row['share']:>8.1%}"
        )
    return "\n".join(lines) + "\n"
