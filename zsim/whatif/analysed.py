"""An analysis written out: as plain data, and from that as text and Markdown."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from textwrap import wrap
from typing import Any

from zsim.clock import iso
from zsim.findings import ERROR, NOTE, UNKNOWN, WARNING
from zsim.whatif import words
from zsim.whatif.analyse import BLOCKING_LINES, FIELDS, UNMATCHABLE, Analysis
from zsim.whatif.anomaly import Anomaly
from zsim.whatif.crossings import View
from zsim.whatif.reach import CONTRADICTS, DEAD, ELSEWHERE, Standing

SCHEMA = "zsim.analyse/1"
SHOWN = {ERROR: "error", WARNING: "warning", UNKNOWN: "not known", NOTE: "note"}
WIDTH = 80
Row = dict[str, Any]


def row(view: View, each: Anomaly) -> Row:
    """One anomaly as plain data."""
    found = each.finding
    return {
        "id": found.id, "severity": found.severity, "layer": each.layer or None, "rule": each.rule or None,
        "action": each.action or None, "where": view.place(found.where), "text": found.text,
        "remedy": found.remedy or None, "filters": list(each.filters), "blocking": list(each.blocking),
        "different_action": each.different_action, "reason": each.reason or None, "example": each.example or None,
    }  # fmt: skip


def lines(found: Analysis) -> list[Row]:
    """The installed filters that never decide, with the columns of Batfish's filterLineReachability."""
    return [_line(found.view, each) for each in found.reach.standings if each.state in DEAD]


def _line(view: View, standing: Standing) -> Row:
    rule = view.rows[standing.row]
    blocking = [view.rows[at] for at in standing.blocking]
    told = ", ".join(FIELDS[name] for name in standing.because)
    scope = {ELSEWHERE: "no packet that crosses an interface has", CONTRADICTS: "no packet has"}.get(standing.state, "")
    return {
        "Sources": [f"{view.name}: {rule.layer}"],
        "Unreachable_Line": View.title(rule),
        "Unreachable_Line_Action": "DENY" if rule.denies else "PERMIT",
        "Blocking_Lines": [View.title(each) for each in blocking],
        "Different_Action": any(each.denies != rule.denies for each in blocking),
        "Reason": BLOCKING_LINES if blocking else UNMATCHABLE,
        "Additional_Info": f"{scope} {told}".strip() or None,
        "where": view.place(rule.where),
    }


def document(found: Analysis) -> Row:
    """Everything, as plain data."""
    view = found.view
    in_force = view.prepared.in_force
    return {
        "schema": SCHEMA,
        "system": view.name,
        "source": in_force.source if in_force else None,
        "at": iso(view.time),
        "filters": sum(not rule.hidden for rule in view.rows),
        "not_installed_now": [View.title(rule) for rule in found.missing],
        "standing": dict(Counter(each.state for each in found.reach.standings)),
        "findings": [row(view, each) for each in found.told],
        "ignored": [row(view, each) for each in found.ignored],
        "lines": lines(found),
    }


def summary(shown: Row) -> str:
    """All of it in a line."""
    counts = Counter(each["severity"] for each in shown["findings"])
    told = [f"{counts[each]} {name}{'s' if counts[each] != 1 else ''}"
            for each, name in ((WARNING, "warning"), (NOTE, "note"))]  # fmt: skip
    if shown["ignored"]:
        told.append(f"{len(shown['ignored'])} ignored")
    return f"{shown['system']}: {shown['source'] or 'not filtered'}, {shown['filters']:,} filters: {', '.join(told)}"


def text(shown: Row) -> str:
    """For a terminal: a finding, where it stands, what to do."""
    return "\n".join(_text(shown)) + "\n"


def _text(shown: Row) -> Iterator[str]:
    for each in shown["findings"]:
        yield f"{each['where']}: {each['severity']}: {each['id']}"
        yield from wrap(each["text"], WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False,
                        break_long_words=False)  # fmt: skip
        if each["filters"] and each["id"] == "partly-dead":
            yield from wrap(words.some(each["filters"]), WIDTH, initial_indent="  filters: ", subsequent_indent="    ")
        if each["remedy"]:
            yield from wrap(each["remedy"], WIDTH, initial_indent="  -> ", subsequent_indent="     ")
    if shown["not_installed_now"]:
        names = words.some(shown["not_installed_now"])
        yield from wrap(f"Not installed at {shown['at'][:19]}, and not looked at: {names}", WIDTH)
    yield from wrap(summary(shown), WIDTH)


def markdown(shown: Row) -> str:
    """For a review: a table of findings."""
    return "\n".join(_markdown(shown)) + "\n"


def _markdown(shown: Row) -> Iterator[str]:
    yield f"## {_cell(summary(shown))}"
    yield ""
    if shown["findings"]:
        yield "| | what | where | to do |"
        yield "| --- | --- | --- | --- |"
    for each in shown["findings"]:
        yield (f"| {each['severity']}: {each['id']} | {_cell(each['text'])} | `{each['where']}` "
               f"| {_cell(each['remedy'] or '')} |")  # fmt: skip
    if shown["lines"]:
        yield ""
        yield "| Unreachable_Line | Unreachable_Line_Action | Blocking_Lines | Different_Action | Reason |"
        yield "| --- | --- | --- | --- | --- |"
    for each in shown["lines"]:
        blocking = _cell(", ".join(each["Blocking_Lines"]))
        yield (f"| {_cell(each['Unreachable_Line'])} | {each['Unreachable_Line_Action']} | {blocking} "
               f"| {each['Different_Action']} | {each['Reason']} |")  # fmt: skip


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


FORMS: dict[str, Callable[[Row], str]] = {
    "text": text,
    "markdown": markdown,
    "json": lambda shown: json.dumps(shown, indent=2) + "\n",
}
