"""The answer of `why` written out: plain data, 80 columns of text, a drawing in Mermaid or DOT, and one sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from textwrap import wrap
from typing import Any

from zsim import addresses
from zsim.tcpip import terms
from zsim.tcpip.filters import DEFENSIVE
from zsim.tcpip.traffic import STACK
from zsim.whatif.crossings import BLOCKED, DENIED, View
from zsim.whatif.flips import Proposals
from zsim.whatif.why import Leg, Look, Why, called, kind, tested

SCHEMA = "zsim.why/1"
WIDTH = 80
MOST_MISSES, MOST_FLIPS = 6, 5
WAYS = ("inbound", "outbound")


# ---- one sentence ----------------------------------------------------------------------------------------------


def sentence(why: Why) -> str:
    """What happens to the packet and why, in plain English."""
    if why.status == "not_ip":
        return "Not judged: this is no IP packet, and filters look at IP packets only."
    if why.status in ("truncated", "malformed"):
        return f"Not judged: the packet is {why.status}, so its headers cannot be read."
    if why.hook == "loop":
        return "Permitted: it goes from one address of this stack to another, which no filter is asked about."
    leg = why.deciding
    if leg is None:
        return (
            "Not judged yet: a fragment for or from this stack waits for the rest of its datagram, "
            "which is judged as a whole."
        )
    what, rule = _what(leg.packet), leg.rule
    way = {0: "comes in", 1: "goes out"}[leg.direction]
    if len(why.legs) > 1:
        way = {0: "arrives to be forwarded", 1: "is sent on"}[leg.direction]
    said = f"{_article(what)} {what} {way}"
    end = _log_words(why)
    if rule is not None and rule.layer == STACK:
        why_not = "the stack does not forward" if rule.denies else f"IPv{rule.version} is not filtered here"
        return f"{'Denied' if rule.denies else 'Permitted'}: {said}, and {why_not}{end}."
    if leg.fate.verdict == BLOCKED:
        return f"Blocked: {said}, and {kind(rule)}, {called(rule)}, blocks it{_reply(why)}{end}."
    if leg.fate.verdict == DENIED:
        if rule is None or rule.implicit:
            by = called(rule)
            return f"Denied: {said}, no filter permits it, and the implicit deny {by} discards it{_reply(why)}{end}."
        return f"Denied: {said}, and the first filter that matches, {called(rule)}, denies it{_reply(why)}{end}."
    first = f"the first filter that matches, {called(rule)}, permits it"
    if len(why.legs) > 1:
        names = " and ".join(called(each.rule) for each in why.legs)
        return f"Permitted: {_article(what)} {what} is forwarded, as the filters {names} permit both crossings{end}."
    return f"Permitted: {said}, and {first}{end}."


def _article(what: str) -> str:
    return "an" if what[0].lower() in "aeio" else "a"


_TYPES = {(1, 8): "ping request", (1, 0): "ping reply", (58, 128): "ping request", (58, 129): "ping reply",
          (89, 1): "OSPF hello"}  # fmt: skip


def _what(packet: Mapping[str, int]) -> str:
    version, proto = packet["version"], packet["proto"]
    name = terms.PROTOCOLS.get(proto, f"protocol {proto}" if proto <= 255 else f"IPv{version}")
    what = _TYPES.get((proto, packet["type"]))
    if what is None:
        what = f"{name} connection request" if packet["connect"] else f"{name} packet"
        if packet["type"] <= 255:
            what = f"{name} type {packet['type']} packet"
    if packet["fragment"]:
        what = f"fragment of {_article(what)} {what}"
    ends = [addresses.text(version, packet[end]) for end in ("src_addr", "dst_addr")]
    port = f" port {packet['dst_port']}" if packet["dst_port"] <= 65535 else ""
    return f"{what} from {ends[0]} to {ends[1]}{port}"


def _reply(why: Why) -> str:
    return " and tells the sender by ICMP" if why.reply else ""


def _log_words(why: Why) -> str:
    paths = sorted({record.path for record in why.records if record.path})
    if paths:
        return f"; the record goes to {' and '.join(paths)}"
    return f"; its record is lost, as {why.records[0].why}" if why.records else "; nothing is logged"


# ---- plain data ------------------------------------------------------------------------------------------------


def document(why: Why, proposals: Proposals | None, because: str = "") -> dict[str, Any]:
    """The whole answer; `because` says why that set of filters is in force."""
    view = why.view
    in_force = view.prepared.in_force
    return {
        "schema": SCHEMA,
        "system": view.name,
        "sentence": sentence(why),
        "packet": why.packet,
        "fields": {name: value for name, value in why.headers.items() if name not in ("direction", "routed", "zone")},
        "assumed": list(why.assumed),
        "verdict": why.verdict,
        "permitted": why.permits,
        "status": why.status,
        "source": in_force.source if in_force else None,
        "because": because or None,
        "filters": why.filters,
        "defensive": {"mode": view.system.stack.defensive_mode, "filters": len(view.prepared.guard.installed)},
        "legs": [_leg_row(view, leg) for leg in why.legs],
        "asleep": [_rule_row(view, look) for look in why.asleep],
        "reply": why.reply or None,
        "records": [{"text": each.text, "file": each.path or None, "lost": each.why or None} for each in why.records],
        "edits": _edit_rows(view, proposals) if proposals is not None else None,
        "tried": proposals.tried if proposals is not None else 0,
        "notes": list(proposals.notes) if proposals is not None else [],
    }


def _rule_row(view: View, leg_or_look: Leg | Look) -> dict[str, Any] | None:
    rule = leg_or_look.rule
    if rule is None:
        return None
    return {
        "name": rule.name, "extension": rule.extension, "shown": called(rule), "layer": rule.layer,
        "order": leg_or_look.order, "action": rule.action, "logging": rule.logging, "implicit": rule.implicit,
        "tests": tested(rule), "group": rule.group or None, "where": view.place(rule.where),
    }  # fmt: skip


def _leg_row(view: View, leg: Leg) -> dict[str, Any]:
    simulated = leg.simulated
    return {
        "direction": WAYS[leg.direction], "because": _way(view, leg), "address": _address(view, leg),
        "routed": bool(leg.packet["routed"]), "interface": leg.interface or None,
        "secclass": leg.packet["zone"], "reached": leg.reached, "verdict": leg.fate.verdict,
        "logged": list(leg.fate.records), "filter": _rule_row(view, leg),
        "simulated": simulated and called(simulated),
        "before": [
            {**(_rule_row(view, look) or {}),
             "failed": [{"field": miss.label, "wanted": miss.wanted, "seen": miss.seen} for miss in look.misses]}
            for look in leg.before if look.rule.version == leg.packet["version"]
        ],
        "after": [_rule_row(view, look) for look in leg.after],
    }  # fmt: skip


def _way(view: View, leg: Leg) -> str:
    """Why a crossing is what it is."""
    packet = leg.packet
    if packet["routed"]:
        return "forwarded: neither end is of this stack"
    version, end = packet["version"], packet["src_addr" if leg.direction else "dst_addr"]
    own = any((each, address) == (version, end) for each, address, _ in view.around.own)
    what = "is an address of this stack" if own else "is a group that this stack listens to"
    return f"local: {addresses.text(version, end)} {what}"


def _address(view: View, leg: Leg) -> str | None:
    """The first home address of the interface."""
    found = view.prepared.addresses.get((leg.interface, leg.packet["version"]))
    return None if found is None else addresses.text(leg.packet["version"], found)


def _edit_rows(view: View, proposals: Proposals) -> list[dict[str, Any]]:
    return [
        {
            "kind": flip.edit.kind, "title": flip.edit.title,
            "where": view.place(flip.edit.where) if flip.edit.where else None, "lines": list(flip.edit.lines),
            "verdict": flip.verdict, "extra": None if flip.extra is None else str(flip.extra),
            "changes": None if flip.changes is None
            else [change._asdict() | {"packets": str(change.packets)} for change in flip.changes],
        }
        for flip in proposals.flips
    ]  # fmt: skip


# ---- text ------------------------------------------------------------------------------------------------------


def text(shown: Mapping[str, Any], everything: bool = False) -> str:
    """The answer for a terminal; `everything`: all near misses and edits."""
    return "\n".join(line.rstrip() for line in _lines(shown, everything)) + "\n"


def _lines(shown: Mapping[str, Any], everything: bool) -> Iterator[str]:
    yield from wrap(shown["sentence"], WIDTH)
    for leg in shown["legs"]:
        yield ""
        yield from _winner(leg, len(shown["legs"]) > 1)
    yield ""
    yield from _row("packet", shown["packet"])
    yield from _row("assumed", "; ".join(shown["assumed"]) or "nothing")
    for leg in shown["legs"]:
        yield from _phases(shown, leg)
    yield from _row("reply", shown["reply"] or "none")
    if not shown["records"]:
        yield from _row("log", "no record")
    for record in shown["records"]:
        to = f"to {record['file']}" if record["file"] else f"lost: {record['lost']}"
        yield from _row("log", f"{to}: {record['text']}")
    for leg in shown["legs"]:
        yield from _misses(leg, everything, len(shown["legs"]) > 1)
    if shown["asleep"]:
        yield ""
        yield "Would match, but is outside its time:"
        for row in shown["asleep"]:
            yield f"  {row['shown']}: {row['action']}"
            yield f"    {row['where']}"
    if shown["edits"] is not None:
        yield from _edits(shown, everything)


def _row(name: str, value: str) -> Iterator[str]:
    rows = wrap(value, WIDTH - 11, break_long_words=False, break_on_hyphens=False) or [""]
    yield f"{name:<11}{rows[0]}"
    yield from (f"{'':<11}{row}" for row in rows[1:])


def _winner(leg: Mapping[str, Any], several: bool) -> Iterator[str]:
    rule = leg["filter"]
    crossing = f" for the {leg['direction']} crossing" if several else ""
    if rule is None:
        yield f"No filter matches{crossing}, which denies it."
        return
    would = "" if leg["reached"] else "would be "
    yield from wrap(f"{rule['shown']}: {would}{leg['verdict']}{crossing}", WIDTH, subsequent_indent="  ")
    yield f"  {rule['where']}"
    yield from (f"  {row}" for row in wrap(rule["tests"], WIDTH - 2, break_on_hyphens=False))


def _phases(shown: Mapping[str, Any], leg: Mapping[str, Any]) -> Iterator[str]:
    address = f" ({leg['address']})" if leg["address"] else ""
    yield from _row("interface", f"{leg['interface'] or 'none'}{address}, security class {leg['secclass']}")
    reached = "" if leg["reached"] else " (not reached)"
    yield from _row("direction", f"{leg['direction']}, {leg['because']}{reached}")
    count, mode = shown["defensive"]["filters"], shown["defensive"]["mode"]
    told = f"{count} filter{'s' if count != 1 else ''}, mode {mode}"
    if leg["simulated"]:
        told += f"; {leg['simulated']} would block it, and is only noted"
    elif count and leg["verdict"] != BLOCKED:
        told += "; none blocks it"
    yield from _row("defensive", told)
    rule = leg["filter"]
    if rule is not None and rule["layer"] == DEFENSIVE:
        yield from _row("set", "not asked")
    else:
        yield from _row("set", shown["because"] or shown["source"] or "no packet is filtered")
    order = f", {rule['order']} of {shown['filters']} in the order of search" if rule and rule["order"] else ""
    yield from _row("filter", f"{rule['shown']}{order}" if rule else "none matches")
    if rule is not None:
        log = f", logging {rule['logging']}"
        yield from _row("action", f"{rule['action']}{log}")


def _misses(leg: Mapping[str, Any], everything: bool, several: bool) -> Iterator[str]:
    crossing = f" ({leg['direction']})" if several else ""
    coded = [look for look in leg["before"] if not look["implicit"]]
    fewest = min((len(look["failed"]) for look in coded), default=0)
    near = leg["before"] if everything else [look for look in coded if len(look["failed"]) == fewest][:MOST_MISSES]
    if near:
        told = "Earlier filters" if everything else f"Nearest misses, which fail in {_count(fewest, 'field')}"
        yield ""
        yield f"{told}{crossing}:"
    for look in near:
        yield f"  {look['shown']}: {look['action']}"
        first, *others = look["failed"]
        yield from wrap(_miss(first), WIDTH, initial_indent="    ", subsequent_indent="      ")
        if others:
            told = "and " + "; ".join(map(_miss, others))
            yield from wrap(told, WIDTH, initial_indent="    ", subsequent_indent="      ")
        yield f"    {look['where']}"
    left = len(leg["before"]) - len(near)
    if left:
        yield f"  {left:,} {'more earlier' if near else 'earlier'} filter{'s' if left > 1 else ''} (--all shows them)"
    if leg["after"]:
        yield ""
        yield f"Would have matched next{crossing}:"
        for look in leg["after"][: None if everything else MOST_MISSES]:
            yield f"  {look['shown']}: {look['action']}"
            yield f"    {look['where']}"


def _miss(failed: Mapping[str, str]) -> str:
    return f"{failed['field']} {failed['wanted']}, seen {failed['seen']}"


def _count(number: int, what: str) -> str:
    return f"one {what}" if number == 1 else f"{number} {what}s"


def size(packets: int) -> str:
    """How many packets, in a form that can be read."""
    if packets < 1_000_000:
        return f"{packets:,} packet{'s' if packets != 1 else ''}"
    return f"about 2^{packets.bit_length() - 1} packets"


def _edits(shown: Mapping[str, Any], everything: bool) -> Iterator[str]:
    other = "deny" if shown["permitted"] else "permit"
    yield ""
    edits = shown["edits"]
    if not edits:
        yield f"No edit that would {other} it was found ({shown['tried']} tried)."
    else:
        yield f"Edits that would {other} it, each tried on a copy of the system:"
    for number, row in enumerate(edits[: None if everything else MOST_FLIPS], 1):
        yield from wrap(f"{number}. {row['title']}", WIDTH, subsequent_indent="   ")
        if row["where"]:
            yield f"   {row['where']}"
        yield from (f"   {line}" for line in row["lines"])
        if row["changes"] is None:
            yield "   what else it changes cannot be told: the rules overlap in too many ways"
        elif not row["changes"]:
            yield "   changes nothing else"
        for change in row["changes"] or ():
            more = (
                f", and {_count(change['boxes'] - 1, 'more box').replace('boxs', 'boxes')}"
                if change["boxes"] > 1
                else ""
            )
            told = f"also {change['kind']}, {size(int(change['packets']))}: {change['largest']}{more}"
            yield from wrap(told, WIDTH, initial_indent="   ", subsequent_indent="     ", break_on_hyphens=False)
    left = len(edits) - MOST_FLIPS
    if left > 0 and not everything:
        yield f"{left} more (--all shows them)"
    for note in shown["notes"]:
        yield from wrap(f"Note: {note}.", WIDTH)


# ---- drawings --------------------------------------------------------------------------------------------------

Node = tuple[str, str, str]  # id, text, kind: step, good, bad


def _drawn(shown: Mapping[str, Any]) -> tuple[list[Node], list[tuple[str, str, str]]]:
    """Boxes and arrows: the phases from top to bottom, the near misses beside the filter that decides."""
    nodes: list[Node] = [("packet", shown["packet"], "step")]
    arrows: list[tuple[str, str, str]] = []
    last = "packet"
    for at, leg in enumerate(shown["legs"]):
        rule = leg["filter"]
        steps = [
            (f"if{at}", f"{leg['direction']} {leg['interface'] or ''}\nsecclass {leg['secclass']}"),
            (f"set{at}", f"{shown['source'] or 'not filtered'}\n{shown['filters']} filters"),
        ]
        for name, label in steps:
            nodes.append((name, label, "step"))
            arrows.append((last, name, ""))
            last = name
        near = [look for look in leg["before"] if len(look["failed"]) == 1][:MOST_MISSES]
        for row, look in enumerate(near):
            first = look["failed"][0]
            nodes.append((f"miss{at}_{row}", f"{look['shown']}: {look['action']}", "step"))
            arrows.append((last, f"miss{at}_{row}", f"{first['field']} {first['wanted']}, seen {first['seen']}"))
        label = f"{rule['shown']}\n{leg['verdict']}" if rule else "no filter\ndenied"
        nodes.append((f"rule{at}", label, "good" if leg["verdict"] == "permitted" else "bad"))
        arrows.append((last, f"rule{at}", "first match" if leg["reached"] else "not reached"))
        last = f"rule{at}"
    for at, record in enumerate(shown["records"]):
        nodes.append((f"log{at}", f"{record['text'].split()[0]}\n{record['file'] or 'lost'}", "step"))
        arrows.append((last, f"log{at}", "log"))
    return nodes, arrows


def mermaid(shown: Mapping[str, Any]) -> str:
    """The way of the packet as a flowchart of Mermaid."""

    def quoted(label: str) -> str:
        clean = label.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
        return '"' + clean.replace("\n", "<br/>") + '"'

    nodes, arrows = _drawn(shown)
    lines = ["flowchart TD"]
    lines += [f"  {name}[{quoted(label)}]" + (f":::{kind}" if kind != "step" else "") for name, label, kind in nodes]
    lines += [f"  {a} -->{f'|{quoted(label)}|' if label else ''} {b}" for a, b, label in arrows]
    lines += ["  classDef good stroke:#2a7,stroke-width:3px", "  classDef bad stroke:#c33,stroke-width:3px"]
    return "\n".join(lines) + "\n"


def dot(shown: Mapping[str, Any]) -> str:
    """The way of the packet as a graph of Graphviz."""

    def quoted(label: str) -> str:
        return '"' + label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'

    colours = {"step": "black", "good": "#22aa77", "bad": "#cc3333"}
    nodes, arrows = _drawn(shown)
    lines = ["digraph why {", "  node [shape=box fontname=monospace]"]
    lines += [f"  {name} [label={quoted(label)} color={quoted(colours[kind])}]" for name, label, kind in nodes]
    lines += [f"  {a} -> {b}" + (f" [label={quoted(label)}]" if label else "") for a, b, label in arrows]
    return "\n".join([*lines, "}"]) + "\n"


FORMS: dict[str, Callable[[Mapping[str, Any]], str]] = {"mermaid": mermaid, "dot": dot}
