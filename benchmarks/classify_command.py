"""python -m benchmarks classify [--rules FILE] [--packets N] [--traffic KIND] [--peer rte_acl] [--json]"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks import classify
from benchmarks.rulesets import TRAFFIC, classbench, grown, policy
from engine.rules import Rule

DATA = Path(__file__).parents[2] / "shared" / "data" / "classbench"


def workloads(given: list[Path], quick: bool) -> list[tuple[str, list[Rule]]]:
    """Name and rules: the files given, or ClassBench sets up to 100k rules and z/OS policies of both versions."""
    if given:
        return [(path.name.removesuffix(".gz").removesuffix(".rules"), classbench(path)) for path in given]
    found = []
    for family in ("acl1", "fw1", "ipc1"):
        sets = [classbench(DATA / f"{family}_{count}.rules.gz") for count in (100, 1000, 10000)]
        found += [(family, few(sets[0], 10)), *((family, rules) for rules in sets)]
        if not quick:
            found.append((f"{family} grown", grown(sets[-1], 100_000)))
    for version in (4, 6):
        found += [(f"zos ipv{version}", policy(count, version)) for count in (100, 1000, 10000)]
    return found


def few(rules: list[Rule], count: int) -> list[Rule]:
    """Some of the rules, in their order, and so the last, which most sets have for what is left."""
    step = max(1, len(rules) // count)
    return [Rule(number, rule.tests) for number, rule in enumerate(rules[::-step][:count][::-1])]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("classify", help="packets to rules, per second, beside a peer")
    one.add_argument("--rules", type=Path, action="append", default=[], metavar="FILE[.gz]", help="a ClassBench file")
    one.add_argument("--packets", type=int, default=1 << 20)
    one.add_argument("--traffic", choices=TRAFFIC, action="append", default=[])
    one.add_argument("--peer", choices=("rte_acl",))
    one.add_argument("--json", action="store_true")
    one.add_argument("--quick", action="store_true", help="without the sets of 100,000 rules")
    one.add_argument("--plot", type=Path, metavar="FILE.svg", help="growth curves, with matplotlib")
    one.add_argument("--passes", action="store_true", help="what each pass of a table takes, instead")
    options = parser.parse_args(arguments)

    def say(text: str) -> None:
        print(text, file=sys.stderr if options.json else sys.stdout, flush=True)

    rows: list[dict[str, Any]] = []
    if options.passes:
        for name, rules in workloads(options.rules, options.quick):
            for mode in options.traffic or ["uniform"]:
                rows += [
                    {"rules": name, "count": len(rules)} | row for row in classify.passes(rules, mode, options.packets)
                ]
        print(json.dumps(rows, indent=1) if options.json else classify.of_passes(rows))
        return 0
    say(classify.HEAD)
    for name, rules in workloads(options.rules, options.quick):
        modes = options.traffic or ["uniform", "zipf"]
        rows += classify.measure(name, rules, modes, options.packets, options.peer is not None, say)
    if options.plot:
        from benchmarks.growth import plot

        plot(rows, options.plot)
    if options.json:
        print(json.dumps(rows, indent=1))
    return 0 if all(row["agree"] for row in rows) else 1
