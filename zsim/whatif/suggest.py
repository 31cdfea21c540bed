"""A least-privilege policy from observed traffic: flows -> services -> address groups -> rules.

    seen = Observed(view)
    seen.add(frames, "trace.pcap")
    found = suggest(seen, Settings())                # Suggestion: rules with their evidence, and what was left out
    suggested.made(seen, Settings()).text            # the same as text that the Policy Agent takes, with an exam

Learned are the services that were seen to answer. A client's port is any from 1024, unless a service always had the
same one. High ports of a server are all of them where one client used more than RANGE_FROM, as passive FTP does, or
asked from a low port, as active FTP does. From `aggregate` hosts on, those of one /24 (IPv6: /64) are the least prefix
that holds them. Left out is what an explicit deny or a defensive filter stops today, what asks for connections that
nobody accepts, and scans.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from zsim.addresses import WIDTH
from zsim.facts import choosing
from zsim.files import Files
from zsim.findings import ERROR, Finding, Where
from zsim.system import System
from zsim.tasks import pagent
from zsim.tcpip.filters import FilterRule
from zsim.whatif import crossings
from zsim.whatif.crossings import View
from zsim.whatif.observed import EPHEMERAL, LATER, TCP, Flow, Observed

if TYPE_CHECKING:
    from engine.space import Packets, Partition

AGGREGATE = 4  # hosts of one /24 or /64 from which they are a prefix
RANGE_FROM = 4  # high ports of one server from which it is all of them
SCAN_PORTS = 15  # ends that one source asks in vain from which it is a scan
SITE = {4: 24, 6: 64}  # the widest prefix that is made of hosts
HIGH = (EPHEMERAL, 65535)
DENIED, UNANSWERED, SCAN = "denied today", "no answer", "scan"
Span = tuple[int, int]
Spans = tuple[Span, ...]

# Which side of a service a rule names first. HERE: source is this stack (or the server of what is forwarded).
HERE, PEER = "here", "peer"


class Service(NamedTuple):
    """What an IpService says; None is any. `first` is the side that is its source."""

    proto: int
    source_port: Span | None
    dest_port: Span | None
    type: int | None
    code: int | None
    way: str
    first: str
    routed: bool
    fragments: bool = False


class Learned(NamedTuple):
    """One suggested rule: addresses as spans of one IP version, services, and the flows it was learned from. `denied`
    names, with an example each, the explicit denies of today some of whose packets it permits."""

    name: str
    version: int
    sources: tuple[Span, ...]
    dests: tuple[Span, ...]
    services: tuple[Service, ...]
    flows: tuple[Flow, ...]
    denied: tuple[tuple[str, str], ...] = ()


class LeftOut(NamedTuple):
    """A flow that no rule was made for: why (DENIED, UNANSWERED, SCAN), and by what."""

    flow: Flow
    why: str
    by: str = ""


class Suggestion(NamedTuple):
    view: View
    rules: tuple[Learned, ...]
    left: tuple[LeftOut, ...]


class Settings(NamedTuple):
    """How much is generalised, and whether what is denied today is learned as well."""

    aggregate: int = AGGREGATE
    denied: bool = False


def suggest(observed: Observed, settings: Settings, last: int | None = None) -> Suggestion:
    """Rules for all that was observed, or for the crossings before `last`."""
    flows = observed.flows(0, last)
    left = list(_left_out(observed, flows, settings))
    out = {id(each.flow) for each in left}
    kept = [flow for flow in flows if id(flow) not in out]
    return Suggestion(observed.view, tuple(_rules(kept, settings)), tuple(left))


# ---- what is not learned ---------------------------------------------------------------------------------------


def denier(view: View, numbers: crossings.Numbers) -> FilterRule | None:
    """The filter that stops a crossing because somebody wrote so."""
    rule = view.deciding(numbers)
    if rule is None or rule.implicit or rule.hidden or not rule.name or rule.name.startswith("("):
        return None
    return None if view.fate(numbers).permits else rule


def _left_out(observed: Observed, flows: Sequence[Flow], settings: Settings) -> Iterator[LeftOut]:
    view = observed.view
    silent: dict[tuple[int, int], set[tuple[int, int]]] = defaultdict(set)
    for flow in flows:
        if flow.ported and not flow.answered:
            silent[flow.version, flow.client[0]].add(flow.server)
    for flow in flows:
        stopped = [rule for kind in flow.kinds if (rule := denier(view, observed.kinds[kind].numbers))]
        if stopped and not settings.denied:
            yield LeftOut(flow, DENIED, f"{view.title(stopped[0])} ({view.place(stopped[0].where)})")
        elif flow.ported and not flow.answered and len(silent[flow.version, flow.client[0]]) >= SCAN_PORTS:
            yield LeftOut(flow, SCAN)
        elif flow.proto == TCP and flow.opened and not flow.answered:
            yield LeftOut(flow, UNANSWERED)


# ---- flows to services to rules --------------------------------------------------------------------------------


class _Role(NamedTuple):
    """What flows of one service have in common."""

    version: int
    routed: int
    proto: int
    server_port: Span | None
    type: int
    code: int
    outbound: bool  # the peer is the server
    answered: bool
    here: int


def _rules(flows: Sequence[Flow], settings: Settings) -> Iterator[Learned]:
    wide = _passive(flows)
    of: dict[_Role, list[Flow]] = defaultdict(list)
    two_way = {_role(flow, wide, True) for flow in flows if flow.answered}
    for flow in flows:
        role = _role(flow, wide, True)
        of[role if role in two_way or flow.proto == TCP else role._replace(answered=False)].append(flow)
    # services that the same peers use, of the same addresses, are one rule
    alike: dict[tuple[_Role, Span | None, Spans], list[_Role]] = defaultdict(list)
    for role, its in of.items():
        peers = generalised(role.version, {_peer(flow, role)[0] for flow in its}, settings.aggregate)
        alike[role._replace(here=0), _client_port(its), peers].append(role)
    together: dict[tuple[int, int, str, Spans, Spans], list[tuple[Service, list[Flow]]]] = {}
    for (one, client, peers), roles in alike.items():
        heres = tuple(sorted((role.here, role.here) for role in roles))
        its = [flow for role in roles for flow in of[role]]
        for service in _services(one, client):
            ends = (heres, peers) if service.first == HERE else (peers, heres)
            together.setdefault((one.version, one.routed, service.first, *ends), []).append((service, its))
    for at, ((version, _, _, source, dest), services) in enumerate(together.items(), 1):
        seen = {id(flow): flow for _, its in services for flow in its}
        different = tuple(dict.fromkeys(service for service, _ in services))
        yield Learned(f"learned{at:02}", version, source, dest, different, tuple(seen.values()))


def _peer(flow: Flow, role: _Role) -> tuple[int, int]:
    return flow.server if role.outbound else flow.client


def _role(flow: Flow, wide: set[tuple[object, ...]], answered: bool) -> _Role:
    outbound = bool(flow.outbound and not flow.routed)
    here = flow.client if outbound else flow.server
    port: Span | None = None
    if flow.ported:
        backwards = flow.client[1] < EPHEMERAL  # as in active FTP, whose data connection is opened from port 20
        high = flow.server[1] >= EPHEMERAL and (_pair(flow) in wide or backwards)
        port = HIGH if high else (flow.server[1], flow.server[1])
    return _Role(flow.version, flow.routed, flow.proto, port, flow.type, flow.code, outbound, answered, here[0])


def _pair(flow: Flow) -> tuple[object, ...]:
    return flow.proto, flow.routed, flow.client[0], flow.server[0]


def _passive(flows: Iterable[Flow]) -> set[tuple[object, ...]]:
    """The pairs of client and server that use many high ports."""
    ports: dict[tuple[object, ...], set[int]] = defaultdict(set)
    for flow in flows:
        if flow.ported and flow.server[1] >= EPHEMERAL:
            ports[_pair(flow)].add(flow.server[1])
    return {pair for pair, its in ports.items() if len(its) > RANGE_FROM}


def _client_port(flows: Sequence[Flow]) -> Span | None:
    """The ports of a service's clients: the one they all have, all from 1024, or any."""
    ports = {flow.client[1] for flow in flows if flow.ported}
    if not ports:
        return None
    if len(ports) == 1 and (min(ports) < EPHEMERAL or all(flow.client[1] == flow.server[1] for flow in flows)):
        return min(ports), min(ports)
    return HIGH if min(ports) >= EPHEMERAL else None


