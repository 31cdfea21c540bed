"""A slow, plain reading of the reference: which filters a configuration means, and which of them decides a packet.

    rows = policy_rows(policy, (4, 6))                  sections 5.2 to 5.5
    rows = profile_rows(ipsec, (4, 6))                  section 2.4.2
    legs(view, "ETH1", world, rows)                     sections 6.1 to 6.6 -> (direction, what decided, verdict)

It shares no code with zsim: it does not know `filters.expand`, `filters.lower` or the tables of the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from tests.zsim.generator import EVERY, OPAQUE, Ipsec, Policy, Range, Service, Span, View, World

INBOUND, OUTBOUND = "Inbound", "Outbound"


class Row(NamedTuple):
    """An installed filter."""

    name: str
    extension: int
    group: str
    version: int
    direction: str
    action: str
    logging: str
    discard: str
    vpn: str
    source: Range
    dest: Range
    protocol: int | str | None
    source_port: Span | None
    dest_port: Span | None
    type: Span | None
    code: Span | None
    connect: str | None
    scope: str
    secclass: int
    fragments: bool


def row(rule: Any) -> Row:
    """The fields of a zsim FilterRule."""
    service = rule.service
    return Row(
        rule.name, rule.extension, rule.group, rule.version, rule.direction, rule.action, rule.logging, rule.discard,
        rule.vpn_action, Range(*rule.source), Range(*rule.dest), OPAQUE if service.protocol == -1 else service.protocol,
        *(span and tuple(span) for span in (service.source_port, service.dest_port, service.type, service.code)),
        service.connect, service.scope, service.secclass, service.fragments_only,
    )  # fmt: skip


# ---- expansion -------------------------------------------------------------------------------------------------

LOGGING = {"Yes": "All", "No": "None", "LogPermit": "Permit", "LogDeny": "Deny"}
DENIES = {OUTBOUND: "DenyAllRule_Generated___________Outbnd", INBOUND: "DenyAllRule_Generated___________Inbnd"}


def policy_rows(policy: Policy, versions: Sequence[int]) -> list[Row]:
    """The policy set: filters in order of the entries, closed by the implicit denies; IPv4 and then IPv6. A rule
    outside its time is not installed."""
    tables: dict[int, list[Row]] = {version: [] for version in versions}
    extensions: dict[int, int] = {}
    unnamed: dict[int, str] = {}
    for rule, group, at in policy.entries:
        name = rule.name or unnamed.setdefault(at, f"IpFilterRule~{len(unnamed) + 1}")
        for version in versions:
            for source in rule.sources:
                for dest in rule.dests:
                    if not source.version == dest.version == version:
                        continue
                    for service in rule.services:
                        for direction in _directions(service, version):
                            extensions[at] = extensions.get(at, 0) + 1
                            made = Row(
                                name, extensions[at], group, version, direction, rule.action, LOGGING[rule.logging],
                                rule.discard, rule.vpn, source, dest, *_tests(service),
                            )  # fmt: skip
                            mirrored = direction == INBOUND and service.way == "Bidirectional"
                            if rule.active:
                                tables[version].append(_mirrored(made) if mirrored else made)
    for version in versions:
        logging = "All" if policy.logging else "None"
        for direction, name in DENIES.items():
            tables[version].append(_deny(name, 1, version, direction, logging, policy.discard))
    return [each for version in versions for each in tables[version]]


def _directions(service: Service, version: int) -> list[str]:
    if (service.protocol, version) in ((1, 6), (58, 4)):
        return []
    return {"Bidirectional": [OUTBOUND, INBOUND], "Inbound": [INBOUND], "Outbound": [OUTBOUND]}[service.way]


def _tests(service: Service) -> tuple[Any, ...]:
    return (
        service.protocol, service.source_port, service.dest_port, service.type, service.code, service.connect,
        service.scope, service.secclass, service.fragments,
    )  # fmt: skip


def _mirrored(made: Row) -> Row:
    return made._replace(
        source=made.dest, dest=made.source, source_port=made.dest_port, dest_port=made.source_port
    )  # fmt: skip


def _deny(name: str, extension: int, version: int, direction: str, logging: str, discard: str) -> Row:
    everything = EVERY[version]
    return Row(
        name, extension, "", version, direction, "Deny", logging, discard, "", everything, everything,
        None, None, None, None, None, None, "Both", 0, False,
    )  # fmt: skip


def profile_rows(block: Ipsec, versions: Sequence[int]) -> list[Row]:
    """The default set: SYSDEFAULTRULE.n outbound as coded and inbound mirrored; then the denies."""
    rows = []
    for version in versions:
        for number, rule in enumerate(block.rules, 1):
            if rule.version != version:
                continue
            service = rule.service
            for extension, direction in enumerate(_directions(service, version), 1):
                made = Row(
                    f"SYSDEFAULTRULE.{number}", extension, "", version, direction, "Permit",
                    "All" if rule.log else "None", "Silent", "", rule.source, rule.dest, *_tests(service),
                )  # fmt: skip
                rows.append(_mirrored(made) if direction == INBOUND and service.way == "Bidirectional" else made)
        for extension, direction in enumerate((OUTBOUND, INBOUND), 1):
            logging = "All" if block.logimplicit else "None"
            rows.append(_deny("SYSDEFAULTDENYRULE", extension, version, direction, logging, "Silent"))
    return rows


# ---- the packet test -------------------------------------------------------------------------------------------

UNFILTERED, NOT_FORWARDED, DISCOVERY = "not filtered", "not forwarded", "neighbour discovery"
PERMITTED, DENIED = "permitted", "denied"
LINK_LOCAL, MULTICAST = 0xFE80 >> 6, 0xFF  # the first 10 and 8 bits


class Leg(NamedTuple):
    """One crossing of an interface. `by` is the row that decided, or what did."""

    direction: str
    by: Row | str
    verdict: str


def legs(view: View, arrival: str | None, here: World, rows: Sequence[Row]) -> tuple[str, list[Leg]]:
    """Verdict and crossings of a packet; "unfiltered" for what goes from one own address to another."""
    own = {(port.version, port.address): port.name for port in here.ports}
    own |= {(4, 0x7F000001): "", (6, 1): ""}
    sender, receiver = own.get((view.version, view.source)), own.get((view.version, view.dest))
    if sender is not None and receiver is not None:
        return "unfiltered", []
    group = is_group(view, here)
    if sender is not None:
        crossings = [(OUTBOUND, sender if group and sender else route(view.version, view.dest, here))]
    else:
        came = arrival or receiver or route(view.version, view.source, here)
        crossings = [(INBOUND, came)]
        if receiver is None and not group:
            crossings.append((OUTBOUND, route(view.version, view.dest, here)))
    routed = len(crossings) == 2
    secclasses = {port.name: port.secclass for port in here.ports}
    found = []
    for direction, name in crossings:
        leg = _decided(view, direction, routed, secclasses[name], here, rows)
        found.append(leg)
        if leg.verdict == DENIED:
            break
    return found[-1].verdict, found


def is_group(view: View, here: World) -> bool:
    """Multicast or broadcast."""
    if view.version == 6:
        return view.dest >> 120 == MULTICAST
    subnets = [port for port in here.ports if port.version == 4]
    broadcast = [port.address | (1 << 32 - port.bits) - 1 for port in subnets] + [0xFFFFFFFF]
    return view.dest in broadcast or 224 <= view.dest >> 24 <= 239


def route(version: int, address: int, here: World) -> str:
    """The interface of the longest prefix that holds an address."""
    width = 32 if version == 4 else 128
    known = [
        (port.bits, port.name)
        for port in here.ports
        if port.version == version and port.address >> width - port.bits == address >> width - port.bits
    ]
    known += [
        (dest.bits or 0, name)
        for dest, name in here.routes
        if dest.version == version and dest.low <= address <= dest.high
    ]
    return max(known)[1]


def _decided(view: View, direction: str, routed: bool, secclass: int, here: World, rows: Sequence[Row]) -> Leg:
    if direction == OUTBOUND and routed and not here.forwards:
        return Leg(direction, NOT_FORWARDED, DENIED)
    if view.version not in here.filtered:
        return Leg(direction, UNFILTERED, PERMITTED)
    for each in rows:
        last = each.name == "SYSDEFAULTDENYRULE" and each.version == view.version
        if last and not routed and discovers(view):
            return Leg(direction, DISCOVERY, PERMITTED)
        if matches(each, view, direction, routed, secclass):
            return Leg(direction, each, PERMITTED if each.action == "Permit" else DENIED)
    raise AssertionError("no row matches, not even the implicit denies")


def discovers(view: View) -> bool:
    """ICMPv6 that the stack itself needs. (2.4.2, a simulator choice)"""
    ends = (view.source, view.dest)
    near = any(end >> 118 == LINK_LOCAL or end >> 120 == MULTICAST for end in ends)
    return view.version == 6 and view.protocol == 58 and view.type in range(133, 138) and near


def matches(each: Row, view: View, direction: str, routed: bool, secclass: int) -> bool:
    """Whether a filter matches. (6.3)"""
    if each.version != view.version or each.direction != direction:
        return False
    if not each.source.low <= view.source <= each.source.high:
        return False
    if not each.dest.low <= view.dest <= each.dest.high:
        return False
    if each.protocol == OPAQUE:
        if not view.opaque:
            return False
    elif each.protocol is not None and view.protocol != each.protocol:
        return False
    for span, value in (
        (each.source_port, view.source_port), (each.dest_port, view.dest_port),
        (each.type, view.type), (each.code, view.code),
    ):  # fmt: skip
        if span is not None and (value is None or not span[0] <= value <= span[1]):
            return False  # what is indeterminate matches no filter that names it (6.6)
    if each.connect == "InboundConnect" and direction == OUTBOUND and view.request:
        return False  # the local side must not open (6.5)
    if each.connect == "OutboundConnect" and direction == INBOUND and view.request:
        return False  # nor accept
    if each.scope == ("Local" if routed else "Routed"):
        return False
    if each.secclass not in (0, secclass):
        return False
    return view.fragment or not each.fragments


def logs(each: Row) -> bool:
    """Whether a filter asks for a record of what it decided: without tunnels IpSec always denies."""
    return each.logging == "All" or (each.logging == "Deny" and each.action != "Permit")
