"""Classifying, measured: packets per second beside the peer's, results compared, build time and size of table."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import numba  # as in any process that has asked much: see engine.kernels.objects
import numpy as np

import engine
from benchmarks.peer import NoPeer, Peer
from benchmarks.rulesets import brute, traffic
from engine.fields import COLUMN, FIELD
from engine.rules import Rule

RUNS = 9
PART = 32_768  # packets of a batch where batches are small enough to stay in a cache
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
        into, cache = np.empty(packets, np.int32), engine.FlowCache(table)
        runs: dict[str, Callable[[], object]] = {
            "ours": lambda: engine.classify(headers, table, into),  # noqa: B023
            "cached": lambda: engine.classify(headers, table, into, cache=cache),  # noqa: B023
            "count": counting(found, len(rules)),
            "floor": reading(headers, table, into),
        }
        agree = True
        if other:
            trace, result = other.trace(headers), np.zeros(packets, np.uint32)
            for algorithm in other.best(trace, result):
                runs[algorithm] = lambda a=algorithm, t=trace, r=result: other.run(t, a, r)  # type: ignore[misc]
            agree = bool((result.astype(np.int64) - 1 == found).all())
        sample = np.random.default_rng(3).integers(0, packets, max(200, min(20_000, SAMPLED // max(1, len(rules) * 5))))
        agree = agree and brute(rules, headers, sample[:4000].tolist()) == found[sample[:4000]].tolist()
        engine.classify(headers, table, into, cache=cache)
        agree = agree and bool((into == found).all())
        took = timed(runs)
        ours, cached, counted, floor = (took.pop(of) for of in ("ours", "cached", "count", "floor"))
        theirs = min(took.values(), default=None)
        rows.append({
            "rules": name, "count": len(rules), "traffic": mode, "shape": table.shape,
            "mpps": round(packets / ours / 1e6, 1),
            "peer_mpps": round(packets / theirs / 1e6, 1) if theirs else None,
            "ratio": round(theirs / ours, 2) if theirs else None,
            "build_s": round(build_s, 3), "table_bytes": table.octets, "agree": agree,
            "floor_mpps": round(packets / floor / 1e6, 1), "cached_mpps": round(packets / cached / 1e6, 1),
            "count_share": round(counted / ours, 3), "two_cores": round(together(headers, table, into), 2),
            "one_packet_us": round(alone(headers, table), 2),
            "peer_build_s": round(other.build_s, 3) if other else None,
            "peer_bytes": other.octets if other else None,
        })  # fmt: skip
        say(line(rows[-1]))
        if other:
            other.free(trace)
    if other:
        other.close()
    return rows


def counting(found: Any, rules: int) -> Callable[[], None]:
    """Adds a batch to the counters, in parts as a capture comes in."""
    n, counters = len(found), engine.Counters.of(rules, compiled=True)
    arrival, length = np.arange(n), np.random.default_rng(1).integers(60, 1500, n).astype(np.uint32)

    def run() -> None:
        for p in range(0, n, PART):
            engine.count(found[p : p + PART], arrival[p : p + PART], length[p : p + PART], counters)

    return run


def reading(headers: engine.Headers, table: engine.MatchTable, into: Any) -> Callable[[], None]:
    """The floor: every column that a rule tests is read once and a rule written, and nothing else done."""
    n, written = headers.count, into.view(np.uint32)
    upper = [
        headers.wide or word == FIELD[name].words - 1 for name in table.fields for word in range(FIELD[name].words)
    ]
    columns = [COLUMN[name] + word for name in table.fields for word in range(FIELD[name].words)]
    tested = [headers.value[c * n : (c + 1) * n] for c, read in zip(columns, upper, strict=True) if read]

    def run() -> None:
        for p in range(0, n, PART):
            written[p : p + PART] = 0
            for column in tested:
                np.bitwise_or(written[p : p + PART], column[p : p + PART], written[p : p + PART])

    return run


def together(headers: engine.Headers, table: engine.MatchTable, into: Any) -> float:
    """How many times as fast two threads are as one, by the clock on the wall."""
    took: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(RUNS + 1):
        for threads, of in took.items():
            start = time.perf_counter()
            engine.classify(headers, table, into, threads)
            of.append(time.perf_counter() - start)
    return median(took[1][1:]) / median(took[2][1:])


def alone(headers: engine.Headers, table: engine.MatchTable, batches: int = 2000) -> float:
    """Microseconds for a batch of one packet."""
    assert numba
    one, into = engine.select(headers, np.zeros(1, np.int32), 1), np.empty(1, np.int32)
    start = time.perf_counter()
    for _ in range(batches):
        engine.classify(one, table, into)
    return (time.perf_counter() - start) / batches * 1e6


def passes(rules: Sequence[Rule], mode: str, packets: int) -> list[dict[str, Any]]:
    """Nanoseconds a packet of each pass of a table that is a program: the time with it, less the time without."""
    from engine.kernels.passes import OPERATIONS, SCRATCH, WIDTH, run

    table, headers = engine.compile_rules(rules, compiled=True), traffic(rules, packets, mode)
    if not hasattr(table.body, "steps"):
        return []
    steps = table.body.steps if headers.wide else table.body.narrow
    into, scratch = np.empty(packets, np.int32), np.zeros(SCRATCH, np.uint32)
    of = {
        str(end): lambda end=end: run(
            headers.value, headers.status, packets, 0, packets, steps[: end * WIDTH], table.body.arena, scratch, into
        )
        for end in range(len(steps) // WIDTH + 1)
    }
    took = list(timed(of).values())
    whole = took[-1]
    return [
        {"pass": OPERATIONS[steps[WIDTH * i]], "ns": round((took[i + 1] - took[i]) / packets * 1e9, 2),
         "share": round((took[i + 1] - took[i]) / whole, 3)}
        for i in range(len(took) - 1)
    ]  # fmt: skip


HEAD = (
    "rules            count traffic     shape    Mpps    peer  ratio  build s      MB   floor  cached  count  2 cores"
    "  1 packet  agree"
)


def line(row: dict[str, Any]) -> str:
    """A row of the table below HEAD."""
    peer, ratio = (row[key] if row[key] is not None else "-" for key in ("peer_mpps", "ratio"))
    agree = "yes" if row["agree"] else "NO"
    return (
        f"{row['rules']:14}{row['count']:>8} {row['traffic']:8}{row['shape']:>9}{row['mpps']:>8}{peer:>8}{ratio:>7}"
        f"{row['build_s']:>9}{row['table_bytes'] / 1e6:>8.2f}{row['floor_mpps']:>8}{row['cached_mpps']:>8}"
        f"{row['count_share']:>7.0%}{row['two_cores']:>9}{row['one_packet_us']:>7} us  {agree}"
    )


def of_passes(rows: Sequence[dict[str, Any]]) -> str:
    """The rows of `passes` as a table."""
    lines = ["rules            count pass                  ns  share"]
    lines += [f"{row['rules']:14}{row['count']:>8} {row['pass']:18}{row['ns']:>6}{row['share']:>7.0%}" for row in rows]
    return "\n".join(lines)