def _services(role: _Role, client: Span | None) -> Iterator[Service]:
    """The services that permit a role on its whole way. What is forwarded crosses two interfaces, and the source of a
    bidirectional service is the source when it leaves: both ends have to be that once."""
    routed, tcp, ported = bool(role.routed), role.proto == TCP, role.server_port is not None
    if ported and (role.answered or tcp):
        if routed or not role.outbound:
            way = "Bidirectional InboundConnect" if tcp else "Bidirectional"
            yield Service(role.proto, role.server_port, client, None, None, way, HERE, routed)
        if routed or role.outbound:
            way = "Bidirectional OutboundConnect" if tcp else "Bidirectional"
            first = PEER if routed else HERE
            yield Service(role.proto, client, role.server_port, None, None, way, first, routed)
        return
    ports = (client, role.server_port) if ported else (None, None)
    later = role.type == LATER
    type, code = (each if 0 <= each <= 255 else None for each in (role.type, role.code))
    for way in ("Inbound", "Outbound") if routed else ("Outbound",) if role.outbound else ("Inbound",):
        first = HERE if role.outbound else PEER
        yield Service(role.proto, *ports, type, code, way, first, routed, later)


def generalised(version: int, peers: Iterable[int], aggregate: int) -> tuple[Span, ...]:
    """The hosts, where fewer than `aggregate` are of one site; else the least prefix that holds them."""
    sites: dict[int, list[int]] = defaultdict(list)
    for peer in peers:
        sites[peer >> WIDTH[version] - SITE[version]].append(peer)
    found: list[Span] = []
    for hosts in sites.values():
        if len(hosts) < aggregate:
            found += [(host, host) for host in hosts]
        else:
            low, high = min(hosts), max(hosts)
            mask = (1 << (low ^ high).bit_length()) - 1
            found.append((low & ~mask, high | mask))
    return tuple(sorted(found))


