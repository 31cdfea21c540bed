"""What running scenarios came to, written out: text, JSON, JUnit XML, and which filters and fields were exercised."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from textwrap import indent
from typing import Any, NamedTuple
from xml.sax.saxutils import escape, quoteattr

from zsim.findings import Where
from zsim.whatif.story import ERROR, FAILED, NOT_MODELLED, PASSED, Coverage, Result

SCHEMA = "zsim.test/1"
STATUSES = (PASSED, FAILED, ERROR, NOT_MODELLED)


class Ran(NamedTuple):
    """One file: its name, that of its system, its results, or why it cannot be run."""

    file: str
    name: str
    system: str
    results: tuple[Result, ...]
    coverage: Coverage
    problem: str = ""
    doubts: tuple[str, ...] = ()  # what is not modelled or wrong in the files of its systems


def document(ran: Sequence[Ran], coverage: bool = False) -> dict[str, Any]:
    """The whole report."""
    results = [result for each in ran for result in each.results]
    counts = {status.replace(" ", "_"): sum(each.status == status for each in results) for status in STATUSES}
    counts["error"] += sum(bool(each.problem) for each in ran)
    shown = {
        "schema": SCHEMA,
        "counts": counts,
        "scenarios": [
            {
                "file": each.file, "name": each.name, "system": each.system, "problem": each.problem or None,
                "results": [
                    {"name": result.name, "where": str(result.where), "status": result.status,
                     "text": result.text or None}
                    for result in each.results
                ],
            }
            for each in ran
        ],
    }  # fmt: skip
    if coverage:
        shown["coverage"] = [row for each in by_system(ran) for row in _coverage_rows(*each)]
    return shown


def by_system(ran: Sequence[Ran]) -> list[tuple[str, Coverage]]:
    """The coverage of each system, of all files together."""
    found: dict[str, Coverage] = {}
    for each in ran:
        whole = found.setdefault(each.system, Coverage())
        whole.tested.update(each.coverage.tested)
        whole.decided.update(each.coverage.decided)
        for name, fields in each.coverage.edged.items():
            whole.edged.setdefault(name, set()).update(fields)
    return [(name, coverage) for name, coverage in found.items() if name]


def _coverage_rows(system: str, coverage: Coverage) -> Iterator[dict[str, Any]]:
    for name, fields in coverage.tested.items():
        edged = coverage.edged.get(name, set())
        yield {
            "system": system, "filter": name, "decided": coverage.decided[name], "fields": list(fields),
            "failed_alone": [each for each in fields if each in edged],
        }  # fmt: skip


# ---- text ------------------------------------------------------------------------------------------------------


def text(shown: Mapping[str, Any], verbose: bool = False) -> str:
    """The report for a terminal: what is not passed, in full; with `verbose` everything by name."""
    return "\n".join(_lines(shown, verbose)) + "\n"


_MARKS = {PASSED: "ok", FAILED: "FAILED", ERROR: "ERROR", NOT_MODELLED: "NOT MODELLED"}


def _lines(shown: Mapping[str, Any], verbose: bool) -> Iterator[str]:
    for each in shown["scenarios"]:
        passed = sum(row["status"] == PASSED for row in each["results"])
        if each["problem"]:
            yield each["problem"]
            continue
        yield f"{each['file']}: {passed} of {len(each['results'])} passed ({each['name']}, on {each['system']})"
        for row in each["results"]:
            if row["status"] != PASSED:
                yield f"{_MARKS[row['status']]} {row['where']}: {row['name']}"
                yield from (indent(row["text"] or "", "    ")).split("\n")
            elif verbose:
                yield f"ok {row['name']}"
    if "coverage" in shown:
        yield from _coverage_lines(shown["coverage"])
    counts = shown["counts"]
    yield ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count) or "nothing to do"


def _coverage_lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for system in dict.fromkeys(row["system"] for row in rows):
        own = [row for row in rows if row["system"] == system]
        hit = [row for row in own if row["decided"]]
        fields = sum(len(row["fields"]) for row in own)
        edged = sum(len(row["failed_alone"]) for row in own)
        yield ""
        yield f"{system}: {len(hit)} of {len(own)} filters decided a packet; {edged} of {fields} fields were decisive"
        yield f"{'filter':<44}{'decided':>8}  fields that alone kept a packet out"
        for row in own:
            yield f"{row['filter']:<44}{row['decided']:>8,}  {', '.join(row['failed_alone'])}".rstrip()
        yield ""


# ---- JUnit -----------------------------------------------------------------------------------------------------

_KINDS = {FAILED: "failure", ERROR: "error", NOT_MODELLED: "skipped"}
# What no XML 1.0 document can hold.
_UNSPEAKABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(ran: Sequence[Ran]) -> str:
    """The report as JUnit XML: a suite a file, a case a result."""

    def clean(word: str) -> str:
        return _UNSPEAKABLE.sub("?", word)

    lines = ['<?xml version="1.0" encoding="utf-8"?>', "<testsuites>"]
    for each in ran:
        results = each.results or (
            (Result(each.name, Where(each.file, 1, 1), ERROR, each.problem),) if each.problem else ()
        )
        counts = [sum(result.status == status for result in results) for status in (FAILED, ERROR, NOT_MODELLED)]
        lines.append(
            f"  <testsuite name={quoteattr(clean(each.name))} file={quoteattr(clean(each.file))} "
            f'tests="{len(results)}" failures="{counts[0]}" errors="{counts[1]}" skipped="{counts[2]}">'
        )
        for result in results:
            case = f"    <testcase classname={quoteattr(clean(each.file))} name={quoteattr(clean(result.name))} " + (
                f'file={quoteattr(clean(result.where.source))} line="{result.where.line}"'
            )
            if result.status == PASSED:
                lines.append(f"{case}/>")
                continue
            kind = _KINDS[result.status]
            first = clean(result.text.split("\n")[0])
            lines += [f"{case}>", f"      <{kind} message={quoteattr(first)}>{escape(clean(result.text))}</{kind}>",
                      "    </testcase>"]  # fmt: skip
        lines.append("  </testsuite>")
    return "\n".join([*lines, "</testsuites>", ""])
