"""Why one packet fares as it does: every phase it passes, the filter that decides, and how the others differ.

    asked = Question(frames, written, interface)
    found = explain(view, asked)            # Why: verdict, legs, reply, records
    found.legs[0].rule                      # the filter that decides; None: nothing matched, which denies
    found.legs[0].before, found.legs[0].after     # Looks: earlier filters with what failed; later ones that match

The verdict is that of the stack's own tables. Each filter is looked at once more, by the plain meaning of its tests;
that the two agree is checked with every packet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from zsim import addresses
from zsim.config import policy
from zsim.facts import choosing
from zsim.findings import did_you_mean
from zsim.started import SYSLOGD, TRMD
from zsim.system import System
from zsim.tasks import syslogd, trmd
from zsim.tcpip import discard, terms, traffic
from zsim.tcpip.defensive import span_word
from zsim.tcpip.filters import DEFENSIVE, FilterRule, lower
from zsim.tcpip.traffic import STACK, FilterEvent, Rewrite
from zsim.whatif import words
from zsim.whatif.crossings import Fate, Numbers, View
from zsim.whatif.notation import Written
from zsim.whatif.trial import apart, copied

if TYPE_CHECKING:
    import engine

IN, OUT = 0, 1
PERMITTED, UNFILTERED, UNJUDGED = "permitted", "unfiltered", "unjudged"


class WhyError(ValueError):
    """The packet cannot be what the question says of it: what, why, and what to ask instead."""


class Question(NamedTuple):
    """The one packet of `frames`; `written` where it was given in the short notation."""

    frames: engine.Frames
    written: Written | None = None
    interface: str | None = None
    rewrites: tuple[Rewrite, ...] = ()
    home: tuple[tuple[int, int], ...] = ()  # further addresses of the stack

    @property
    def arrival(self) -> str | None:
        """The interface it is said to come in by."""
        said = self.written.interface if self.written and self.written.direction == "in" else None
        return self.interface or said


class Miss(NamedTuple):
    """A field of a filter that the packet does not have as wanted."""

    field: str  # of engine.space.DIMENSIONS
    label: str  # as ipsec reports spell it
    wanted: str
    seen: str


class Look(NamedTuple):
    """A filter held against the packet; `order` is its place among the filters shown, 0 for one that is not shown."""

    rule: FilterRule
    order: int
    misses: tuple[Miss, ...]


class Leg(NamedTuple):
    """The packet crossing one interface. `before` are the filters asked before the one that decides, `after` those
    behind it that would match. A leg that is not `reached` is what would have become of it."""

    direction: int
    interface: str
    packet: dict[str, int]
    numbers: Numbers
    fate: Fate
    rule: FilterRule | None
    order: int
    simulated: FilterRule | None
    before: tuple[Look, ...]
    after: tuple[Look, ...]
    reached: bool = True


class Record(NamedTuple):
    """A log record, and the file it goes to; "" where it is lost, for the reason in `why`."""

    text: str
    path: str
    why: str = ""


class Why(NamedTuple):
    """The whole answer. `verdict` is one of engine.VERDICTS, `status` one of engine.STATUSES; `filters` counts those
    shown; `reply` is what the sender gets, "" for nothing."""

    view: View
    asked: Question
    packet: str
    assumed: tuple[str, ...]
    verdict: str
    status: str
    hook: str
    legs: tuple[Leg, ...]
    filters: int
    reply: str
    records: tuple[Record, ...]
    headers: Mapping[str, int]
    asleep: tuple[Look, ...] = ()  # filters that would match, but are not installed at this time

    @property
    def permits(self) -> bool:
        return self.verdict in (PERMITTED, UNFILTERED)

    @property
    def deciding(self) -> Leg | None:
        """The crossing that settles it: the first one that denies, else the last one."""
        reached = [leg for leg in self.legs if leg.reached]
        return next((leg for leg in reached if not leg.fate.permits), reached[-1] if reached else None)


def explain(view: View, asked: Question) -> Why:
    """Judge the packet on a copy of the system, and look at every filter. Raises WhyError."""
    import engine
    from engine.space import DIMENSIONS

    system = copied(view.system)
    with choosing(system.facts):
        _check_interface(view, asked.arrival)
        prepared = apart(view.prepared)
        outcome, deliveries = system.receive(asked.frames, asked.arrival, prepared, asked.rewrites)
        replies = list(discard.replies(prepared, asked.frames, outcome, asked.rewrites))
        verdict = engine.VERDICTS[outcome.judgement.verdict[0]]
        hook = engine.HOOKS[outcome.journey.hook[0]]
        shown = {name: engine.cell(outcome.headers, name, 0) for name in DIMENSIONS}
        _check_way(view, asked, hook, outcome, shown)
        legs = tuple(_legs(view, outcome, hook))
        records = tuple(_records(system, outcome.events, deliveries))
        asleep = tuple(_asleep(view, legs, int(asked.frames.time[0])))
    made = f"ICMP{'v6' if shown['version'] == 6 else ''} type {{}} code {{}} to the sender"
    packet = dict(shown, direction=legs[0].direction, routed=legs[0].packet["routed"]) if legs else shown
    return Why(
        view, asked, _described(packet, legs), tuple(_assumed(view, asked, outcome, hook, shown)), verdict,
        engine.STATUSES[outcome.headers.status[0]], hook, legs, sum(not row.hidden for row in _asked_rows(view)),
        made.format(replies[0].type, replies[0].code) if replies else "", records, shown, asleep,
    )  # fmt: skip


def _described(packet: Mapping[str, int], legs: Sequence[Leg]) -> str:
    return words.packet(packet, legs[0].interface if legs else "") if packet["version"] in (4, 6) else "no IP packet"


def _asked_rows(view: View) -> list[FilterRule]:
    """The rows that are asked, in order, each once."""
    numbers = dict.fromkeys(rule.number for rules in view.lists for rule in rules)
    return [view.rows[number] for number in numbers]


# ---- what was said and what is so -------------------------------------------------------------------------------


def _check_interface(view: View, name: str | None) -> None:
    known = view.around.interfaces
    if name is not None and name not in known:
        raise WhyError(f"no interface {name}; {did_you_mean(name, known, 'there are ' + ', '.join(known))}")


def _check_way(view: View, asked: Question, hook: str, outcome: traffic.Outcome, shown: Mapping[str, int]) -> None:
    """What the notation says of direction, routing and interface has to be what the stack's addresses say."""
    written = asked.written
    if written is None or hook in ("none", "loop"):
        return
    source, dest = (addresses.text(shown["version"], shown[name]) for name in ("src_addr", "dst_addr"))
    if written.direction == "in" and hook == "out":
        raise WhyError(
            f"the packet does not come in: {source} is an address of this stack; exchange the ends or say out"
        )
    if written.direction == "out" and hook == "in":
        raise WhyError(
            f"the packet does not go out: {source} is no address of this stack, and {dest} is or is a group; "
            "exchange the ends or say in"
        )
    if written.routed is not None and written.routed != (hook == "forward"):
        if written.routed:
            raise WhyError("the packet is not routed: it is for this stack or its own; leave routed out")
        raise WhyError(f"the packet is not local: neither {source} nor {dest} is of this stack (--home adds addresses)")
    if written.direction == "out" and written.interface is not None:
        _check_interface(view, written.interface)
        at = int(outcome.journey.departure[0])
        name = view.around.interfaces[at] if at >= 0 else "no interface"
        if name != written.interface:
            raise WhyError(f"the packet leaves by {name}, not {written.interface}: so say the routes of this stack")


