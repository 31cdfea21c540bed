"""How the fields of a filter are spelt in `ipsec` reports: 54 labels in order, and how each is shown.

Source: halu101 ipsec report format (labels and order from the short-format heading), verified samples in halz002.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from zsim import addresses
from zsim.addresses import AddressRange
from zsim.clock import SECOND, moment
from zsim.config import policy
from zsim.facts import fact
from zsim.tcpip.filters import DEFENSIVE, FilterRule, Hits

NOT_APPLICABLE = "n/a"


class Shown(NamedTuple):
    """A filter as a report sees it: the rule, its counters, and the set it belongs to."""

    rule: FilterRule
    hits: Hits
    created: int
    updated: int
    stacks: int | None = None  # of a global defensive filter: how many hold a copy of it


class Term(NamedTuple):
    label: str
    short: str  # its name in the heading of the short format
    show: Callable[[Shown], object] | str  # a word is what every filter shows


# Protocol names in reports, by number; other numbers are shown bare (unconfirmed).
PROTOCOLS = {
    1: "ICMP", 2: "IGMP", 4: "IP", 6: "TCP", 17: "UDP", 50: "ESP", 51: "AH", 58: "ICMPv6", 89: "OSPF", 94: "IPIP",
    135: "MIPv6",
}  # fmt: skip
TCP, UDP, OSPF, MIPV6 = 6, 17, 89, 135
ICMPS, PORTED = (1, 58), (TCP, UDP)
TYPED = (1, 58, OSPF, MIPV6)


def protocol(number: int | None) -> str:
    """`ICMP(1)`, `All`, `Opaque`, or the bare number."""
    if number is None:
        return str(fact("report-all"))
    if number == policy.OPAQUE:
        return "Opaque"
    return f"{PROTOCOLS[number]}({number})" if number in PROTOCOLS else str(number)


def _low(span: tuple[int, int] | None, applies: bool) -> str:
    if not applies:
        return NOT_APPLICABLE
    return str(span[0]) if span else str(fact("report-all"))


def _high(span: tuple[int, int] | None) -> str:
    return str(span[1]) if span and span[0] != span[1] else NOT_APPLICABLE


def _address(end: AddressRange) -> str:
    return addresses.text(end.version, end.low)


def _bits(end: AddressRange) -> str:
    return NOT_APPLICABLE if end.bits is None else str(end.bits)


def _upper(end: AddressRange) -> str:
    if end.bits is None and end.low != end.high:
        return addresses.text(end.version, end.high)
    return NOT_APPLICABLE


def _time(at: int) -> str:
    return _moment(at // SECOND, fact("report-time"))


@lru_cache(maxsize=1024)
def _moment(second: int, form: str) -> str:
    return moment(second * SECOND).strftime(form)


def _qualifier(shown: Shown) -> str:
    if shown.rule.service.protocol != TCP:
        return NOT_APPLICABLE
    none, inbound, outbound = fact("report-qualifier")
    return str({None: none, "InboundConnect": inbound, "OutboundConnect": outbound}[shown.rule.service.connect])


def _defensive(shown: Shown) -> bool:
    return shown.rule.layer == DEFENSIVE


def _action(shown: Shown) -> str:
    """IPSec rules show Permit (verify_active); a defensive filter shows its own mode, whatever the stack's is."""
    if _defensive(shown):
        return str(fact("report-defensive-actions")[shown.rule.action == "Simulate"])
    return "Permit" if shown.rule.action == "IpSec" else shown.rule.action


def _of_defence(name: str) -> Callable[[Shown], object]:
    return lambda shown: getattr(shown.rule.defence, name) if shown.rule.defence else NOT_APPLICABLE


def _expires(shown: Shown) -> str:
    return _time(shown.rule.defence.expires) if shown.rule.defence else NOT_APPLICABLE


def _stacks(shown: Shown) -> object:
    return NOT_APPLICABLE if shown.stacks is None else shown.stacks


def _matches(shown: Shown) -> object:
    """The global copy counts nothing. (ipsectgtopt)"""
    return shown.hits.matches if shown.stacks is None else NOT_APPLICABLE


def _of(shown: Shown, protocols: tuple[int, ...]) -> bool:
    return shown.rule.service.protocol in protocols


def _type(protocols: tuple[int, ...]) -> Callable[[Shown], str]:
    return lambda shown: _low(shown.rule.service.type, _of(shown, protocols))


def _scope(shown: Shown) -> str:
    scope = shown.rule.service.scope
    return str(fact("report-scope-both")) if scope == "Both" else scope


