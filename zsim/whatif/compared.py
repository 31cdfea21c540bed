"""A comparison written out: as plain data, and from that as text, Markdown and HTML.

document(pairs)      every other form is made of it
text(document), markdown(document), html(document)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import Any, NamedTuple

from zsim.clock import iso
from zsim.whatif import words
from zsim.whatif.compare import KINDS, Difference, Differences, Filters, Group, Recorded
from zsim.whatif.crossings import Numbers, Passage, View, arrival

SCHEMA = "zsim.compare/1"
MOST_FILTERS = 4  # further pairs of filters of a box that are listed
MOST_FLOWS = 3
MOST_ALONE = 5  # boxes of crossings that only one system has
Row = dict[str, Any]

# What of a difference is asked for in a review, in the order shown.
MEANING = {
    "newly permitted": "denied before, permitted after",
    "newly denied": "permitted before, denied after",
    "newly logged": "the verdict stays; it is logged now",
    "no longer logged": "the verdict stays; it was logged before",
    "logged otherwise": "the verdict stays; other records are written",
    "discarded otherwise": "denied before and after, by another layer or with another answer",
}
assert tuple(MEANING) == KINDS


class Compared(NamedTuple):
    """One candidate beside the first: what differs, and what captures show of it (None: there are none)."""

    found: Differences
    seen: Recorded | None


def document(pairs: Sequence[Compared]) -> Row:
    """Everything, as plain data. Numbers of packets are text, because they have up to 90 digits."""
    first = pairs[0].found.old
    return {
        "schema": SCHEMA,
        "baseline": _system(first),
        "at": iso(first.time),
        "equal": all(pair.found.equal for pair in pairs),
        "candidates": [_candidate(pair) for pair in pairs],
    }


def _system(view: View) -> Row:
    in_force = view.prepared.in_force
    return {
        "name": view.name,
        "source": in_force.source if in_force else None,
        "filters": sum(not rule.hidden for rule in in_force.filters) if in_force else 0,
        "as_of": iso(view.time) if _changes(view) else None,
        "defensive": len(view.prepared.guard.installed),
        "defensive_mode": view.system.stack.defensive_mode,
        "rules": len(view.asked.rules) + len(view.asked.block) + len(view.asked.simulate),
    }


def _changes(view: View) -> bool:
    """Whether time alone changes which filters are installed."""
    in_force = view.prepared.in_force
    return bool(view.prepared.guard.installed) or (in_force is not None and in_force.timed)


def _candidate(pair: Compared) -> Row:
    found = pair.found
    return {
        **_system(found.new),
        "equal": found.equal,
        "crossings_only_in": {
            side: [words.box(box) for box in packets.boxes(found.old.among | found.new.among)[:MOST_ALONE]]
            for side, packets in zip(("old", "new"), found.alone, strict=True)
        },
        "kinds": [
            {"kind": kind, "boxes": found.boxes[kind], "packets": str(found.counts[kind]), "meaning": MEANING[kind]}
            for kind in KINDS
            if kind in found.counts
        ],
        "differences": [_difference(found, each) for each in found.shown],
        "recorded": _recorded(pair.seen) if pair.seen is not None else None,
    }


def _difference(found: Differences, each: Difference) -> Row:
    interface = arrival(found.new, each.example)
    name = found.new.around.interfaces[interface] if interface is not None else ""
    first, *more = each.pairs
    return {
        "kind": each.kind,
        "packets": words.box(each.box),
        "size": str(each.size),
        "box": {name: [list(span) for span in spans] for name, spans in each.box.items()},
        "example": words.packet(each.example, name),
        "fields": each.example,
        "old": _side(found.old, first.old),
        "new": _side(found.new, first.new),
        "whole_way": {"old": _way(found.old, each.passages[0]), "new": _way(found.new, each.passages[1])},
        "other_filters": [
            {"old": _decider(found.old, pair.old), "new": _decider(found.new, pair.new)} for pair in more[:MOST_FILTERS]
        ],
        "other_filters_in_all": len(more),
    }


def _side(view: View, numbers: Numbers) -> Row:
    fate = view.fate(numbers)
    simulate = numbers[1]
    return {
        "verdict": fate.verdict,
        "logged": list(fate.records),
        "answer": fate.answer or None,
        "filter": _decider(view, numbers),
        "would_be_blocked_by": _filter(view, simulate) if simulate >= 0 else None,
    }


def _decider(view: View, numbers: Numbers) -> Row | None:
    block, _, rule = numbers
    at = block if block >= 0 else rule
    return _filter(view, at) if at >= 0 else None


def _filter(view: View, row: int) -> Row:
    rule = view.rows[row]
    return {
        "name": rule.name, "extension": rule.extension, "layer": rule.layer, "action": rule.action,
        "direction": rule.direction, "where": view.place(rule.where),
    }  # fmt: skip


def _way(view: View, passage: Passage) -> Row:
    """The packet from end to end; a forwarded one crosses twice."""
    return {
        "verdict": passage.verdict,
        "crossings": [{"way": way, **_side(view, numbers)} for way, numbers in passage.crossings],
    }


def _recorded(seen: Recorded) -> Row:
    groups = sorted(seen.groups.items(), key=lambda each: (_rank(each[0].kind), -each[1].packets))
    return {
        "packets": seen.packets,
        "same": seen.same,
        "changed": seen.changed,
        "looked_up": seen.looked_up,
        "on_other_interfaces": seen.elsewhere,
        "groups": [_group(seen, what, group) for what, group in groups],
    }


def _rank(kind: str) -> int:
    return KINDS.index(kind) if kind in KINDS else len(KINDS)


def _group(seen: Recorded, what: Filters, group: Group) -> Row:
    return {
        "kind": what.kind,
        "old": {"verdict": what.verdicts[0], "filters": list(what.old)},
        "new": {"verdict": what.verdicts[1], "filters": list(what.new)},
        "packets": group.packets,
        "bytes": group.octets,
        "flows": len(group.flows),
        "largest_flows": [
            {"flow": words.flow(flow), "packets": count} for flow, count in group.flows.most_common(MOST_FLOWS)
        ],
        "frames": [{"capture": capture, "frame": frame} for capture, frame in group.frames],
        "example": words.packet(group.example) if group.example else None,
    }


# ---- text ------------------------------------------------------------------------------------------------------


def text(shown: Row) -> str:
    """The comparison for a terminal."""
    return "\n".join(_text(shown)) + "\n"


def _text(shown: Row) -> Iterator[str]:
    yield _headline("old", shown["baseline"])
    for each in shown["candidates"]:
        yield _headline("new", each)
    if len(shown["candidates"]) > 1:
        yield ""
        yield from _beside(shown)
    for each in shown["candidates"]:
        yield ""
        if len(shown["candidates"]) > 1:
            yield f"--- {shown['baseline']['name']} and {each['name']}"
        yield from _one(each)


def _headline(side: str, system: Row) -> str:
    if not system["source"]:
        return f"{side}  {system['name']}: no packet is filtered"
    told = f"{side}  {system['name']}: {system['source']}, {system['filters']:,} filters"
    told += f", {system['defensive']:,} defensive ({system['defensive_mode']})" if system["defensive"] else ""
    return told + (f", as of {system['as_of'][:19]}: some come and go by the clock" if system["as_of"] else "")


def _table(shown: Row) -> list[tuple[str, list[str]]]:
    """Candidates side by side: per kind the number of boxes of each, and last whether it is equal."""
    found = []
    for kind in KINDS:
        counts = [
            next((row["boxes"] for row in each["kinds"] if row["kind"] == kind), 0) for each in shown["candidates"]
        ]
        if any(counts):
            found.append((kind, [f"{count:,}" for count in counts]))
    return [*found, ("equal", ["yes" if each["equal"] else "no" for each in shown["candidates"]])]


def _beside(shown: Row) -> Iterator[str]:
    names = [each["name"] for each in shown["candidates"]]
    for head, cells in (("boxes that differ", names), *_table(shown)):
        shifted = (f"  {cell:>{max(len(name), 12)}}" for cell, name in zip(cells, names, strict=True))
        yield f"{head:<22}{''.join(shifted)}"


def _one(each: Row) -> Iterator[str]:
    for line in _alone(each):
        yield from _wrapped(line, "  ")
    if each["equal"]:
        yield "Any possible packet: equal. No packet fares otherwise; this is a proof."
    elif not each["kinds"]:
        yield "Any packet that crosses the same interfaces in both: equal."
    else:
        yield "Any possible packet:"
        for row in each["kinds"]:
            yield f"  {row['kind']:<20}{row['boxes']:>6,} {'box  ' if row['boxes'] == 1 else 'boxes'}  {row['meaning']}"
    for at, row in enumerate(each["differences"], 1):
        yield ""
        yield from _wrapped(f"{at}. {row['kind']}: {row['packets']}", "   ")
        yield f"   such as {row['example']}"
        for side in ("old", "new"):
            yield f"     {side}  {_told(row[side])}"
            yield f"          {row[side]['filter']['where'] if row[side]['filter'] else 'implicit deny'}"
            if row[side]["would_be_blocked_by"]:
                yield f"          would be blocked by {_named(row[side]['would_be_blocked_by'])}"
        if row["fields"]["routed"]:
            yield from _wrapped(_both_ways(row), "       ", "     ")
        if row["other_filters_in_all"]:
            told = "; ".join(f"{_name(pair['old'])} -> {_name(pair['new'])}" for pair in row["other_filters"])
            yield from _wrapped(f"in other parts of it {told}{_more(row)}", "       ", "     ")
    left = _left(each)
    if left:
        yield ""
        yield f"{left:,} smaller box{'es are' if left > 1 else ' is'} not shown (--most shows more)"
    if each["recorded"] is not None:
        yield ""
        yield from _recorded_text(each["recorded"])


def _alone(each: Row) -> Iterator[str]:
    """That some packets are local, forwarded or at another interface in one system only; they cannot be compared."""
    for side, boxes in each["crossings_only_in"].items():
        if boxes:
            yield f"Only {side} has these crossings, by its addresses, routes or interfaces: {'; '.join(boxes)}"


def _left(each: Row) -> int:
    """How many boxes are not explained."""
    return int(sum(row["boxes"] for row in each["kinds"]) - len(each["differences"]))


def _more(row: Row) -> str:
    left = row["other_filters_in_all"] - len(row["other_filters"])
    return f"; and {left:,} more" if left > 0 else ""


def _told(side: Row) -> str:
    return (
        f"{side['verdict']:<9}  {_name(side['filter'])}{_logged(side)}{', answered by ICMP' if side['answer'] else ''}"
    )


def _logged(side: Row) -> str:
    if not side["logged"]:
        return ""
    return ", logged" if side["logged"] == [side["verdict"]] else f", logged as {' and '.join(side['logged'])}"


def _name(rule: Row | None) -> str:
    if rule is None:
        return "(no filter matches)"
    return f"{rule['name']}.{rule['extension']}" if rule["extension"] else str(rule["name"])


def _named(rule: Row | None) -> str:
    """name.extension and where it comes from."""
    return _name(rule) + (f" ({rule['where']})" if rule is not None else "")


def _both_ways(row: Row) -> str:
    """A forwarded packet crosses twice; what becomes of it in the end."""
    old, new = row["whole_way"]["old"], row["whole_way"]["new"]
    stops = [
        f"{side} {each['way']}bound by {_name(each['filter'])}"
        for side, way in (("old", old), ("new", new))
        for each in way["crossings"]
        if each["verdict"] != "permitted"
    ]
    stopped = f"; stopped {', '.join(stops)}" if stops else ""
    return f"a forwarded packet crosses twice: on its whole way {old['verdict']} -> {new['verdict']}{stopped}"


def _wrapped(line: str, indent: str, first: str = "", width: int = 80) -> Iterator[str]:
    """Lines of at most 80 columns where blanks allow it."""
    from textwrap import wrap

    yield from wrap(line, width, initial_indent=first, subsequent_indent=indent, break_long_words=False,
                    break_on_hyphens=False)  # fmt: skip


def _recorded_text(seen: Row) -> Iterator[str]:
    yield f"Recorded traffic: {seen['packets']:,} packets, {seen['changed']:,} changed, {seen['same']:,} the same"
    yield f"({seen['looked_up']:,} unlike crossings were looked up in the set above: no contradiction)"
    if seen["on_other_interfaces"]:
        yield f"{seen['on_other_interfaces']:,} crossings are at other interfaces or routed otherwise"
    for group in seen["groups"]:
        yield ""
        yield (
            f"  {group['kind']}: {group['packets']:,} packet{'s' if group['packets'] != 1 else ''} of "
            f"{group['flows']:,} flow{'s' if group['flows'] != 1 else ''}, {group['bytes']:,} bytes"
        )
        for side in ("old", "new"):
            yield f"    {side}  {group[side]['verdict']:<10} {', '.join(group[side]['filters'])}"
        for row in group["largest_flows"]:
            yield f"    {row['flow']}: {row['packets']:,} packets"
        yield from _wrapped(f"frames {_frames(group)}", "      ", "    ")


def _frames(group: Row) -> str:
    """`1, 2, 5 of a.pcap; 7 of b.pcap, ...`."""
    by: dict[str, list[int]] = {}
    for row in group["frames"]:
        by.setdefault(row["capture"], []).append(row["frame"])
    told = "; ".join(f"{', '.join(map(str, frames))} of {capture}" for capture, frames in by.items())
    return told + (", ..." if group["packets"] > len(group["frames"]) else "")


# ---- Markdown, HTML --------------------------------------------------------------------------------------------


def markdown(shown: Row) -> str:
    """The comparison for a review."""
    return "\n".join(_markdown(shown)) + "\n"


def _markdown(shown: Row) -> Iterator[str]:
    names = ", ".join(_plain(each["name"]) for each in shown["candidates"])
    yield f"## {_plain(shown['baseline']['name'])} and {names}"
    if len(shown["candidates"]) > 1:
        heads = [_plain(each["name"]) for each in shown["candidates"]]
        yield f"\n| boxes that differ | {' | '.join(heads)} |\n|---|{'---:|' * len(heads)}"
        yield "\n".join(f"| {kind} | {' | '.join(cells)} |" for kind, cells in _table(shown))
    for each in shown["candidates"]:
        yield ""
        if len(shown["candidates"]) > 1:
            yield f"### {_plain(each['name'])}\n"
        yield from (f"{_plain(line)}\n" for line in _alone(each))
        if each["equal"]:
            yield "**Equal**: no possible packet fares otherwise. This is a proof."
        else:
            yield "| what | boxes | meaning |\n|---|---:|---|"
            yield "\n".join(f"| {row['kind']} | {row['boxes']:,} | {row['meaning']} |" for row in each["kinds"])
        if each["differences"]:
            yield "\n| | packets | example | old | new |\n|---|---|---|---|---|"
        for row in each["differences"]:
            cells = row["kind"], _plain(row["packets"]), f"`{row['example']}`", *(_cell(row[s]) for s in ("old", "new"))
            yield f"| {' | '.join(cells)} |"
        left = _left(each)
        if left:
            yield f"\n{left:,} smaller boxes are not shown."
        if each["recorded"] is not None:
            yield from _recorded_markdown(each["recorded"])


def _recorded_markdown(seen: Row) -> Iterator[str]:
    yield f"\nRecorded traffic: {seen['packets']:,} packets, {seen['changed']:,} changed, {seen['same']:,} the same."
    if seen["groups"]:
        yield "\n| what | packets | flows | old | new | frames |\n|---|---:|---:|---|---|---|"
    for group in seen["groups"]:
        sides = (
            f"{group[s]['verdict']}: {', '.join(_plain(name) for name in group[s]['filters'])}" for s in ("old", "new")
        )
        cells = group["kind"], f"{group['packets']:,}", f"{group['flows']:,}", *sides, _plain(_frames(group))
        yield f"| {' | '.join(cells)} |"


def _cell(side: Row) -> str:
    return f"{side['verdict']}{_logged(side)}<br>{_plain(_named(side['filter']))}"


def _plain(text: str) -> str:
    """Text that Markdown leaves alone, inside a table too."""
    kept = "".join(f"\\{char}" if char in "\\`*_|[]<>#" else char for char in text)
    return kept.replace("\n", " ")


_STYLE = """\
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5b6675;--line:#d7dde5;--back:#fff;--band:#f5f7fa;
--permit:#a33c00;--deny:#0b5cad;--log:#5d5d00}
@media(prefers-color-scheme:dark){:root{--ink:#e6eaf0;--soft:#9aa6b5;--line:#39424f;--back:#14181e;--band:#1c222b;
--permit:#ff9a5c;--deny:#79b8ff;--log:#d3d36a}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--back);max-width:72rem;margin:2rem auto;
padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}p.soft,td.soft,.soft{color:var(--soft)}
table{border-collapse:collapse;width:100%;margin:.6rem 0}th,td{text-align:left;padding:.35rem .6rem;vertical-align:top;
border-bottom:1px solid var(--line)}th{background:var(--band)}td.n,th.n{text-align:right}
code{font:13px/1.4 ui-monospace,monospace;overflow-wrap:anywhere}
article{border:1px solid var(--line);border-left:4px solid var(--log);border-radius:4px;padding:.6rem 1rem;
margin:.8rem 0}
article.permitted{border-left-color:var(--permit)}article.denied{border-left-color:var(--deny)}
.kind{font-weight:600}.permitted .kind{color:var(--permit)}.denied .kind{color:var(--deny)}.equal{font-size:1.2rem}
label{margin-right:1rem}input[type=search]{padding:.3rem .5rem;width:20rem;max-width:100%}
"""
_SCRIPT = """\
const find=document.querySelector("#find"),boxes=[...document.querySelectorAll("article")];
find&&find.addEventListener("input",()=>{const w=find.value.toLowerCase().split(/\\s+/);
boxes.forEach(b=>b.hidden=!w.every(x=>b.textContent.toLowerCase().includes(x)))});
"""


def html(shown: Row) -> str:
    """The comparison as one page that needs nothing from elsewhere; the data is in it."""
    names = f"{shown['baseline']['name']} and {', '.join(each['name'] for each in shown['candidates'])}"
    body = "".join(_html(shown))
    data = json.dumps(shown).replace("<", "\\u003c")
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(names)}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{_STYLE}</style></head><body>\n{body}"
        f'<script type="application/json" id="data">{data}</script>\n<script>{_SCRIPT}</script></body></html>\n'
    )


def _html(shown: Row) -> Iterator[str]:
    several = len(shown["candidates"]) > 1
    names = ", ".join(each["name"] for each in shown["candidates"])
    yield f"<h1>{escape(shown['baseline']['name'])} and {escape(names)}</h1>\n"
    yield f'<p class="soft">{escape(_headline("old", shown["baseline"]))}<br>'
    yield "<br>".join(escape(_headline("new", each)) for each in shown["candidates"])
    yield f"<br>by the rules in force at {escape(shown['at'][:19])}</p>\n"
    if any(each["differences"] for each in shown["candidates"]):
        yield '<p><input id="find" type="search" placeholder="find an address, a port, a filter" aria-label="find"></p>'
    if several:
        heads = "".join(f'<th class="n">{escape(each["name"])}</th>' for each in shown["candidates"])
        rows = (
            f"<tr><td>{kind}</td>{''.join(f'<td class=n>{cell}</td>' for cell in cells)}</tr>"
            for kind, cells in _table(shown)
        )
        yield f"<table><tr><th>boxes that differ</th>{heads}</tr>{''.join(rows)}</table>\n"
    for each in shown["candidates"]:
        if several:
            yield f"<h2>{escape(each['name'])}</h2>\n"
        yield from _html_one(each)


def _html_one(each: Row) -> Iterator[str]:
    yield from (f"<p>{escape(line)}</p>\n" for line in _alone(each))
    if each["equal"]:
        yield '<p class="equal"><b>Equal.</b> No possible packet fares otherwise; this is a proof.</p>\n'
    else:
        rows = (
            f'<tr><td class="kind">{row["kind"]}</td><td class="n">{row["boxes"]:,}</td><td>{row["meaning"]}</td></tr>'
            for row in each["kinds"]
        )
        yield f'<table><tr><th>any possible packet</th><th class="n">boxes</th><th></th></tr>{"".join(rows)}</table>\n'
    for row in each["differences"]:
        colour = {"newly permitted": "permitted", "newly denied": "denied"}.get(row["kind"], "other")
        sides = "".join(
            f'<tr><td class="soft">{side}</td><td>{escape(row[side]["verdict"] + _logged(row[side]))}</td>'
            f"<td><code>{escape(_named(row[side]['filter']))}</code></td></tr>"
            for side in ("old", "new")
        )
        twice = f'<p class="soft">{escape(_both_ways(row))}</p>' if row["fields"]["routed"] else ""
        others = "".join(
            f"<br><code>{escape(_named(pair['old']))} &rarr; {escape(_named(pair['new']))}</code>"
            for pair in row["other_filters"]
        )
        rest = f'<p class="soft">in other parts of it{others}{escape(_more(row))}</p>' if others else ""
        yield (
            f'<article class="{colour}"><span class="kind">{row["kind"]}</span> {escape(row["packets"])}'
            f'<br><span class="soft">such as</span> <code>{escape(row["example"])}</code>'
            f"<table>{sides}</table>{twice}{rest}</article>\n"
        )
    left = _left(each)
    if left:
        yield f'<p class="soft">{left:,} smaller boxes are not shown.</p>\n'
    if each["recorded"] is not None:
        yield from _recorded_html(each["recorded"])


def _recorded_html(seen: Row) -> Iterator[str]:
    yield (
        f"<h2>Recorded traffic</h2><p>{seen['packets']:,} packets, {seen['changed']:,} changed, "
        f"{seen['same']:,} the same.</p>\n"
    )
    if not seen["groups"]:
        return
    heads = "".join(f"<th>{head}</th>" for head in ("", "packets", "flows", "old", "new", "frames"))
    yield f"<table><tr>{heads}</tr>"
    for group in seen["groups"]:
        sides = "".join(
            f"<td>{escape(group[side]['verdict'])}<br><code>{escape(', '.join(group[side]['filters']))}</code></td>"
            for side in ("old", "new")
        )
        flows = "".join(f"<br><code>{escape(row['flow'])}</code>" for row in group["largest_flows"])
        yield (
            f'<tr><td><span class="kind">{group["kind"]}</span>{flows}</td><td class="n">{group["packets"]:,}</td>'
            f'<td class="n">{group["flows"]:,}</td>{sides}<td>{escape(_frames(group))}</td></tr>'
        )
    yield "</table>\n"


FORMS: dict[str, Callable[[Row], str]] = {
    "text": text,
    "markdown": markdown,
    "html": html,
    "json": lambda shown: json.dumps(shown, indent=2) + "\n",
}