def _assumed(
    view: View, asked: Question, outcome: traffic.Outcome, hook: str, shown: Mapping[str, int]
) -> Iterator[str]:
    """What the question left open, and what was taken for it."""
    if asked.written is not None:
        yield from asked.written.assumed
    source, dest = shown["src_addr"], shown["dst_addr"]
    for way, at, from_hooks in (("in", outcome.journey.arrival[0], ("in", "forward")),
                                ("out", outcome.journey.departure[0], ("out", "forward"))):  # fmt: skip
        if hook not in from_hooks or at < 0 or (way == "in" and asked.arrival):
            continue
        name, version = view.around.interfaces[at], shown["version"]
        end = dest if way == "in" else source
        owner = any(each == (version, end, at) for each in view.around.own)
        far = source if way == "in" else dest
        led = any(each == version and low <= far <= high for each, low, high, _ in view.around.routes)
        reasons = [
            (owner, f"has {addresses.text(version, end)}"),
            (led, f"is where {addresses.text(version, far)} is routed"),
        ]
        if way == "out" and not any(each == version and low <= far <= high for each, low, high in view.around.groups):
            reasons.reverse()
        why = next((reason for holds, reason in reasons if holds), "is the first one")
        if not (asked.written and asked.written.direction == way and asked.written.interface):
            yield f"{way} {name}, which {why}"