TERMS = (
    Term("FilterName", "FilterName", lambda s: s.rule.name),
    Term("FilterNameExtension", "FilterNameExtension", lambda s: s.rule.extension),
    Term("GroupName", "GroupName", lambda s: s.rule.group or NOT_APPLICABLE),
    Term("LocalStartActionName", "LocalStartActionName", lambda s: s.rule.local_start or NOT_APPLICABLE),
    Term("VpnActionName", "VpnActionName", lambda s: s.rule.vpn_action or NOT_APPLICABLE),
    Term("TunnelID", "TunnelID", "0x00"),
    Term("Type", "Type", lambda s: "Defensive" if _defensive(s) else "Generic"),
    Term("DefensiveType", "DefensiveType", _of_defence("type")),
    Term("State", "State", "Active"),
    Term("Action", "Action", _action),
    Term("Scope", "Scope", _scope),
    Term("Direction", "Direction", lambda s: s.rule.direction),
    Term("OnDemand", "OnDemand", lambda s: "No" if s.rule.vpn_action else NOT_APPLICABLE),
    Term("SecurityClass", "SecurityClass", lambda s: s.rule.service.secclass),
    Term("Logging", "Logging", lambda s: s.rule.logging),
    Term("LogLimit", "LogLimit", _of_defence("loglimit")),
    Term("Protocol", "Protocol", lambda s: protocol(s.rule.service.protocol)),
    Term("ICMPType", "ICMPType", _type(ICMPS)),
    Term("ICMPTypeGranularity", "ICMPTypeGran", NOT_APPLICABLE),
    Term("ICMPCode", "ICMPCode", lambda s: _low(s.rule.service.code, _of(s, ICMPS))),
    Term("ICMPCodeGranularity", "ICMPCodeGran", NOT_APPLICABLE),
    Term("OSPFType", "OSPFType", _type((OSPF,))),
    Term("TCPQualifier", "TCPQualifier", _qualifier),
    Term("ProtocolGranularity", "ProtocolGran", NOT_APPLICABLE),
    Term("SourceAddress", "SourceAddress", lambda s: _address(s.rule.source)),
    Term("SourceAddressPrefix", "SourceAddressPrefix", lambda s: _bits(s.rule.source)),
    Term("SourceAddressRange", "SourceAddressRange", lambda s: _upper(s.rule.source)),
    Term("SourceAddressGranularity", "SourceAddressGran", NOT_APPLICABLE),
    Term("SourcePort", "SourcePort", lambda s: _low(s.rule.service.source_port, _of(s, PORTED))),
    Term("SourcePortRange", "SourcePortRange", lambda s: _high(s.rule.service.source_port)),
    Term("SourcePortGranularity", "SourcePortGran", NOT_APPLICABLE),
    Term("DestAddress", "DestAddress", lambda s: _address(s.rule.dest)),
    Term("DestAddressPrefix", "DestAddressPrefix", lambda s: _bits(s.rule.dest)),
    Term("DestAddressRange", "DestAddressRange", lambda s: _upper(s.rule.dest)),
    Term("DestAddressGranularity", "DestAddressGran", NOT_APPLICABLE),
    Term("DestPort", "DestPort", lambda s: _low(s.rule.service.dest_port, _of(s, PORTED))),
    Term("DestPortRange", "DestPortRange", lambda s: _high(s.rule.service.dest_port)),
    Term("DestPortGranularity", "DestPortGran", NOT_APPLICABLE),
    Term("OrigRmtConnPort", "OrigRmtConnPort", NOT_APPLICABLE),
    Term("RmtIDPayload", "RmtIDpayload", NOT_APPLICABLE),
    Term("RmtUdpEncapPort", "RmtUdpEncapPort", NOT_APPLICABLE),
    Term("CreateTime", "CreateTime", lambda s: _time(s.created)),
    Term("UpdateTime", "UpdateTime", lambda s: _time(s.updated)),
    Term("DiscardAction", "DiscardAction", lambda s: s.rule.discard),
    Term("MIPv6Type", "MIPv6Type", _type((MIPV6,))),
    Term("MIPv6TypeGranularity", "MIPv6TypeGran", NOT_APPLICABLE),
    Term("TypeRange", "TypeRange", lambda s: _high(s.rule.service.type) if _of(s, TYPED) else NOT_APPLICABLE),
    Term("CodeRange", "CodeRange", lambda s: _high(s.rule.service.code)),
    Term("RemoteIdentityType", "RemoteIdentityType", NOT_APPLICABLE),
    Term("RemoteIdentity", "RemoteIdentity", NOT_APPLICABLE),
    Term("FragmentsOnly", "FragmentsOnly", lambda s: "Yes" if s.rule.service.fragments_only else "No"),
    Term("FilterMatches", "FilterMatches", _matches),
    Term("LifetimeExpires", "LifetimeExpires", _expires),
    Term("AssociatedStackCount", "AssociatedStackCount", _stacks),
)


LABELS = tuple(term.label for term in TERMS)
_FIXED = [term.show if isinstance(term.show, str) else "" for term in TERMS]
_SHOWS = [(at, term.show) for at, term in enumerate(TERMS) if not isinstance(term.show, str)]


def values(shown: Shown) -> tuple[str, ...]:
    """The 54 fields of one filter, in the order of LABELS."""
    found = _FIXED.copy()
    for at, show in _SHOWS:
        found[at] = str(show(shown))
    return tuple(found)


def row(shown: Shown) -> dict[str, str]:
    """The 54 fields of one filter, by label."""
    return dict(zip(LABELS, values(shown), strict=True))