# ---- held against the system -----------------------------------------------------------------------------------

_MAIN, _IMAGE, _POLICY = "/etc/pagent.conf", "/etc/image.conf", "/etc/learned.policy"


def installed(system: System, text: str) -> tuple[System, tuple[Finding, ...]]:
    """The system with a policy instead of its own, and what reading it found. Raises ValueError where the Policy Agent
    does not take it."""
    stack = system.stack
    chain = {_MAIN: f"TcpImage {stack.name} {_IMAGE}\n", _IMAGE: f"IpSecConfig {_POLICY}\n", _POLICY: text}
    files = Files({name: name for name in chain}, text={**chain})
    with choosing(system.facts):
        reading = pagent.read(files, f"-c {_MAIN}", "", Where(_MAIN), stack.name, stack.versions, system.clock.now)
    built = reading.result.built
    if built is None:
        wrong = "; ".join(
            f"line {each.where.line}: {each.text}" for each in reading.result.findings if each.severity == ERROR
        )
        raise ValueError(f"the policy is not taken: {wrong or reading.result.why}")
    return replace(system, stack=replace(stack, policy=built.filters, default_forced=False)), reading.result.findings


def candidate(found: Suggestion, text: str) -> View:
    """The system of a suggestion with its policy, in the same surroundings."""
    view = found.view
    system, findings = installed(view.system, text)
    if findings:
        raise RuntimeError(f"the policy made has findings: {findings}")
    made = crossings.view(view.among.space, system, "learned", few=True)
    return made._replace(among=view.among, around=view.around)