# ---- filters held against the packet ----------------------------------------------------------------------------


def _port(value: int) -> str:
    return str(value) if value <= 65535 else "not known"


def _octet(value: int) -> str:
    return str(value) if value <= 255 else "not known"


def _address(packet: Mapping[str, int], name: str) -> str:
    return addresses.text(packet["version"], packet[name])


class Field(NamedTuple):
    """A field as a filter and a packet show it; in the order people look at them."""

    name: str
    label: str
    wanted: Callable[[FilterRule], str]
    seen: Callable[[Mapping[str, int]], str]


def _protocol(number: int) -> str:
    return terms.protocol(number) if number <= 255 else "not known"


FIELDS = (
    Field("version", "IP version", lambda rule: str(rule.version), lambda p: str(p["version"])),
    Field("direction", "Direction", lambda rule: rule.direction, lambda p: ("Inbound", "Outbound")[p["direction"]]),
    Field("routed", "Scope", lambda rule: rule.service.scope, lambda p: ("Local", "Routed")[p["routed"]]),
    Field("proto", "Protocol", lambda rule: terms.protocol(rule.service.protocol), lambda p: _protocol(p["proto"])),
    Field("opaque", "Protocol", lambda rule: "Opaque", lambda p: _protocol(p["proto"])),
    Field("src_addr", "SourceAddress", lambda rule: str(rule.source), lambda p: _address(p, "src_addr")),
    Field("dst_addr", "DestAddress", lambda rule: str(rule.dest), lambda p: _address(p, "dst_addr")),
    Field("src_port", "SourcePort", lambda rule: span_word(rule.service.source_port), lambda p: _port(p["src_port"])),
    Field("dst_port", "DestPort", lambda rule: span_word(rule.service.dest_port), lambda p: _port(p["dst_port"])),
    Field("type", "Type", lambda rule: span_word(rule.service.type), lambda p: _octet(p["type"])),
    Field("code", "Code", lambda rule: span_word(rule.service.code), lambda p: _octet(p["code"])),
    Field("connect", "TCPQualifier", lambda rule: str(rule.service.connect),
          lambda p: ("no connection request", "a connection request")[p["connect"]]),
    Field("fragment", "FragmentsOnly", lambda rule: "Yes", lambda p: ("a whole packet", "a fragment")[p["fragment"]]),
    Field("zone", "SecurityClass", lambda rule: str(rule.service.secclass), lambda p: str(p["zone"])),
)  # fmt: skip
_PLACE = {each.name: at for at, each in enumerate(FIELDS)}


def misses(rule: engine.Rule, row: FilterRule, packet: Mapping[str, int]) -> tuple[Miss, ...]:
    """The fields in which the packet is not as the filter wants it, in the order of FIELDS."""
    failed = {test.field for test in rule.tests if not test.low <= packet[test.field] <= test.high}
    return tuple(
        Miss(each.name, each.label, each.wanted(row), each.seen(packet))
        for each in (FIELDS[at] for at in sorted(_PLACE[name] for name in failed))
    )


def looks(view: View, packet: Mapping[str, int]) -> tuple[Numbers, list[tuple[int, Look]]]:
    """What the rules say of a crossing, and every filter held against it, with its row, in the order of search."""
    found: list[int] = []
    seen: dict[int, tuple[Miss, ...]] = {}
    for rules in view.lists:
        first = -1
        for rule in rules:
            missed = misses(rule, view.rows[rule.number], packet)
            if not missed and first < 0:
                first = rule.number
            if rule.number not in seen or len(missed) < len(seen[rule.number]):  # Exclude cuts one into several
                seen[rule.number] = missed
        found.append(first)
    order, shown = 0, []
    for number, missed in seen.items():
        row = view.rows[number]
        order += not row.hidden
        shown.append((number, Look(row, 0 if row.hidden else order, missed)))
    return view.decided(found), shown


