"""Devices, links, interfaces, the home list and the static routes of one stack.

Everything that changes them is in this file. DEVICE and LINK are the older spelling of what INTERFACE says in one
statement; both end as an `Attachment`, which is what packets cross.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from zsim import addresses
from zsim.addresses import WIDTH, AddressRange
from zsim.config import profile
from zsim.findings import Finding, did_you_mean, finding

DEFAULT_SECCLASS = 255  # of an interface without SECCLASS (ipseci; seed netstat)


@dataclass
class Attachment:
    """One INTERFACE or LINK. `device` is the DEVICE of a LINK; START and STOP name the device then."""

    name: str
    type: str
    version: int
    secclass: int = DEFAULT_SECCLASS
    device: str = ""
    subnets: tuple[AddressRange, ...] = ()
    started: bool = False


class HomeAddress(NamedTuple):
    version: int
    address: int
    interface: str

    def __str__(self) -> str:
        return addresses.text(self.version, self.address)


@dataclass
class Interfaces:
    devices: dict[str, bool] = field(default_factory=dict)  # name -> started
    attachments: dict[str, Attachment] = field(default_factory=dict)
    home: list[HomeAddress] = field(default_factory=list)
    routes: list[profile.Route] = field(default_factory=list)

    def secclass(self, name: str) -> int:
        return self.attachments[name].secclass if name in self.attachments else DEFAULT_SECCLASS

    def address_of(self, name: str, version: int) -> int:
        """The first home address of an interface, 0 if it has none of that version."""
        return next((home.address for home in self.home if home.interface == name and home.version == version), 0)


LOOPBACKS = (HomeAddress(4, 0x7F000001, "LOOPBACK"), HomeAddress(6, 1, "LOOPBACK6"))  # predefined


def predefined() -> Interfaces:
    """What every stack has before its profile is read."""
    here = Interfaces(home=list(LOOPBACKS))
    for loop in LOOPBACKS:
        here.attachments[loop.interface] = Attachment(loop.interface, "LOOPBACK", loop.version, started=True)
    return here


def apply(here: Interfaces, statements: tuple[profile.Statement, ...]) -> list[Finding]:
    """Apply one file's statements in order, START and STOP last. The first HOME and the first BEGINROUTES of a file
    replace what its predecessors set, later ones add. (halz001 homestatement, startstatement; rtg)"""
    findings: list[Finding] = []
    seen: set[type] = set()
    for statement in statements:
        first = type(statement) not in seen
        seen.add(type(statement))
        if isinstance(statement, profile.Device):
            findings += _device(here, statement)
        elif isinstance(statement, profile.Link):
            findings += _link(here, statement)
        elif isinstance(statement, profile.Interface):
            findings += _interface(here, statement)
        elif isinstance(statement, profile.InterfaceDelete):
            findings += _interface_delete(here, statement)
        elif isinstance(statement, profile.Home):
            findings += _home(here, statement, first)
        elif isinstance(statement, profile.Routes):
            findings += _routes(here, statement, first)
        elif isinstance(statement, profile.Delete):
            findings += _delete(here, statement)
    for statement in statements:
        if isinstance(statement, profile.Activation):
            findings += activate(here, statement)
    return findings


def _device(here: Interfaces, statement: profile.Device) -> list[Finding]:
    if statement.name in here.devices:
        return [finding("conflict", statement.where, text=f"DEVICE {statement.name} is already defined",
                        hint="DELETE it first")]  # fmt: skip
    here.devices[statement.name] = False
    return []


def _link(here: Interfaces, statement: profile.Link) -> list[Finding]:
    if statement.device not in here.devices:
        hint = did_you_mean(statement.device, here.devices, "define the DEVICE before its LINK")
        return [finding("undefined-name", statement.where, name=statement.device, kind="a DEVICE", hint=hint)]
    if statement.name in here.attachments:
        return [finding("conflict", statement.where, text=f"LINK {statement.name} is already defined",
                        hint="DELETE it first")]  # fmt: skip
    here.attachments[statement.name] = Attachment(
        statement.name, statement.type, 4, statement.secclass, statement.device
    )
    return []


def _interface(here: Interfaces, statement: profile.Interface) -> list[Finding]:
    if statement.name in here.attachments:
        return [finding("conflict", statement.where, text=f"INTERFACE {statement.name} is already defined",
                        hint="INTERFACE ... DELETE it first")]  # fmt: skip
    version = profile.INTERFACE_TYPES[statement.type]
    words = statement.parameters.get("IPADDR", ()) + statement.parameters.get("ADDADDR", ())
    subnets = tuple(addresses.prefix(word) for word in words if "/" in word)
    secclass = int(statement.parameters.get("SECCLASS", (str(DEFAULT_SECCLASS),))[0])
    here.attachments[statement.name] = Attachment(
        statement.name, statement.type, version, secclass, subnets=tuple(s for s in subnets if s.bits)
    )
    for word in words:
        here.home.append(HomeAddress(version, addresses.address(word.partition("/")[0])[1], statement.name))
    return []


def _interface_delete(here: Interfaces, statement: profile.InterfaceDelete) -> list[Finding]:
    """Removes a stopped interface."""
    attachment = here.attachments.get(statement.name)
    if attachment is None or attachment.device:
        hint = did_you_mean(statement.name, here.attachments, "see the INTERFACE statements")
        return [finding("undefined-name", statement.where, name=statement.name, kind="an INTERFACE", hint=hint)]
    if attachment.started:
        return [
            finding("conflict", statement.where, text=f"INTERFACE {statement.name} is started", hint="STOP it first")
        ]
    del here.attachments[statement.name]
    here.home = [home for home in here.home if home.interface != statement.name]
    return []


def _home(here: Interfaces, statement: profile.Home, first: bool) -> list[Finding]:
    findings: list[Finding] = []
    if first:
        here.home = [home for home in here.home if not _from_home_statement(here, home)]
    for entry in statement.entries:
        attachment = here.attachments.get(entry.link)
        if attachment is None or not (attachment.device or entry.link == "LOOPBACK"):
            links = [name for name, known in here.attachments.items() if known.device]
            hint = did_you_mean(entry.link, links, "HOME takes LINK names; an INTERFACE carries its own IPADDR")
            findings.append(finding("undefined-name", entry.where, name=entry.link, kind="a LINK", hint=hint))
        else:
            here.home.append(HomeAddress(entry.version, entry.address, entry.link))
    return findings


def _from_home_statement(here: Interfaces, home: HomeAddress) -> bool:
    attachment = here.attachments.get(home.interface)
    return attachment is not None and bool(attachment.device)


def _routes(here: Interfaces, statement: profile.Routes, first: bool) -> list[Finding]:
    findings: list[Finding] = []
    if first:
        here.routes = []
    for route in statement.routes:
        if route.link not in here.attachments:
            hint = did_you_mean(route.link, here.attachments, "define the LINK or INTERFACE before BEGINROUTES")
            findings.append(
                finding("undefined-name", route.where, name=route.link, kind="a LINK or INTERFACE", hint=hint)
            )
        else:
            here.routes.append(route)
    return findings


def _delete(here: Interfaces, statement: profile.Delete) -> list[Finding]:
    """LINK needs a stopped device and no HOME entry, DEVICE no link: a simulator choice, from the seed's steps."""
    name, where = statement.name, statement.where
    if statement.kind == "LINK":
        attachment = here.attachments.get(name)
        if attachment is None or not attachment.device:
            return [finding("undefined-name", where, name=name, kind="a LINK", hint="see the LINK statements")]
        if any(home.interface == name for home in here.home):
            return [
                finding("conflict", where, text=f"LINK {name} has a HOME entry", hint="replace the HOME list first")
            ]
        if here.devices[attachment.device]:
            return [finding("conflict", where, text=f"device {attachment.device} is started", hint="STOP it first")]
        del here.attachments[name]
        return []
    if name not in here.devices:
        return [finding("undefined-name", where, name=name, kind="a DEVICE", hint="see the DEVICE statements")]
    link = next((known.name for known in here.attachments.values() if known.device == name), None)
    if link:
        hint = "DELETE the link in an OBEYFILE of its own first"
        return [finding("conflict", where, text=f"DEVICE {name} still has LINK {link}", hint=hint)]
    del here.devices[name]
    return []


