"""How the fields of a filter are spelt in `ipsec` reports: 54 labels in order, and how each is shown.

Source: halu101 ipsec report format (labels and order from the short-format heading), verified samples in halz002.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import lru_cache
from operator import itemgetter
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
    """One field. A word in `show` is what every filter shows; `by` is the row of PARTS on which alone it depends."""

    label: str
    short: str  # its name in the heading of the short format
    show: Callable[[Shown], object] | str
    by: str = ""


# Parts of a filter that many have in common: their fields are worked out once for each.
PARTS: dict[str, Callable[[Shown], Hashable]] = {
    "source": lambda s: s.rule.source,
    "dest": lambda s: s.rule.dest,
    "ports": lambda s: s.rule.service[:3],
    "kind": lambda s: (s.rule.service.protocol, *s.rule.service[3:]),
    "rest": lambda s: (*s.rule[2:3], *s.rule[4:7], *s.rule[11:15], s.rule.defence, s.created, s.updated),
}


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
    Term("GroupName", "GroupName", lambda s: s.rule.group or NOT_APPLICABLE, "rest"),
    Term("LocalStartActionName", "LocalStartActionName", lambda s: s.rule.local_start or NOT_APPLICABLE, "rest"),
    Term("VpnActionName", "VpnActionName", lambda s: s.rule.vpn_action or NOT_APPLICABLE, "rest"),
    Term("TunnelID", "TunnelID", "0x00"),
    Term("Type", "Type", lambda s: "Defensive" if _defensive(s) else "Generic", "rest"),
    Term("DefensiveType", "DefensiveType", _of_defence("type"), "rest"),
    Term("State", "State", "Active"),
    Term("Action", "Action", _action, "rest"),
    Term("Scope", "Scope", _scope, "kind"),
    Term("Direction", "Direction", lambda s: s.rule.direction, "rest"),
    Term("OnDemand", "OnDemand", lambda s: "No" if s.rule.vpn_action else NOT_APPLICABLE, "rest"),
    Term("SecurityClass", "SecurityClass", lambda s: s.rule.service.secclass, "kind"),
    Term("Logging", "Logging", lambda s: s.rule.logging, "rest"),
    Term("LogLimit", "LogLimit", _of_defence("loglimit"), "rest"),
    Term("Protocol", "Protocol", lambda s: protocol(s.rule.service.protocol), "kind"),
    Term("ICMPType", "ICMPType", _type(ICMPS), "kind"),
    Term("ICMPTypeGranularity", "ICMPTypeGran", NOT_APPLICABLE),
    Term("ICMPCode", "ICMPCode", lambda s: _low(s.rule.service.code, _of(s, ICMPS)), "kind"),
    Term("ICMPCodeGranularity", "ICMPCodeGran", NOT_APPLICABLE),
    Term("OSPFType", "OSPFType", _type((OSPF,)), "kind"),
    Term("TCPQualifier", "TCPQualifier", _qualifier, "kind"),
    Term("ProtocolGranularity", "ProtocolGran", NOT_APPLICABLE),
    Term("SourceAddress", "SourceAddress", lambda s: _address(s.rule.source), "source"),
    Term("SourceAddressPrefix", "SourceAddressPrefix", lambda s: _bits(s.rule.source), "source"),
    Term("SourceAddressRange", "SourceAddressRange", lambda s: _upper(s.rule.source), "source"),
    Term("SourceAddressGranularity", "SourceAddressGran", NOT_APPLICABLE),
    Term("SourcePort", "SourcePort", lambda s: _low(s.rule.service.source_port, _of(s, PORTED)), "ports"),
    Term("SourcePortRange", "SourcePortRange", lambda s: _high(s.rule.service.source_port), "ports"),
    Term("SourcePortGranularity", "SourcePortGran", NOT_APPLICABLE),
    Term("DestAddress", "DestAddress", lambda s: _address(s.rule.dest), "dest"),
    Term("DestAddressPrefix", "DestAddressPrefix", lambda s: _bits(s.rule.dest), "dest"),
    Term("DestAddressRange", "DestAddressRange", lambda s: _upper(s.rule.dest), "dest"),
    Term("DestAddressGranularity", "DestAddressGran", NOT_APPLICABLE),
    Term("DestPort", "DestPort", lambda s: _low(s.rule.service.dest_port, _of(s, PORTED)), "ports"),
    Term("DestPortRange", "DestPortRange", lambda s: _high(s.rule.service.dest_port), "ports"),
    Term("DestPortGranularity", "DestPortGran", NOT_APPLICABLE),
    Term("OrigRmtConnPort", "OrigRmtConnPort", NOT_APPLICABLE),
    Term("RmtIDPayload", "RmtIDpayload", NOT_APPLICABLE),
    Term("RmtUdpEncapPort", "RmtUdpEncapPort", NOT_APPLICABLE),
    Term("CreateTime", "CreateTime", lambda s: _time(s.created), "rest"),
    Term("UpdateTime", "UpdateTime", lambda s: _time(s.updated), "rest"),
    Term("DiscardAction", "DiscardAction", lambda s: s.rule.discard, "rest"),
    Term("MIPv6Type", "MIPv6Type", _type((MIPV6,)), "kind"),
    Term("MIPv6TypeGranularity", "MIPv6TypeGran", NOT_APPLICABLE),
    Term("TypeRange", "TypeRange", lambda s: _high(s.rule.service.type) if _of(s, TYPED) else NOT_APPLICABLE, "kind"),
    Term("CodeRange", "CodeRange", lambda s: _high(s.rule.service.code), "kind"),
    Term("RemoteIdentityType", "RemoteIdentityType", NOT_APPLICABLE),
    Term("RemoteIdentity", "RemoteIdentity", NOT_APPLICABLE),
    Term("FragmentsOnly", "FragmentsOnly", lambda s: "Yes" if s.rule.service.fragments_only else "No", "kind"),
    Term("FilterMatches", "FilterMatches", _matches),
    Term("LifetimeExpires", "LifetimeExpires", _expires, "rest"),
    Term("AssociatedStackCount", "AssociatedStackCount", _stacks),
)


LABELS = tuple(term.label for term in TERMS)


def _shows(by: str) -> list[Callable[[Shown], object]]:
    return [term.show for term in TERMS if term.by == by and not isinstance(term.show, str)]


_FIXED = [term.show for term in TERMS if isinstance(term.show, str)]
# The values come part by part; this puts them in order.
_COMING = [term.label for by in ("", *PARTS) for term in TERMS if term.by == by and not isinstance(term.show, str)]
_COMING += [term.label for term in TERMS if isinstance(term.show, str)]
_IN_ORDER = itemgetter(*map(_COMING.index, LABELS))


def showing() -> Callable[[Shown], tuple[str, ...]]:
    """What gives the 54 fields of a filter, in the order of LABELS, for the filters of one report."""
    own = _shows("")
    parts = [(key, _shows(by), dict[Hashable, list[str]]()) for by, key in PARTS.items()]

    def values(shown: Shown) -> tuple[str, ...]:
        found = [str(show(shown)) for show in own]
        for key, shows, known in parts:
            part = key(shown)
            texts = known.get(part)
            if texts is None:
                texts = known[part] = [str(show(shown)) for show in shows]
            found += texts
        ordered: tuple[str, ...] = _IN_ORDER(found + _FIXED)
        return ordered

    return values


def row(shown: Shown) -> dict[str, str]:
    """The 54 fields of one filter, by label."""
    return dict(zip(LABELS, showing()(shown), strict=True))
