"""na and nafm: the two ISPF edit macros of the seed, as filters of a shell pipe.

    ipsec -f display -c current | na            without the lines that say n/a
    ... | nafm                                  filters that matched nothing are hidden, as EXCLUDE hides lines
    ... | nafm x        (delete all x)          they are deleted: those that were used remain
    ... | nafm nx       (delete all nx)         all other lines are deleted: those that were not used remain

nafm looks for FilterMatches: with the value 0, and hides from the FilterName: before it to the asterisks behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from zsim.facts import fact

FIRST, LAST, COUNT = "FilterName:", "***********", "FilterMatches:"


def na(lines: Sequence[str]) -> list[str]:
    """Without the lines whose value is n/a."""
    return [line for line in lines if line.split()[-1:] != ["n/a"]]


def excluded(lines: Sequence[str]) -> list[bool]:
    """By line: is it hidden by nafm?"""
    hidden = [False] * len(lines)
    for at, line in enumerate(lines):
        words = line.split()
        if words[:1] != [COUNT] or words[1:2] != ["0"]:
            continue
        first = next((row for row in range(at, -1, -1) if lines[row].startswith(FIRST)), None)
        last = next((row for row in range(at, len(lines)) if LAST in lines[row]), None)
        if first is not None and last is not None:
            hidden[first : last + 1] = [True] * (last + 1 - first)
    return hidden


def nafm(lines: Sequence[str], delete: str = "") -> list[str]:
    """The lines with hidden ones as a count; under delete `x` without them, under `nx` only them."""
    rows = list(zip(excluded(lines), lines, strict=True))
    if delete:
        return [line for hidden, line in rows if hidden == (delete == "nx")]
    shown: list[str] = []
    for hidden, group in groupby(rows, key=lambda row: row[0]):
        run = [line for _, line in group]
        shown += [fact("report-hidden").format(count=len(run)) + "\n"] if hidden else run
    return shown
