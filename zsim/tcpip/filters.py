"""Installed filters: what one is, where it comes from, and what the engine makes of it.

Every filter is one-directional. The default policy of the TCPIP profile and the Policy Agent's policy both end
here as a `FilterSet`, which closes with its implicit denies. `lower` is the only place where z/OS meaning turns
into ranges of header fields.
"""

from collections.abc import Iterator, MutableSequence, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from zsim import addresses, times
from zsim.addresses import AddressRange
from zsim.clock import Offset
from zsim.config import policy, profile
from zsim.facts import fact
from zsim.findings import Where
from zsim.times import TimeCondition

if TYPE_CHECKING:
    from engine import Rule

OUTBOUND, INBOUND = "Outbound", "Inbound"
PROFILE, POLICY, DEFENSIVE = "profile", "policy", "defensive"
SOURCES = {PROFILE: "Stack Profile", POLICY: "Stack Policy"}  # heading field Source (verify_active)
VERSIONS = (4, 6)


class Service(NamedTuple):
    """What a filter tests besides the addresses. None stands for any; protocol OPAQUE for an unknown one."""

    protocol: int | None = None
    source_port: tuple[int, int] | None = None
    dest_port: tuple[int, int] | None = None
    type: tuple[int, int] | None = None
    code: tuple[int, int] | None = None
    connect: str | None = None  # InboundConnect, OutboundConnect
    scope: str = "Local"  # Local, Routed, Both
    secclass: int = 0
    fragments_only: bool = False

    def mirrored(self) -> "Service":
        """Ports exchanged; type and code stay as coded. (halz002 trusted-model sample; ICMP an inference)"""
        return self._replace(source_port=self.dest_port, dest_port=self.source_port)


class Defence(NamedTuple):
    """What only a defensive filter has. Times are ns; it is installed until `expires`."""

    type: str  # Stack, Global
    mode: str  # block, simulate; the stack's mode may turn a block into a simulation
    loglimit: int  # messages in five minutes; 0 for any number
    lifetime: int  # minutes
    created: int
    updated: int
    expires: int
    user: str = ""


class FilterRule(NamedTuple):
    """One installed filter, as `ipsec -f display` shows it."""

    name: str
    extension: int
    layer: str  # PROFILE, POLICY, DEFENSIVE
    version: int
    direction: str  # OUTBOUND, INBOUND; "" for both, in rows of the stack itself
    action: str  # Permit, Deny, IpSec
    logging: str  # All, Permit, Deny, None
    source: AddressRange
    dest: AddressRange
    service: Service
    where: Where
    group: str = ""
    discard: str = "Silent"
    vpn_action: str = ""
    local_start: str = ""
    times: tuple[TimeCondition, ...] = ()  # the rule is installed only while all of them hold
    implicit: bool = False  # a deny that closes the set
    hidden: bool = False  # takes part in matching but is no row of a report
    defence: Defence | None = None  # of layer DEFENSIVE, whose action is Block or Simulate

    @property
    def denies(self) -> bool:
        return self.action == "Deny" or (self.action == "IpSec" and fact("ipsec-without-tunnel") == "Deny")

    @property
    def logs(self) -> bool:
        """Does the filter itself ask for a record of its verdict?"""
        return self.logging == "All" or self.logging == ("Deny" if self.denies else "Permit")


class Hits(NamedTuple):
    """What one filter decided: packets, octets on the wire, and the first and last time (ns) or None."""

    matches: int = 0
    octets: int = 0
    first: int | None = None
    last: int | None = None

    def __add__(self, other: object) -> "Hits":
        assert isinstance(other, Hits)
        times = [time for time in (self.first, self.last, other.first, other.last) if time is not None]
        first, last = (min(times), max(times)) if times else (None, None)
        return Hits(self.matches + other.matches, self.octets + other.octets, first, last)


