"""Classifying, measured: packets per second beside the peer's, results compared, build time and size of table."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import numpy as np

import engine
from benchmarks.peer import NoPeer, Peer
from benchmarks.rulesets import brute, traffic
from engine.rules import Rule

RUNS = 9
SAMPLED = 40_000_000  # rules times packets of the brute-force sample


def timed(runs: dict[str, Callable[[], object]], times: int = RUNS) -> dict[str, float]:
    """Median seconds of each, in alternating runs: of this thread, so that other work on the machine counts less."""
    took: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run()
    for _ in range(times):
        for name, run in runs.items():
            start = time.thread_time()
            run()
            took[name].append(time.thread_time() - start)
    return {name: median(of) for name, of in took.items()}


def measure(
    name: str, rules: Sequence[Rule], modes: Sequence[str], packets: int, peer: bool, say: Callable[[str], None]
) -> list[dict[str, Any]]:
    """A row per kind of traffic."""
    engine.compile_rules(rules[:50], compiled=True)
    start = time.perf_counter()
    table = engine.compile_rules(rules, compiled=True)
    build_s = time.perf_counter() - start
    other = None
    if peer:
        try:
            other = Peer(rules)
        except NoPeer as why:
            say(f"{name}: {why}")
    rows = []
    for mode in modes:
        headers = traffic(rules, packets, mode)
        found = engine.classify(headers, table)
        into = np.empty(packets, np.int32)
        runs: dict[str, Callable[[], object]] = {"ours": lambda: engine.classify(headers, table, into)}  # noqa: B023
        agree = True
        if other:
            trace, result = other.trace(headers), np.zeros(packets, np.uint32)
            for algorithm in other.best(trace, result):
                runs[algorithm] = lambda a=algorithm, t=trace, r=result: other.run(t, a, r)  # type: ignore[misc]
            agree = bool((result.astype(np.int64) - 1 == found).all())
        sample = np.random.default_rng(3).integers(0, packets, max(200, min(20_000, SAMPLED // max(1, len(rules) * 5))))
        agree = agree and brute(rules, headers, sample[:4000].tolist()) == found[sample[:4000]].tolist()
        took = timed(runs)
        ours = took.pop("ours")
        theirs = min(took.values(), default=None)
        rows.append({
            "rules": name, "count": len(rules), "traffic": mode, "shape": table.shape,
            "mpps": round(packets / ours / 1e6, 1),
            "peer_mpps": round(packets / theirs / 1e6, 1) if theirs else None,
            "ratio": round(theirs / ours, 2) if theirs else None,
            "build_s": round(build_s, 3), "table_bytes": table.octets, "agree": agree,
        })  # fmt: skip
        say(line(rows[-1]))
        if other:
            other.free(trace)
    if other:
        other.close()
    return rows


HEAD = "rules            count traffic     shape    Mpps    peer  ratio  build s      MB  agree"


def line(row: dict[str, Any]) -> str:
    peer, ratio = (row[key] if row[key] is not None else "-" for key in ("peer_mpps", "ratio"))
    return (
        f"{row['rules']:14}{row['count']:>8} {row['traffic']:8}{row['shape']:>9}{row['mpps']:>8}{peer:>8}{ratio:>7}"
        f"{row['build_s']:>9}{row['table_bytes'] / 1e6:>8.2f}  {'yes' if row['agree'] else 'NO'}"
    )
