"""python -m benchmarks [policy|decode|twin|system|replay|log] [--packets N] [--pieces N] [--json]: runs one, or the
first four, and prints one table. `replay` and `log` run other tools beside zsim and have a table of their own (see
bench_replay and bench_log), and so has
`classify [--rules FILE] [--peer rte_acl] ...`: the classifier beside the fastest one there is.

All of them run one after the other, each in a process of its own, so that the first call and the peak memory of one
are not those of another.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version

from benchmarks.workloads import Row

NAMES = ("policy", "decode", "twin", "system")
BESIDE = ("replay", "log")


def main() -> int:
    if sys.argv[1:2] == ["classify"]:
        from benchmarks import classify_command

        return classify_command.main(sys.argv[1:])
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="?", choices=(*NAMES, *BESIDE), help="one of them; the first four when left out")
    parser.add_argument("--packets", type=int, help="of the largest capture of replay (2 million) or log (5 million)")
    parser.add_argument("--pieces", type=int, help="octets of captures written at a time, for replay (2,097,152)")
    parser.add_argument("--json", action="store_true", help="figures as JSON Lines")
    options = parser.parse_args()
    if options.name in BESIDE:
        given = {"packets": options.packets, "pieces": options.pieces if options.name == "replay" else None}
        return _beside(options.name, {name: value for name, value in given.items() if value}, options.json)
    rows = import_module(f"benchmarks.bench_{options.name}").run() if options.name else _all()
    if options.json:
        for row in rows:
            print(json.dumps(row._asdict() | {"ratio": row.ratio}))
    else:
        print(f"{machine()}\n\n{table(rows)}", end="")
    return 0


def _beside(name: str, given: dict[str, int], as_json: bool) -> int:
    from benchmarks import bench_replay

    rows = import_module(f"benchmarks.bench_{name}").run(**given)
    shown = json.dumps([row._asdict() for row in rows], indent=1) if as_json else bench_replay.table(rows)
    print(shown if as_json else f"{machine()}\n\n{shown}")
    return 0


def _all() -> list[Row]:
    rows = []
    for name in NAMES:
        command = [sys.executable, "-m", "benchmarks", name, "--json"]
        shown = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        for line in shown.splitlines():
            values = json.loads(line)
            del values["ratio"]
            rows.append(Row(**values))
    return rows


def machine() -> str:
    """What the figures were measured on."""
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, Python {platform.python_version()}, "
        f"numpy {version('numpy')}, numba {version('numba')}"
    )


def table(rows: list[Row]) -> str:
    """The figures as a Markdown table."""
    lines = ["| benchmark | case | result | first call | reference | times |", "|---|---|---:|---:|---:|---:|"]
    for row in rows:
        first = f"{row.first:.2f} s" if row.first else ""
        twin = f"{row.reference:,.0f}/s" if row.reference else f"goal {row.goal:g} {row.unit}" if row.goal else ""
        ratio = f"{row.ratio:,.1f}" if row.ratio else ""
        lines.append(f"| {row.benchmark} | {row.case} | {_shown(row)} | {first} | {twin} | {ratio} |")
    return "\n".join(lines) + "\n"


def _shown(row: Row) -> str:
    if row.unit == "packets/s":
        return f"{row.value / 1e6:.2f} M/s" if row.value >= 1e6 else f"{row.value:,.0f}/s"
    if row.unit == "s" and row.value < 0.1:
        return f"{row.value * 1000:.1f} ms"
    return f"{row.value:,.0f} {row.unit}" if row.value >= 100 else f"{row.value:.2f} {row.unit}"


if __name__ == "__main__":
    sys.exit(main())
