"""A suggestion written out: Policy Agent text with its evidence as comments, the exam as a table, plain data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap
from typing import Any, NamedTuple

from zsim import addresses
from zsim.clock import iso
from zsim.config import policy as language
from zsim.whatif import words
from zsim.whatif.observed import LATER, Flow, Observed
from zsim.whatif.suggest import (
    Exam,
    Learned,
    LeftOut,
    Service,
    Settings,
    Span,
    Suggestion,
    against,
    candidate,
    decided,
    exam,
    suggest,
    unproven,
)

SCHEMA = "zsim.suggest/1"
MOST_TOLD = 5
WIDTH = 80
Row = dict[str, Any]
Groups = dict[tuple[int, tuple[Span, ...]], str]  # names of address groups
_PROTOCOL = {number: name for name, number in language.PROTOCOLS.items()}


class Made(NamedTuple):
    """A suggestion, its exam, and the policy they make."""

    found: Suggestion
    exam: Exam
    text: str


def made(observed: Observed, settings: Settings, share: int = 70, log: bool = False) -> Made:
    """The whole answer. RuntimeError where the policy would stop what it was learned from: that is our mistake."""
    today = decided(observed.view)
    found = suggest(observed, settings)
    held = exam(observed, policy, settings, share, today)
    if found.rules:
        found = against(found, policy(found), today)
        wrong = unproven(observed, found, candidate(found, policy(found, held, log)))
        if wrong:
            raise RuntimeError(f"the policy learned would stop {len(wrong)} crossings, such as {wrong[0]}")
    return Made(found, held, policy(found, held, log))


def policy(found: Suggestion, exam: Exam | None = None, log: bool = False) -> str:
    """The policy: what was learned from, the rules in the order of search, their objects."""
    groups: Groups = {}
    rules = [line for rule in found.rules for line in _rule(rule, groups)]
    lines = [*_comments(_heading(found, exam)), "", "IpFilterPolicy", "{", "  FilterLogging             on"]
    lines += [f"  IpFilterRuleRef           {rule.name}" for rule in found.rules]
    lines += ["}", "", *rules]
    for (version, spans), name in groups.items():
        lines += [*_group(name, version, spans), ""]
    lines += [
        "IpGenericFilterAction       permit-learned", "{", "  IpFilterAction            Permit",
        f"  IpFilterLogging           {'Yes' if log else 'No'}", "}",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _comments(lines: Iterable[str]) -> list[str]:
    found = []
    for line in lines:
        wrapped = wrap(line, WIDTH - 2, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False,
                       drop_whitespace=True, replace_whitespace=False) if len(line) > WIDTH - 2 else [line]  # fmt: skip
        found += [f"# {part}".rstrip() for part in wrapped]
    return found


def _heading(found: Suggestion, exam: Exam | None) -> Iterator[str]:
    flows = {id(flow): flow for rule in found.rules for flow in rule.flows}
    made_of = f"{len(found.rules)} rules of {_count(len(flows), 'flow')}"
    yield f"Learned from traffic by zsim suggest, for {found.view.name}: {made_of}."
    yield "Nobody has reviewed it. What was not seen is denied by it."
    if exam is not None:
        yield ""
        yield from table(exam, found.left).splitlines()


def _rule(rule: Learned, groups: Groups) -> Iterator[str]:
    yield from _comments(_evidence(rule))
    yield f"IpFilterRule                {rule.name}"
    yield "{"
    yield from _end("Source", rule.version, rule.sources, groups)
    yield from _end("Dest", rule.version, rule.dests, groups)
    for service in rule.services:
        yield from _service(service)
    yield "  IpGenericFilterActionRef  permit-learned"
    yield "}"
    yield ""


def _evidence(rule: Learned) -> Iterator[str]:
    """What a rule was learned from, and what is to be known before it is used."""
    packets = sum(flow.packets for flow in rule.flows)
    first, last = min(flow.first for flow in rule.flows), max(flow.last for flow in rule.flows)
    yield f"learned: {', '.join(dict.fromkeys(title(each) for each in rule.services))}"
    told = f"{_count(len(rule.flows), 'flow')}, {_count(packets, 'packet')}"
    yield f"evidence: {told}, {iso(first)[:19]} to {iso(last)[:19]}"
    yield f"frames: {_frames(rule.flows)}"
    for by, example in rule.denied:
        yield f"PERMITS WHAT IS DENIED TODAY by {by}, such as {example}"


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' if count != 1 else ''}"


def _frames(flows: Sequence[Flow]) -> str:
    by: dict[str, list[int]] = {}
    for flow in flows:
        for file, frame in flow.frames:
            by.setdefault(file, []).append(frame)
    told = []
    for file, frames in by.items():
        some = sorted(set(frames))
        more = ", ..." if len(some) > 2 * MOST_TOLD else ""
        told.append(f"{file} {', '.join(map(str, some[: 2 * MOST_TOLD]))}{more}")
    return "; ".join(told).replace("\n", " ").replace("\r", " ")


def title(service: Service) -> str:
    """A service in a few words: `tcp 22 serving`."""
    name = words.protocol(service.proto)
    side = {"Bidirectional InboundConnect": "serving", "Bidirectional OutboundConnect": "as client"}.get(
        service.way, service.way.lower()
    )
    parts = [name, *(_port(word, span) for word, span in (("from", service.source_port), ("to", service.dest_port)))]
    if service.type is not None:
        parts.append(f"type {service.type}")
    parts += ["later fragments"] * service.fragments + [side] + ["forwarded"] * service.routed
    return " ".join(part for part in parts if part)


def _port(word: str, span: Span | None) -> str:
    if span is None:
        return ""
    return f"{word} {span[0]}" if span[0] == span[1] else f"{word} {span[0]}-{span[1]}"


def _end(side: str, version: int, spans: tuple[Span, ...], groups: Groups) -> Iterator[str]:
    if len(spans) > 1:
        name = groups.setdefault((version, spans), f"addresses{len(groups) + 1:02}")
        yield f"  {f'Ip{side}AddrGroupRef':<26}{name}"
        return
    (span,) = spans
    form = f"Ip{side}Addr" if span[0] == span[1] else f"Ip{side}AddrSet"
    yield f"  {form:<26}{words.address(version, span)}"


def _group(name: str, version: int, spans: tuple[Span, ...]) -> Iterator[str]:
    yield f"IpAddrGroup                 {name}"
    yield "{"
    for low, high in spans:
        if low == high:
            yield from ("  IpAddr", "  {", f"    Addr                    {addresses.text(version, low)}", "  }")
        else:
            prefix = words.address(version, (low, high))
            yield from ("  IpAddrSet", "  {", f"    Prefix                  {prefix}", "  }")
    yield "}"


def _service(service: Service) -> Iterator[str]:
    yield "  IpService"
    yield "  {"
    rows = [("Protocol", _PROTOCOL.get(service.proto, str(service.proto)))]
    for name, span in (("SourcePortRange", service.source_port), ("DestinationPortRange", service.dest_port)):
        if span is not None:
            rows.append((name, str(span[0]) if span[0] == span[1] else f"{span[0]} {span[1]}"))
    typed = (("Type", service.type), ("Code", service.code))
    rows += [(name, str(value)) for name, value in typed if value is not None]
    rows += [("Direction", service.way), ("Routing", "Routed" if service.routed else "Local")]
    rows += [("FragmentsOnly", "Yes")] * service.fragments
    yield from (f"    {name:<24}{value}" for name, value in rows)
    yield "  }"


# ---- the exam --------------------------------------------------------------------------------------------------


def table(exam: Exam, left: Sequence[LeftOut]) -> str:
    """What the exam found, a line a figure."""
    crossings, flows, rules = exam.learned
    asked, others = exam.asked
    stopped = asked - exam.permitted
    share = f" ({100 * exam.permitted / asked:.1f}%)" if asked else ""
    lines = [
        "exam: learned on the first part of the traffic, asked about the rest",
        f"  {'learned on':<22}{crossings:>10,} crossings {flows:>8,} flows {rules:>6,} rules",
        f"  {'asked about':<22}{asked:>10,} crossings {others:>8,} flows",
        f"  {'permitted':<22}{exam.permitted:>10,} crossings{share}",
        f"  {'missed':<22}{stopped:>10,} crossings {len(exam.missed):>8,} flows",
        f"  {'opened':<22}{_size(exam.opened):>10} possible crossings, {exam.seen:,} different ones seen",
        f"  {'of these denied today':<22}{_size(exam.beyond):>10} possible crossings",
    ]
    lines += [f"  missed: {_told(flow)}" for flow in exam.missed[:MOST_TOLD]]
    if len(exam.missed) > MOST_TOLD:
        lines.append(f"  missed: {len(exam.missed) - MOST_TOLD:,} more flows")
    counts = Counter((each.why, each.by) for each in left)
    packets: Counter[tuple[str, str]] = Counter()
    for each in left:
        packets[each.why, each.by] += each.flow.packets
    for (why, by), count in counts.most_common():
        told = f"{_count(count, 'flow')}, {_count(packets[why, by], 'packet')}"
        lines.append(f"  left out, {why}{f' by {by}' if by else ''}: {told}")
    return "\n".join(lines) + "\n"


def _size(count: int) -> str:
    return f"{count:,}" if count < 10_000_000 else f"2^{count.bit_length() - 1}"


def _told(flow: Flow) -> str:
    if flow.type == LATER:
        ends = (addresses.text(flow.version, each[0]) for each in (flow.client, flow.server))
        return f"{words.protocol(flow.proto)} fragments {' > '.join(ends)}"
    told = words.flow((flow.version, flow.proto, flow.client, flow.server)).replace(" - ", " > ")
    return told if flow.ported or flow.type > 255 else f"{told} type {flow.type}"


# ---- plain data ------------------------------------------------------------------------------------------------


def document(made: Made) -> Row:
    """Everything, as plain data; sizes of sets are text, because they have up to 90 digits."""
    found, exam, text = made
    return {
        "schema": SCHEMA,
        "system": found.view.name,
        "rules": [
            {"name": rule.name, "services": [title(each) for each in rule.services],
             "sources": [words.address(rule.version, each) for each in rule.sources],
             "dests": [words.address(rule.version, each) for each in rule.dests],
             "routed": rule.services[0].routed, "flows": len(rule.flows),
             "packets": sum(flow.packets for flow in rule.flows),
             "first": iso(min(flow.first for flow in rule.flows)), "last": iso(max(flow.last for flow in rule.flows)),
             "frames": [{"file": file, "frame": frame} for flow in rule.flows for file, frame in flow.frames],
             "denied_today": [{"by": by, "example": example} for by, example in rule.denied]}
            for rule in found.rules
        ],
        "left_out": [
            {"flow": _told(each.flow), "why": each.why, "by": each.by or None, "packets": each.flow.packets}
            for each in found.left
        ],
        "exam": {
            "learned": dict(zip(("crossings", "flows", "rules"), exam.learned, strict=True)),
            "asked": dict(zip(("crossings", "flows"), exam.asked, strict=True)),
            "permitted": exam.permitted, "missed": [_told(flow) for flow in exam.missed],
            "opened": str(exam.opened), "opened_beyond_today": str(exam.beyond), "seen": exam.seen,
        },
        "policy": text,
    }  # fmt: skip
