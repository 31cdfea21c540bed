"""The reports of `ipsec`: headings, the three formats, and which filters a report has.

Columns of the heading verified on the samples (ipsechd, verify_action); the lines of the short format in ipsecrptfmt.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from zsim import addresses
from zsim.addresses import AddressRange
from zsim.clock import Offset
from zsim.facts import fact
from zsim.findings import number
from zsim.report import Report, Section, Table
from zsim.tcpip import defensive, terms
from zsim.tcpip.defensive import CODED, PORTED, TYPED, Installed, grouped
from zsim.tcpip.filters import INBOUND, OUTBOUND, FilterRule, FilterSet
from zsim.tcpip.stack import Stack

Head = dict[str, object]
Rows = Sequence[Mapping[str, str]]

HEADING = """\

CS {release} ipsec  {label}: {stack}  {time}
Primary:  {primary:<16}Function: {function:<19}Format:   {format}
Source:   {source:<16}Scope:    {scope:<19}TotAvail: {available}
"""
STACK_HEADING = """\
Logging:  {logging:<16}Predecap: {predecap:<19}DVIPSec:  {dvipsec}
NatKeepAlive:  {keepalive:<11}FIPS140:  {fips}
Defensive Mode: {mode}
"""
TEST_HEADING = """\
TestData: {data}
Defensive Mode: {mode}
"""
EXCLUSION = "Exclusion Address: {address}\n"
STARS = "*" * 71 + "\n"
FOOTER = "\n{footer}\n"

# The lines of an entry in the short format, by detail label; the first stands in the column of the name.
SHORT = (
    "FilterName FilterNameExtension",
    "GroupName",
    "LocalStartActionName",
    "VpnActionName",
    "TunnelID",
    "Type DefensiveType State Action Scope Direction OnDemand",
    "SecurityClass Logging LogLimit",
    "Protocol ICMPType ICMPTypeGranularity ICMPCode ICMPCodeGranularity",
    "OSPFType TCPQualifier ProtocolGranularity",
    "SourceAddress",
    "SourceAddressPrefix",
    "SourceAddressRange",
    "SourceAddressGranularity",
    "SourcePort SourcePortRange SourcePortGranularity",
    "DestAddress",
    "DestAddressPrefix",
    "DestAddressRange",
    "DestAddressGranularity",
    "DestPort DestPortRange DestPortGranularity",
    "OrigRmtConnPort RmtIDPayload RmtUdpEncapPort",
    "CreateTime UpdateTime",
    "DiscardAction MIPv6Type MIPv6TypeGranularity TypeRange CodeRange",
    "RemoteIdentityType RemoteIdentity",
    "FragmentsOnly FilterMatches LifetimeExpires AssociatedStackCount",
)
_SHORT_NAMES = {term.label: term.short for term in terms.TERMS}
INTERFACE_LABELS = ("InterfaceName", "InterfaceAddress", "SecurityClass", "DVIPA")  # unconfirmed (ipseci)


def detail(labels: Iterable[str]) -> str:
    """A field a line, values in column 31, 71 asterisks below."""
    return "".join(f"{label + ':':<30}{{{label}}}\n" for label in labels) + STARS


def short(lines: Sequence[str]) -> str:
    """The name, then groups of fields, each line behind a bar."""
    column = fact("report-short-column") - 1
    (name, *first), *rest = (line.split() for line in lines)
    text = f"{{{name}:<{column}}}" + "".join(f"|{{{each}}}" for each in first) + "\n"
    for line in rest:
        text += " " * column + "".join(f"|{{{each}}}" for each in line) + "\n"
    return text


def wide(labels: Iterable[str]) -> str:
    return "|".join(f"{{{label}}}" for label in labels) + "\n"


def _body(labels: Sequence[str], lines: Sequence[str], rows: Rows, format: str) -> tuple[Section, ...]:
    """The entries in a format; short and wide name the fields first. (ipsecrptfmt; wide unconfirmed)"""
    if format == "detail":
        return Section("", "\n", ({},) if rows else ()), Section("filters", detail(labels), rows)
    layout = short(lines) if format == "short" else wide(labels)
    names = {label: _SHORT_NAMES.get(label, label) for label in labels}
    return Section("", "\n" + layout, (names,)), Section("filters", layout, rows)


def _footer(rows: Rows) -> Section:
    return Section("footer", FOOTER, ({"footer": fact("report-footer").format(count=len(rows)), "count": len(rows)},))


def filters(head: Head, heading: str, exclude: Iterable[AddressRange], rows: Rows, format: str) -> Report:
    """A report of filters: heading, entries, selection count."""
    excluded = tuple({"address": str(each)} for each in exclude)
    return Report((
        Section("heading", HEADING + heading, (head,)),
        Section("exclusions" if excluded else "", EXCLUSION, excluded),
        *_body(terms.LABELS, SHORT, rows, format),
        _footer(rows),
    ))  # fmt: skip


def plain(head: Head, rows: Rows, format: str, name: str) -> Report:
    """A report of something else: interfaces, or tunnels, of which there are none."""
    body = _body(INTERFACE_LABELS, (" ".join(INTERFACE_LABELS),), rows, format if rows else "detail")
    named = tuple(each._replace(name=name) if each.name else each for each in body)
    return Report((Section("heading", HEADING, (head,)), *named, _footer(rows)))


def settings(stack: Stack, chosen: FilterSet | None) -> Head:
    """The heading's lines 4 to 6."""
    shown = chosen or stack.in_force
    assert shown is not None
    return {
        "logging": "On" if shown.logging else fact("report-logging-off"),
        "predecap": "On" if shown.predecap else "Off",
        "dvipsec": "Yes" if stack.default is not None and stack.default.dvipsec else "No",
        "keepalive": shown.nat_keepalive, "fips": "Yes" if shown.fips140 else "No", "mode": stack.defensive_mode,
    }  # fmt: skip