def _leg(view: View, direction: int, interface: int, packet: dict[str, int], reached: bool = True) -> Leg:
    numbers, seen = looks(view, packet)
    block, simulate, rule = numbers
    at = block if block >= 0 else rule
    place = next((place for place, (number, _) in enumerate(seen) if number == at), len(seen))
    behind = seen[place + 1 :] if place < len(seen) else []
    return Leg(
        direction, view.around.interfaces[interface] if interface >= 0 else "", packet, numbers, view.fate(numbers),
        view.rows[at] if at >= 0 else None, seen[place][1].order if place < len(seen) else 0,
        view.rows[simulate] if simulate >= 0 else None,
        tuple(look for number, look in seen[:place] if look.misses and number != simulate),
        tuple(look for number, look in behind if not look.misses), reached,
    )  # fmt: skip


def _legs(view: View, outcome: traffic.Outcome, hook: str) -> Iterator[Leg]:
    """Both crossings of a forwarded packet, the second one also where the first denies it."""
    import engine
    from engine.space import DIMENSIONS

    last: dict[str, int] = {}
    crossed = 0
    for leg in outcome.judgement.legs:
        if leg.count:
            last = {name: engine.cell(leg.headers, name, 0) for name in DIMENSIONS}
            made = _leg(view, leg.direction, int(leg.interface[0]), last)
            said = int(leg.block[0]), int(leg.simulate[0]), int(leg.rule[0])
            if made.numbers != view.decided(said):
                raise RuntimeError(f"{view.name} decides {last} by {said}, its filters say {made.numbers}")
            crossed += 1
            yield made
    if hook == "forward" and crossed == 1:
        at = int(outcome.journey.departure[0])
        zone = view.around.zones[at] if at >= 0 else 0
        yield _leg(view, OUT, at, {**last, "direction": OUT, "zone": zone}, reached=False)


def _asleep(view: View, legs: Sequence[Leg], time: int) -> Iterator[Look]:
    """Filters outside their time that match a crossing; the Policy Agent has them, the stack has not."""
    in_force = view.prepared.in_force
    if in_force is None or not in_force.timed:
        return
    installed = set(in_force.active(time, view.system.offset))
    for at, row in enumerate(in_force.filters):
        if at not in installed and any(not misses(lower(row, at), row, leg.packet) for leg in legs):
            yield Look(row, 0, ())


# ---- what follows -----------------------------------------------------------------------------------------------


def _records(system: System, events: Iterable[object], deliveries: Sequence[syslogd.Delivery]) -> Iterator[Record]:
    """The records about the packet, with the files they go to."""
    task, daemon = system.task_of(TRMD), system.task_of(SYSLOGD)
    for event in events:
        if not isinstance(event, FilterEvent):
            continue
        user, job = (task.user, task.job) if task else ("", "")
        record = trmd.record(event, system.stack.name, user, job)
        paths = [each.path for each in deliveries if each.record == record]
        if not paths:
            why = (
                "TRMD is not running" if task is None or not task.running
                else "syslogd is not running" if daemon is None or not daemon.running
                else "no rule of syslog.conf takes it, or its file is missing"
            )  # fmt: skip
            yield Record(record.text, "", why)
        for path in paths:
            yield Record(record.text, path)


def tested(rule: FilterRule) -> str:
    """What a filter tests, in the words of reports."""
    service = rule.service
    parts = [rule.direction or "both ways", service.scope if service.scope != "Both" else "local or routed"]
    parts.append("Opaque" if service.protocol == policy.OPAQUE else terms.protocol(service.protocol))
    parts += [
        f"{word} {span_word(span)}"
        for word, span in (("type", service.type), ("code", service.code))
        if span is not None
    ]
    ends = [
        f"{end}" + (f" port {span_word(span)}" if span else "")
        for end, span in ((rule.source, service.source_port), (rule.dest, service.dest_port))
    ]
    parts.append(f"from {ends[0]} to {ends[1]}")
    parts += [service.connect] if service.connect else []
    parts += ["fragments only"] if service.fragments_only else []
    parts += [f"secclass {service.secclass}"] if service.secclass else []
    return " ".join(parts)


def called(rule: FilterRule | None) -> str:
    """The name of a filter as zsim tells it."""
    if rule is None:
        return "no filter at all"
    return rule.name if rule.hidden or rule.layer == STACK else f"{rule.name}.{rule.extension}"


def kind(rule: FilterRule | None) -> str:
    """What sort of filter it is, for a sentence."""
    if rule is None or rule.layer == STACK:
        return "the stack itself"
    if rule.layer == DEFENSIVE:
        return "a defensive filter"
    return "the implicit deny" if rule.implicit and rule.denies else f"a {rule.layer} filter"