def activate(here: Interfaces, statement: profile.Activation) -> list[Finding]:
    """START or STOP: of a DEVICE/LINK pair the DEVICE is named, else the INTERFACE. (startstatement; seed)"""
    started = statement.action == "START"
    if statement.name in here.devices:
        here.devices[statement.name] = started
        for attachment in here.attachments.values():
            if attachment.device == statement.name:
                attachment.started = started
        return []
    found = here.attachments.get(statement.name)
    if found is None or found.device:
        names = (*here.devices, *(name for name, known in here.attachments.items() if not known.device))
        why = f"it is a LINK: name its DEVICE {found.device}" if found else did_you_mean(statement.name, names, "")
        return [finding("undefined-name", statement.where, name=statement.name, kind="a DEVICE or INTERFACE",
                        hint=why or "define it first")]  # fmt: skip
    found.started = started
    return []


def destinations(here: Interfaces) -> Iterator[tuple[AddressRange, str]]:
    """Every route: the static ones, and the subnet of each interface."""
    for attachment in here.attachments.values():
        for subnet in attachment.subnets:
            yield subnet, attachment.name
    for route in here.routes:
        yield route.dest, route.link


def groups(here: Interfaces) -> Iterator[AddressRange]:
    """Destinations that every receiver takes: multicast, limited broadcast, and the subnets' broadcast addresses."""
    yield addresses.prefix("224.0.0.0/4")
    yield addresses.one("255.255.255.255")
    yield addresses.prefix("ff00::/8")
    for attachment in here.attachments.values():
        for subnet in attachment.subnets:
            if subnet.version == 4 and subnet.bits is not None and subnet.bits < WIDTH[4] - 1:
                yield AddressRange(4, subnet.high, subnet.high)