# ---- which filters --------------------------------------------------------------------------------------------


def installed(chosen: FilterSet | None, now: int, offset: Offset) -> Iterator[terms.Shown]:
    """What is installed now: rules outside their time are not. (ipfdisplay)"""
    if chosen is None:
        return
    filters, hits = list(chosen.filters), list(chosen.hits)
    for at in chosen.active(now, offset):
        if not filters[at].hidden:
            yield terms.Shown(filters[at], hits[at], chosen.created, chosen.created)


def defended(filters: Sequence[Installed]) -> Iterator[terms.Shown]:
    """The defensive filters of a stack, IPv4 inbound, IPv4 outbound, IPv6 inbound, IPv6 outbound."""
    for each in grouped(filters):
        yield terms.Shown(each.rule, each.hits, each.defence.created, each.defence.updated)


def everywhere(filters: Sequence[Installed], stacks: Mapping[str, Stack]) -> Iterator[terms.Shown]:
    """The global filters, each with the number of stacks that hold a copy."""
    for each in grouped(filters):
        holders = sum(
            any(copy.key == each.key and copy.defence.type == defensive.GLOBAL for copy in stack.defensive.filters)
            for stack in stacks.values()
        )
        yield terms.Shown(each.rule, each.hits, each.defence.created, each.defence.updated, holders)


def rows(shown: Iterable[terms.Shown], names: Sequence[str] = (), groups: Sequence[str] = ()) -> Rows:
    """The fields of those that -n (or -N) and -g select."""
    values = terms.showing()
    chosen = [
        values(each)
        for each in shown
        if (not names or each.rule.name in names) and (not groups or each.rule.group in groups)
    ]
    return Table(terms.LABELS, chosen)


def interfaces(stack: Stack) -> Iterator[dict[str, str]]:
    """-i: each home address with its interface's security class. Dynamic VIPAs are not modelled."""
    for home in stack.interfaces.home:
        attachment = stack.interfaces.attachments.get(home.interface)
        if attachment is not None and attachment.type != "LOOPBACK":
            values = home.interface, str(home), str(attachment.secclass), "No"
            yield dict(zip(INTERFACE_LABELS, values, strict=True))


# ---- the traffic test -----------------------------------------------------------------------------------------


class Traffic(NamedTuple):
    """What -t describes. None is any."""

    version: int
    source: int
    dest: int
    protocol: int | None
    selectors: dict[str, int]  # Service field -> value
    direction: str
    secclass: int


# Selectors behind the protocol. (verify_action for ports; the others unconfirmed)
SELECTORS = {
    **dict.fromkeys(PORTED, ("source_port", "dest_port")),
    **dict.fromkeys(TYPED, ("type",)),
    **dict.fromkeys(CODED, ("type", "code")),
}
WAYS = {"in": INBOUND, "inbound": INBOUND, "out": OUTBOUND, "outbound": OUTBOUND}


def traffic(words: Sequence[str]) -> Traffic:
    """srcip destip prot [selectors] in|out [secclass]; a port 0 is any, and so is class 0. Raises ValueError."""
    way = next((at for at, word in enumerate(words) if at > 2 and word.lower() in WAYS), None)
    if way is None or len(words) > way + 2:
        raise ValueError("srcip destip prot, ports or type, in or out and a security class are expected in this order")
    (version, source), (other, dest) = addresses.address(words[0]), addresses.address(words[1])
    if version != other:
        raise ValueError("source and destination are not of one IP version")
    protocol = defensive.protocol(words[2])
    names = SELECTORS.get(protocol or -1, ())
    given = words[3:way]
    if len(given) not in (0, len(names)) and list(given) != ["0", "0"]:
        wanted = " and ".join(each.replace("_", " ") for each in names) or "nothing"
        raise ValueError(f"{wanted} is expected between {words[2]} and {words[way]}, not {' '.join(given)}")
    most = {"source_port": 65535, "dest_port": 65535}
    values = {name: number(word, 0, most.get(name, 255)) for name, word in zip(names, given, strict=False)}
    selectors = {name: value for name, value in values.items() if value or name not in most}
    secclass = number(words[way + 1], 0, 255) if len(words) > way + 1 else 0
    return Traffic(version, source, dest, protocol, selectors, WAYS[words[way].lower()], secclass)


def meets(rule: FilterRule, wanted: Traffic) -> bool:
    """Whether the filter matches such traffic. Routing and fragments are not described, so they are not tested."""
    service = rule.service
    if (rule.version, rule.direction) != (wanted.version, wanted.direction):
        return False
    if not (rule.source.low <= wanted.source <= rule.source.high and rule.dest.low <= wanted.dest <= rule.dest.high):
        return False
    if service.protocol is not None and wanted.protocol not in (None, service.protocol):
        return False
    if service.secclass and wanted.secclass not in (0, service.secclass):
        return False
    for name, value in wanted.selectors.items():
        span = getattr(service, name)
        if span is not None and not span[0] <= value <= span[1]:
            return False
    return True