@dataclass
class FilterSet:
    """The filters of one source in search order, with their counters."""

    layer: str
    filters: Sequence[FilterRule]  # never changed; another list is another set
    created: int  # ns
    logging: bool  # the gate for every record of the set: LOGENABLE or FilterLogging
    predecap: bool = False
    dvipsec: bool = False
    nat_keepalive: int = 0
    fips140: bool = False
    hits: MutableSequence[Hits] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.filters = tuple(self.filters)
        self.hits = self.hits or [Hits()] * len(self.filters)

    @property
    def source(self) -> str:
        return SOURCES[self.layer]

    def active(self, time: int, offset: Offset) -> list[int]:
        """The positions of the filters that are installed at `time`: those without or inside their times."""
        return [
            at
            for at, rule in enumerate(self.filters)
            if not rule.times or all(times.active(each, time, offset) for each in rule.times)
        ]

    @property
    def timed(self) -> bool:
        """Does any filter have a time condition?"""
        return any(rule.times for rule in self.filters)

    def until(self, time: int, offset: Offset) -> int:
        """The first instant after `time` at which `active` may differ, in a set that is timed."""
        return min(times.next_change(each, time, offset) for rule in self.filters for each in rule.times)


# ---- the default policy of the profile -------------------------------------------------------------------------

_SCOPES = {"LOCAL": "Local", "ROUTED": "Routed", "EITHER": "Both"}
_CONNECTS = {None: None, "INBCONNECT": "InboundConnect", "OUTBCONNECT": "OutboundConnect"}


def profile_set(block: profile.Ipsec | None, versions: tuple[int, ...], created: int) -> FilterSet:
    """The default rules: SYSDEFAULTRULE.n pairs, then the deny pair of each family. Without a block, only the
    denies: IPSECURITY with no rules drops everything. (halz002 ipsecurity_modify_default_ip_filter_pol)"""
    nowhere = Where("TCPIP")
    rules = block.rules if block else ()
    where = block.where if block else nowhere
    filters: list[FilterRule] = []
    for version in versions:
        for rule in rules:
            if rule.version == version:
                filters += _from_profile(rule)
        if version == 6:
            filters += _always_permitted(where)
        logged = bool(block and block.logimplicit)
        filters += _profile_denies(version, logged, where)
    logging = bool(block and block.logenable)
    return FilterSet(PROFILE, tuple(filters), created, logging, dvipsec=bool(block and block.dvipsec))


def _from_profile(rule: profile.IpsecRule) -> Iterator[FilterRule]:
    """Extension 1 outbound as coded, 2 inbound with ends exchanged; one filter for a single direction."""
    service = Service(
        rule.protocol, rule.source_port, rule.dest_port, rule.type, rule.code, _CONNECTS[rule.connect],
        _SCOPES[rule.routing], rule.secclass, rule.fragments_only,
    )  # fmt: skip
    coded = FilterRule(
        f"SYSDEFAULTRULE.{rule.ordinal}", fact("profile-single-extension"), PROFILE, rule.version, OUTBOUND, "Permit",
        "All" if rule.log else fact("profile-unlogged-word"), rule.source, rule.dest, service, rule.where,
    )  # fmt: skip
    if rule.direction != "BIDIRECTIONAL":
        yield coded._replace(direction=INBOUND if rule.direction == "INBOUND" else OUTBOUND)
        return
    yield coded._replace(extension=1)
    inbound = mirrored(coded) if fact("profile-inbound-swapped") else coded
    yield inbound._replace(extension=2, direction=INBOUND)


def _profile_denies(version: int, logged: bool, where: Where) -> Iterator[FilterRule]:
    service = Service(scope=fact("profile-deny-scope"))
    everything = addresses.every(version)
    for direction, extension in zip((OUTBOUND, INBOUND), fact("profile-deny-extensions"), strict=True):
        yield FilterRule(
            "SYSDEFAULTDENYRULE", extension, PROFILE, version, direction, "Deny", "All" if logged else "None",
            everything, everything, service, where, implicit=True,
        )  # fmt: skip


def _always_permitted(where: Where) -> Iterator[FilterRule]:
    """ICMPv6 that the stack itself needs, in no report. (a simulator choice)"""
    everything = addresses.every(6)
    service = Service(protocol=58, type=fact("profile-icmpv6-always"), scope="Local")
    for direction in (OUTBOUND, INBOUND):
        for ends in (addresses.prefix("fe80::/10"), addresses.prefix("ff00::/8")):
            for source, dest in ((ends, everything), (everything, ends)):
                yield FilterRule(
                    "(neighbour discovery)", 0, PROFILE, 6, direction, "Permit", "None", source, dest, service, where,
                    implicit=True, hidden=True,
                )  # fmt: skip


