"""The statements of a TCPIP profile as records, and how each is written.

`str(statement)` is the canonical form: IBM's full spelling in capitals, one parameter or list entry a line, nothing
beyond column 72. What was coded is written; what was left out, and an option of an IPSECRULE at its default, is not.
Comments are gone. Reading the canonical form gives equal statements apart from their places: `where` is that of a
statement or entry, `places` those of the words in it that a complaint may be about.

Source: z/OS Communications Server IP Configuration Reference (halz001), one topic per statement.
"""

import textwrap
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from zsim import addresses
from zsim.addresses import AddressRange
from zsim.findings import Where

Places = dict[str, Where]

WIDTH = 72  # a record of a fixed 80 data set may carry sequence numbers behind it
INDENT = "    "
DEFAULT_SECCLASS = 255  # of an interface without SECCLASS (ipseci; seed netstat)
ANY_SECCLASS = 0  # in a rule

# Protocols with a name in IPSECRULE (4) and IPSEC6RULE (6). (ipsecstatement 2.4)
PROTOCOL_NAMES = {
    4: {1: "ICMP", 6: "TCP", 17: "UDP", 89: "OSPF"},
    6: {6: "TCP", 17: "UDP", 58: "ICMPV6", 89: "OSPF"},
}


def _lines(*words: str, indent: str = INDENT) -> str:
    """Words filled into lines; those after the first stand further in. Words stay whole."""
    return textwrap.fill(
        " ".join(words), WIDTH, initial_indent=indent, subsequent_indent=indent + INDENT,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _block(head: str, entries: Iterable[str], end: str = "") -> str:
    return "\n".join([head, *entries, *([end] if end else [])])


def _coded(parameters: Mapping[str, tuple[str, ...]]) -> Iterable[str]:
    return (_lines(name, *words) for name, words in parameters.items())


class IpConfig(NamedTuple):
    """IPCONFIG (version 4) or IPCONFIG6 (version 6). A parameter that was not coded is absent."""

    version: int
    parameters: dict[str, tuple[str, ...]]
    where: Where
    places: Places

    @property
    def name(self) -> str:
        return "IPCONFIG6" if self.version == 6 else "IPCONFIG"

    def __str__(self) -> str:
        return _block(self.name, _coded(self.parameters))


class Settings(NamedTuple):
    """GLOBALCONFIG or NETMONITOR: kept for reports, no filter depends on them."""

    name: str
    parameters: dict[str, tuple[str, ...]]
    where: Where

    def __str__(self) -> str:
        return _block(self.name, _coded(self.parameters))


class Ports(NamedTuple):
    low: int
    high: int

    def __str__(self) -> str:
        return str(self.low) if self.low == self.high else f"{self.low} {self.high}"


class IpsecRule(NamedTuple):
    """One IPSECRULE or IPSEC6RULE. None stands for `*`; `ordinal` is the n of SYSDEFAULTRULE.n."""

    ordinal: int
    version: int
    source: AddressRange
    dest: AddressRange
    log: bool
    protocol: int | None
    source_port: Ports | None
    dest_port: Ports | None
    type: Ports | None
    code: Ports | None
    routing: str  # LOCAL, ROUTED, EITHER
    fragments_only: bool
    secclass: int
    direction: str  # BIDIRECTIONAL, INBOUND, OUTBOUND
    connect: str | None  # INBCONNECT, OUTBCONNECT
    where: Where
    places: Places

    def __str__(self) -> str:
        protocol = self.protocol
        options = (
            ("LOG", "" if self.log else None),
            ("PROTOCOL", None if protocol is None else PROTOCOL_NAMES[self.version].get(protocol, protocol)),
            ("SRCPORT", self.source_port),
            ("DESTPORT", self.dest_port),
            ("TYPE", self.type),
            ("CODE", self.code),
            ("ROUTING", None if self.routing == "LOCAL" else self.routing),
            ("FRAGMENTSONLY", "" if self.fragments_only else None),
            ("SECCLASS", self.secclass or None),
            ("DIRECTION", self.direction if self.connect or self.direction != "BIDIRECTIONAL" else None),
            (self.connect or "", "" if self.connect else None),
        )
        coded = (f"{name} {value}".rstrip() for name, value in options if value is not None)
        name = "IPSEC6RULE" if self.version == 6 else "IPSECRULE"
        return _lines(name, _end(self.source), _end(self.dest), *coded)


def _end(end: AddressRange) -> str:
    """`*`, an address, a prefix, or a range with blanks around its dash."""
    if end.everything:
        return "*"
    return str(end).replace("-", " - ")


class Ipsec(NamedTuple):
    """One IPSEC ... ENDIPSEC block: the default filter policy."""

    dvipsec: bool
    logenable: bool
    logimplicit: bool
    rules: tuple[IpsecRule, ...]
    where: Where
    dvlocalfltr: bool
    places: Places

    def __str__(self) -> str:
        switches = ("DVIPSEC", self.dvipsec), ("DVLOCALFLTR", self.dvlocalfltr), \
            ("LOGENABLE", self.logenable), ("LOGIMPLICIT", self.logimplicit)  # fmt: skip
        head = " ".join(["IPSEC", *(name for name, on in switches if on)])
        return _block(head, map(str, self.rules), "ENDIPSEC")


class Interface(NamedTuple):
    """INTERFACE name DEFINE type."""

    name: str
    type: str
    parameters: dict[str, tuple[str, ...]]
    where: Where
    places: Places

    def __str__(self) -> str:
        return _block(f"INTERFACE {self.name} DEFINE {self.type}", _coded(self.parameters))


class InterfaceDelete(NamedTuple):
    name: str
    where: Where
    places: Places

    def __str__(self) -> str:
        return f"INTERFACE {self.name} DELETE"


class InterfaceAddress(NamedTuple):
    """INTERFACE name ADDADDR | DELADDR address: a change of the addresses of an IPv6 interface."""

    name: str
    action: str
    address: str
    where: Where
    places: Places

    def __str__(self) -> str:
        return f"INTERFACE {self.name} {self.action} {self.address}"


class Device(NamedTuple):
    name: str
    type: str
    parameters: tuple[str, ...]
    where: Where
    places: Places

    def __str__(self) -> str:
        return _lines("DEVICE", self.name, self.type, *self.parameters, indent="")


class Link(NamedTuple):
    """LINK name type [number] device parameters."""

    name: str
    type: str
    device: str
    parameters: dict[str, tuple[str, ...]]
    where: Where
    number: str  # "", or the link or adapter number some types have
    places: Places

    @property
    def secclass(self) -> int:
        return int(self.parameters.get("SECCLASS", (str(DEFAULT_SECCLASS),))[0])

    def __str__(self) -> str:
        head = " ".join(filter(None, ("LINK", self.name, self.type, self.number, self.device)))
        return _block(head, _coded(self.parameters))


class HomeEntry(NamedTuple):
    version: int
    address: int
    link: str
    where: Where
    places: Places

    def __str__(self) -> str:
        return _lines(addresses.text(self.version, self.address), self.link)


class Home(NamedTuple):
    entries: tuple[HomeEntry, ...]
    where: Where

    def __str__(self) -> str:
        return _block("HOME", map(str, self.entries))


class Route(NamedTuple):
    """dest is every address of the version for DEFAULT and DEFAULT6; next_hop None for a directly attached one (=)."""

    dest: AddressRange
    next_hop: int | None
    link: str
    mtu: str
    options: tuple[str, ...]
    where: Where
    places: Places

    def __str__(self) -> str:
        dest = {4: "DEFAULT", 6: "DEFAULT6"}[self.dest.version] if self.dest.everything else str(self.dest)
        hop = "=" if self.next_hop is None else addresses.text(self.dest.version, self.next_hop)
        return _lines("ROUTE", dest, hop, self.link, "MTU", self.mtu, *self.options)


class Routes(NamedTuple):
    routes: tuple[Route, ...]
    where: Where

    def __str__(self) -> str:
        return _block("BEGINROUTES", map(str, self.routes), "ENDROUTES")


UNRESERVED = "UNRSV"  # stands for the number of every port that no entry names


class PortEntry(NamedTuple):
    """One reservation of PORT or PORTRANGE: ports low to high of one protocol for one user. `user` is a job name
    with wildcards, RESERVED or AUTHPORT. An UNRSV entry has the ports 0 to 0."""

    low: int
    high: int
    protocol: str  # TCP, UDP
    user: str
    options: dict[str, str]  # name -> value, "" for a flag
    ranged: bool  # coded by PORTRANGE
    where: Where

    @property
    def unreserved(self) -> bool:
        return self.low == 0

    @property
    def ports(self) -> str:
        if self.ranged:
            return f"{self.low} {self.high - self.low + 1}"
        return UNRESERVED if self.unreserved else str(self.low)

    def __str__(self) -> str:
        options = (f"{name} {value}".rstrip() for name, value in self.options.items())
        return _lines(self.ports, self.protocol, self.user, *options)


class PortList(NamedTuple):
    """PORT or PORTRANGE; with `delete` the DELETE of one."""

    name: str
    delete: bool
    entries: tuple[PortEntry, ...]
    where: Where

    def __str__(self) -> str:
        return _block(f"DELETE {self.name}" if self.delete else self.name, map(str, self.entries))


class Activation(NamedTuple):
    """START or STOP of a device or interface; done after all other statements of the file."""

    action: str
    name: str
    where: Where
    places: Places

    def __str__(self) -> str:
        return f"{self.action} {self.name}"


class Delete(NamedTuple):
    """DELETE DEVICE or DELETE LINK."""

    kind: str
    name: str
    where: Where
    places: Places

    def __str__(self) -> str:
        return f"DELETE {self.kind} {self.name}"


class NotModelled(NamedTuple):
    """A statement that is kept as it was written. `end` is the END word of a block."""

    name: str
    words: tuple[str, ...]
    where: Where
    end: str = ""

    def __str__(self) -> str:
        return "\n".join(filter(None, (_lines(self.name, *self.words, indent=""), self.end)))


Statement = (
    IpConfig | Settings | Ipsec | Interface | InterfaceDelete | InterfaceAddress | Device | Link | Home | Routes
    | PortList | Activation | Delete | NotModelled
)  # fmt: skip