def permits(view: View) -> Packets:
    """The crossings that a system's own rules permit, defensive filters apart."""
    decided = view.among.space.first_match(view.asked.rules, view.among)
    return decided.where(*(row for row in decided.values() if isinstance(row, int) and _permits(view, row)))


def _permits(view: View, row: int) -> bool:
    return view.fate((-1, -1, row)).permits


def decided(view: View) -> Partition:
    """What decides each crossing: Numbers."""
    return view.among.space.first_matches(view.lists, view.decided, view.among)


def against(found: Suggestion, text: str, today: Partition) -> Suggestion:
    """The suggestion with, in each rule, the explicit denies of today some of whose packets it permits."""
    from zsim.whatif import words

    made = candidate(found, text)
    space = made.among.space
    stops = {numbers: rule for numbers in today.values() if (rule := denier(found.view, numbers)) is not None}  # type: ignore[arg-type]
    stopped = today.where(*stops)
    if not stopped:
        return found
    rules = []
    for each in found.rules:
        own = [rule for rule in made.asked.rules if made.rows[rule.number].name == each.name]
        common = space.union([space.rule(rule) for rule in own]) & stopped
        said: dict[str, str] = {}
        while common:
            packet = common.sample() or {}
            numbers = today[packet]
            rule = stops[numbers]
            same = [other for other, its in stops.items() if its.name == rule.name]
            said[f"{rule.name} ({found.view.place(rule.where)})"] = words.packet(packet)
            common -= today.where(*same)
        rules.append(each._replace(denied=tuple(said.items())))
    return found._replace(rules=tuple(rules))


# ---- the exam --------------------------------------------------------------------------------------------------


class Exam(NamedTuple):
    """A policy learned on the first packets, asked about the rest: how many crossings and flows each has, which flows
    of the rest it would stop, and the sizes of sets of packets: what it permits, of that what today's rules deny."""

    learned: tuple[int, int, int]  # crossings, flows, rules
    asked: tuple[int, int]  # crossings, flows
    permitted: int  # crossings
    missed: tuple[Flow, ...]
    opened: int
    beyond: int
    seen: int  # different crossings in all that was observed


def exam(
    observed: Observed, text_of: Callable[[Suggestion], str], settings: Settings, share: int, today: Partition
) -> Exam:
    """Learn on the first `share` percent, ask about the rest. `text_of` writes a suggestion as a policy."""
    split = len(observed) * share // 100
    found = suggest(observed, settings, split)
    out = {kind for each in suggest(observed, settings).left for kind in each.flow.kinds}
    space = observed.view.among.space
    opened = permits(candidate(found, text_of(found))) if found.rules else space.nothing
    fine = [kind.packet in opened for kind in observed.kinds]
    rest = [kind for kind in observed.order[split:] if kind not in out]
    flows = [flow for flow in observed.flows(split) if not set(flow.kinds) & out]
    missed = tuple(flow for flow in flows if not all(fine[kind] for kind in flow.kinds))
    now = today.where(*(numbers for numbers in today.values() if observed.view.fate(numbers).permits))  # type: ignore[arg-type]
    return Exam(
        (split, len(observed.flows(0, split)), len(found.rules)), (len(rest), len(flows)),
        sum(fine[kind] for kind in rest), missed, opened.count(), (opened - now).count(), len(observed.kinds),
    )  # fmt: skip


def unproven(observed: Observed, found: Suggestion, made: View) -> list[Mapping[str, int]]:
    """The crossings learned from that the policy made would stop: none, unless we are wrong. They are asked of the real
    tables."""
    wanted = list({kind for rule in found.rules for flow in rule.flows for kind in flow.kinds})
    packets = [observed.kinds[kind].packet for kind in wanted]
    opened = permits(made)
    return [packet for packet in packets if packet not in opened]