# ---- the Policy Agent's policy ---------------------------------------------------------------------------------


class Alternatives(NamedTuple):
    """One IpFilterRule resolved: every alternative of its sources, destinations and services, in coded order."""

    sources: tuple[AddressRange, ...]
    dests: tuple[AddressRange, ...]
    services: tuple[tuple[str, Service], ...]  # (Bidirectional | Inbound | Outbound, service)


_ONE_FAMILY = {1: 4, 58: 6}  # protocols that exist in one IP version (a simulator choice)


def expand(template: FilterRule, rule: Alternatives, versions: tuple[int, ...], first: int = 1) -> Iterator[FilterRule]:
    """The filters of one configured rule: IPv4, then IPv6; source outermost, service innermost; per service
    outbound first; extensions count from `first`. (halz002 pbn_pol_types_ipsec; nesting a simulator choice)"""
    extension = first
    for version in versions:
        for source in (each for each in rule.sources if each.version == version):
            for dest in (each for each in rule.dests if each.version == version):
                for way, service in rule.services:
                    if _ONE_FAMILY.get(service.protocol or 0, version) != version:
                        continue
                    coded = template._replace(version=version, source=source, dest=dest, service=service)
                    if way != "Inbound":
                        yield coded._replace(extension=extension, direction=OUTBOUND)
                        extension += 1
                    if way != "Outbound":
                        half = mirrored(coded) if way == "Bidirectional" else coded
                        yield half._replace(extension=extension, direction=INBOUND)
                        extension += 1


def mirrored(rule: FilterRule) -> FilterRule:
    """The same filter for the way back: ends and ports exchanged."""
    return rule._replace(source=rule.dest, dest=rule.source, service=rule.service.mirrored())


def policy_denies(versions: tuple[int, ...], discard: str, logged: bool, where: Where) -> Iterator[FilterRule]:
    """The implicit denies that close the policy set."""
    names = {OUTBOUND: fact("policy-deny-outbound"), INBOUND: fact("policy-deny-inbound")}
    for version in versions:
        everything = addresses.every(version)
        for direction in (OUTBOUND, INBOUND):
            yield FilterRule(
                names[direction], fact("policy-deny-extension"), POLICY, version, direction, "Deny",
                "All" if logged and fact("policy-deny-logged") else "None", everything, everything,
                Service(scope="Both"), where, discard=discard, implicit=True,
            )  # fmt: skip


# ---- meaning ---------------------------------------------------------------------------------------------------


def lower(rule: FilterRule, number: int) -> "Rule":
    """The rule as ranges of header fields. A selector the packet does not show matches no test of it, so a filter
    that names ports never takes a later fragment. (halz002 ipsecurity_routed_traffic_frag_pckts)"""
    from engine.rules import Rule, Test

    service = rule.service
    inbound = rule.direction == INBOUND
    tests = [Test("version", rule.version, rule.version)]
    if rule.direction:
        tests.append(Test("direction", *(2 * (0 if inbound else 1,))))
    for end, name in ((rule.source, "src_addr"), (rule.dest, "dst_addr")):
        if not end.everything:
            tests.append(Test(name, end.low, end.high))
    if service.protocol == policy.OPAQUE:
        tests.append(Test("opaque", 1, 1))
    elif service.protocol is not None:
        tests.append(Test("proto", service.protocol, service.protocol))
    for span, name in (
        (service.source_port, "src_port"), (service.dest_port, "dst_port"),
        (service.type, "type"), (service.code, "code"),
    ):  # fmt: skip
        if span is not None:
            tests.append(Test(name, span[0], span[1]))
    if service.connect == ("OutboundConnect" if inbound else "InboundConnect"):
        tests.append(Test("connect", 0, 0))
    if service.scope != "Both":
        tests.append(Test("routed", *(2 * (0 if service.scope == "Local" else 1,))))
    if service.secclass:
        tests.append(Test("zone", service.secclass, service.secclass))
    if service.fragments_only:
        tests.append(Test("fragment", 1, 1))
    return Rule(number, tuple(tests))
