"""A generated policy of 10,000 rules: read, expanded, installed; where the time goes, and the most memory it takes."""

from __future__ import annotations

import gc

from benchmarks.workloads import Row, policy, timed
from tests.zsim.systems import NOW, chain, unstarted
from zsim.config import policy as language
from zsim.config.source import Source
from zsim.store import started

RULES = 10_000
GOAL_SECONDS, GOAL_MEGABYTES = 2.0, 500.0


def run(rules: int = RULES) -> list[Row]:
    """The whole comes first, as a user meets it in a new process; memory is the peak of that process until then."""
    text = policy(rules)
    case = f"{rules:,} rules"
    system = unstarted(chain(text))
    installing = timed(lambda: started(system, NOW))  # as every command does it
    assert system.stack.policy is not None, [str(each) for each in system.doubts]
    rows = [
        Row("policy", f"{case}: read, expand, install", installing, "s", goal=GOAL_SECONDS),
        Row("policy", f"{case}: peak memory", peak(), "MB", goal=GOAL_MEGABYTES),
        Row("policy", f"{case}: filters installed", len(system.stack.policy.filters), "filters"),
        Row("policy", f"{case}: text", len(text) / 1e6, "MB"),
    ]
    gc.collect()
    gc.freeze()  # what is there by now is not walked in what follows
    parsing = timed(lambda: language.parse(Source("POLICY", text)))
    again = unstarted(chain(text))
    whole = timed(lambda: again.start(NOW))
    still = unstarted(chain(text))
    gc.disable()
    without = timed(lambda: still.start(NOW))
    gc.enable()
    return [
        *rows,
        Row("policy", "phase: read the text into blocks", parsing, "s"),
        Row("policy", "phase: check, resolve, expand, install", whole - parsing, "s"),
        Row("policy", "both without the garbage collector", without, "s"),
        Row("policy", "before the first packet: match tables, plain", timed(lambda: system.prepare(False)), "s"),
        Row("policy", "before the first packet: match tables, compiled", timed(lambda: system.prepare(True)), "s"),
        Row("policy", "peak memory with three policies and match tables", peak(), "MB"),
    ]


def peak() -> float:
    """The most memory this process has had, in MB."""
    try:
        import resource
    except ImportError:  # no such count on this system
        return float("nan")
    import sys

    octets = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * octets / 1e6
