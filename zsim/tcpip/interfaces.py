"""Devices, links, interfaces, the home list and the static routes of one stack.

Everything that changes them is in this file. DEVICE and LINK are the older spelling of what INTERFACE says in one
statement; both end as an `Attachment`, which is what packets cross, and so does the interface that DYNAMICXCF defines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from zsim import addresses, messages
from zsim.addresses import WIDTH, AddressRange
from zsim.config import profile
from zsim.config.profile import DEFAULT_SECCLASS
from zsim.config.profile.tables import INTERFACE_TYPES, LINK_DEVICES, MPCIPA, VIRTUAL
from zsim.facts import fact
from zsim.findings import Finding, Where, did_you_mean, finding
from zsim.messages import IssuedMessage


@dataclass
class Attachment:
    """One INTERFACE or LINK. `device` is the DEVICE of a LINK; START and STOP name the device then. `parameters` are
    those coded; `virtual` ones start by themselves; `dynamic` ones were defined by DYNAMICXCF."""

    name: str
    type: str
    version: int
    secclass: int = DEFAULT_SECCLASS
    device: str = ""
    subnets: tuple[AddressRange, ...] = ()
    started: bool = False
    parameters: dict[str, tuple[str, ...]] = field(default_factory=dict)
    virtual: bool = False
    dynamic: bool = False

    @property
    def port(self) -> tuple[str, str]:
        """The OSA port or HiperSockets CHPID it stands on: which keyword, and its name; empty if none."""
        key = next((each for each in ("PORTNAME", "CHPID") if each in self.parameters), "")
        return key, self.parameters.get(key, ("",))[0]

    @property
    def osm(self) -> bool:
        """Does it take its security class from IPCONFIG6 OSMSECCLASS?"""
        return self.parameters.get("CHPIDTYPE") == ("OSM",) and "SECCLASS" not in self.parameters


class HomeAddress(NamedTuple):
    version: int
    address: int
    interface: str

    def __str__(self) -> str:
        return addresses.text(self.version, self.address)


@dataclass
class Interfaces:
    """`devices` by name says whether it is started, `device_types` what it was defined as. `osm_secclass` is the class
    of OSM interfaces."""

    devices: dict[str, bool] = field(default_factory=dict)
    attachments: dict[str, Attachment] = field(default_factory=dict)
    home: list[HomeAddress] = field(default_factory=list)
    routes: list[profile.Route] = field(default_factory=list)
    device_types: dict[str, str] = field(default_factory=dict)
    osm_secclass: int = DEFAULT_SECCLASS

    def secclass(self, name: str) -> int:
        return self.attachments[name].secclass if name in self.attachments else DEFAULT_SECCLASS

    def address_of(self, name: str, version: int) -> int:
        """The first home address of an interface, 0 if it has none of that version."""
        return next((home.address for home in self.home if home.interface == name and home.version == version), 0)

    def links_of(self, device: str) -> list[Attachment]:
        return [each for each in self.attachments.values() if each.device == device]


LOOPBACKS = (HomeAddress(4, 0x7F000001, "LOOPBACK"), HomeAddress(6, 1, "LOOPBACK6"))  # predefined


def predefined() -> Interfaces:
    """What every stack has before its profile is read."""
    here = Interfaces(home=list(LOOPBACKS))
    for loop in LOOPBACKS:
        here.attachments[loop.interface] = Attachment(
            loop.interface, "LOOPBACK", loop.version, started=True, virtual=True
        )
    return here


# ---- one file --------------------------------------------------------------------------------------------------


class File(NamedTuple):
    """What one PROFILE or OBEYFILE has done so far: the lists it has begun, and the device of each LINK it deleted."""

    here: Interfaces
    seen: set[type]
    deleted: dict[str, str]

    def first(self, statement: profile.Home | profile.Routes) -> bool:
        """Is it the first list of its kind in the file? The next one is not."""
        first = type(statement) not in self.seen
        self.seen.add(type(statement))
        return first


def apply(here: Interfaces, statements: tuple[profile.Statement, ...]) -> list[Finding]:
    """Apply one file's statements in order, START and STOP last. The first HOME and the first BEGINROUTES of a file
    replace what its predecessors set, later ones add. (halz001 homestatement, startstatement; rtg)"""
    file = File(here, set(), {})
    findings: list[Finding] = []
    for statement in statements:
        effect = EFFECTS.get(type(statement))
        if effect is not None:
            findings += effect(file, statement)
    for statement in statements:
        if isinstance(statement, profile.Activation):
            findings += activate(here, statement)
    return findings + list(_homeless(here, statements))


def _homeless(here: Interfaces, statements: tuple[profile.Statement, ...]) -> Iterator[Finding]:
    """EZZ0331I for each LINK without a home address, at the end of a file that is about them."""
    links = {each.name: each.places["name"] for each in statements if isinstance(each, profile.Link)}
    about = [each.where for each in statements if isinstance(each, profile.Home | profile.Link)]
    for each in here.attachments.values() if about else ():
        if each.device and not here.address_of(each.name, 4):
            where = links.get(each.name, about[0])
            yield finding("no-home", where, str(messages.EZZ0331I(link=each.name)), name=each.name)


# ---- DEVICE, LINK ----------------------------------------------------------------------------------------------


def _device(file: File, statement: profile.Device) -> Iterator[Finding]:
    """Adds; an existing name is an error, and so is the port of an IPv4 interface or of several IPv6 interfaces.
    (deviceandlinkstmntsmpcipaosa)"""
    here, name, where = file.here, statement.name, statement.places["name"]
    sharing = [each for each in here.attachments.values() if each.port == ("PORTNAME", name)]
    rivals = [each.name for each in sharing if each.version == 4 or len(sharing) > 1]
    if name in here.devices:
        yield _conflict(where, f"DEVICE {name} is already defined", "DELETE it first")
    elif rivals and statement.type == MPCIPA:
        yield _conflict(where, f"port {name} is that of INTERFACE {rivals[0]}", f"delete INTERFACE {rivals[0]} first")
    else:
        here.devices[name] = statement.type == VIRTUAL
        here.device_types[name] = statement.type


def _link(file: File, statement: profile.Link) -> Iterator[Finding]:
    """Adds, after its DEVICE; an MPCIPA device has one. (ipaqenet, redbook)"""
    here, name, device = file.here, statement.name, statement.device
    type = here.device_types.get(device, "")
    wanted = LINK_DEVICES.get(statement.type, type)
    if device not in here.devices:
        hint = did_you_mean(device, here.devices, "define the DEVICE before its LINK")
        yield finding("undefined-name", statement.places["device"], name=device, kind="a DEVICE", hint=hint)
    elif name in here.attachments:
        yield _conflict(statement.places["name"], f"LINK {name} is already defined", "DELETE it first")
    elif type and wanted != type:
        text = f"LINK type {statement.type} does not go with DEVICE {device}, which is {type}"
        yield _conflict(statement.places["type"], text, f"define the device as {wanted}")
    elif type == MPCIPA and here.links_of(device):
        text = f"DEVICE {device} has LINK {here.links_of(device)[0].name} already: an MPCIPA device has one"
        yield _conflict(statement.places["device"], text, "use another DEVICE")
    else:
        here.attachments[name] = Attachment(
            name, statement.type, 4, statement.secclass, device, started=here.devices[device],
            parameters=statement.parameters, virtual=type == VIRTUAL,
        )  # fmt: skip


# ---- INTERFACE -------------------------------------------------------------------------------------------------


def _interface(file: File, statement: profile.Interface) -> Iterator[Finding]:
    """Adds, with its addresses; an existing name is an error."""
    here, name = file.here, statement.name
    type = INTERFACE_TYPES[statement.type]
    words = statement.parameters.get("IPADDR", ())
    new = Attachment(
        name, statement.type, type.version, _class_of(here, statement), subnets=tuple(_subnets(words)),
        parameters=statement.parameters, started=type.virtual, virtual=type.virtual,
    )  # fmt: skip
    port, reason = new.port[1], _vlan_reason(here, new)
    if name in here.attachments:
        text, hint = f"INTERFACE {name} is already defined", "INTERFACE ... DELETE it first"
        yield _conflict(statement.places["name"], text, hint)
    elif new.version == 4 and port in here.devices and not fact("interface-beside-device"):
        where = statement.places.get("PORTNAME", statement.where)
        yield _conflict(where, f"port {port} is that of DEVICE {port}", f"DELETE DEVICE {port} first")
    elif reason:
        yield _vlan_finding(statement, reason)
    else:
        here.attachments[name] = new
        yield from _add_home(here, new, words, statement.places.get("IPADDR", statement.where))


def _class_of(here: Interfaces, statement: profile.Interface) -> int:
    """SECCLASS as coded, else that of its kind."""
    default = here.osm_secclass if statement.parameters.get("CHPIDTYPE") == ("OSM",) else DEFAULT_SECCLASS
    return int(statement.parameters.get("SECCLASS", (str(default),))[0])


def _subnets(words: tuple[str, ...]) -> Iterator[AddressRange]:
    """The subnet of each address written with a prefix length; /0 stands for none."""
    return (subnet for subnet in (addresses.prefix(word) for word in words if "/" in word) if subnet.bits)


def _add_home(here: Interfaces, interface: Attachment, words: tuple[str, ...], where: Where) -> Iterator[Finding]:
    for word in words:
        version, address = addresses.address(word.partition("/")[0])
        yield from _enter(here, HomeAddress(version, address, interface.name), where)


def _enter(here: Interfaces, new: HomeAddress, where: Where) -> Iterator[Finding]:
    """A new entry of the home list; an address that is there already is ignored. (ezz0619i)"""
    there = next((home for home in here.home if home[:2] == new[:2]), None)
    if there is None or not fact("duplicate-home-ignored"):
        here.home.append(new)
        return
    issued = messages.EZZ0619I(name=new.interface, address=new)
    text = f"{new} is a home address of {there.interface} already; {new.interface} does not get it"
    yield _conflict(where, text, "use another address", issued)


# Rules for interfaces that share a port, in the order they are tested: the reason when the new interface breaks one,
# and whether an earlier one may break it too. (halw001 ezd0044i)
MOST_VLANS = 32
VLAN_PLACES = {
    "VLAN ID NOT UNIQUE": "VLANID", "NOT VMAC ROUTEALL": "VMAC", "NO SUBNET MASK": "IPADDR",
    "SUBNET NOT UNIQUE": "IPADDR",
}  # fmt: skip


def _vlan_reason(here: Interfaces, new: Attachment) -> str:
    """Why an interface may not share its port with the earlier ones of its IP version; "" if it may."""
    key, name = new.port
    earlier = [each for each in here.attachments.values() if each.port == new.port and each.version == new.version]
    if not name or not earlier:
        return ""
    needs: list[tuple[str, Callable[[Attachment], bool]]] = [("NO VLAN ID", lambda each: "VLANID" in each.parameters)]
    if key == "PORTNAME":
        needs.append(("NOT VMAC ROUTEALL", _route_all))
    if new.version == 4:
        needs.append(("NO SUBNET MASK", lambda each: bool(each.subnets)))
    for reason, holds in needs:
        if not holds(new):
            return reason
        if not all(holds(each) for each in earlier):
            return f"{reason} FOR AN EARLIER DEFINITION"
        if reason == "NO VLAN ID" and any(each.parameters["VLANID"] == new.parameters["VLANID"] for each in earlier):
            return "VLAN ID NOT UNIQUE"
    if new.version == 4 and any(_overlap(each, new) for each in earlier):
        return "SUBNET NOT UNIQUE"
    return "EXCEEDED MAXIMUM NUMBER OF VLANS" if len(earlier) >= MOST_VLANS else ""


def _route_all(interface: Attachment) -> bool:
    """VMAC, whose default is ROUTEALL."""
    return "VMAC" in interface.parameters and "ROUTELCL" not in interface.parameters["VMAC"]


def _overlap(one: Attachment, other: Attachment) -> bool:
    return any(a.low <= b.high and b.low <= a.high for a in one.subnets for b in other.subnets)


def _vlan_finding(statement: profile.Interface, reason: str) -> Finding:
    first = messages.EZZ0618I(name=statement.name, line=statement.where.line)
    second = messages.EZD0044I(name=statement.name, reason=reason)
    text = f"INTERFACE {statement.name} cannot share its port: {reason.lower()}"
    hint = "delete the earlier interface, or give each a VLANID, VMAC ROUTEALL and a subnet of its own"
    where = statement.places.get(VLAN_PLACES.get(reason, ""), statement.places["name"])
    return _conflict(where, text, hint, f"{first}\n{second}")


def _interface_delete(file: File, statement: profile.InterfaceDelete) -> Iterator[Finding]:
    """Removes a stopped interface."""
    here, name = file.here, statement.name
    attachment = here.attachments.get(name)
    if attachment is None or attachment.device or name in ("LOOPBACK", "LOOPBACK6"):
        hint = did_you_mean(name, here.attachments, "see the INTERFACE statements")
        yield finding("undefined-name", statement.places["name"], name=name, kind="an INTERFACE", hint=hint)
    elif attachment.started and not attachment.virtual:
        yield _conflict(statement.places["name"], f"INTERFACE {name} is started", "STOP it first")
    else:
        _remove(here, name)


def _remove(here: Interfaces, name: str) -> None:
    del here.attachments[name]
    here.home = [home for home in here.home if home.interface != name]


def _interface_address(file: File, statement: profile.InterfaceAddress) -> Iterator[Finding]:
    """ADDADDR and DELADDR of an IPv6 interface."""
    here, name = file.here, statement.name
    attachment = here.attachments.get(name)
    version, address = addresses.address(statement.address)
    home = HomeAddress(version, address, name)
    if attachment is None or attachment.version != 6:
        hint = did_you_mean(name, here.attachments, "see the INTERFACE statements")
        yield finding("undefined-name", statement.places["name"], name=name, kind="an IPv6 INTERFACE", hint=hint)
    elif statement.action == "ADDADDR":
        yield from _enter(here, home, statement.places["address"])
    elif home in here.home:
        here.home.remove(home)
    else:
        yield _conflict(statement.places["address"], f"{home} is no address of {name}", "see its IPADDR")


# ---- DYNAMICXCF, OSMSECCLASS -----------------------------------------------------------------------------------


def _ipconfig(file: File, statement: profile.IpConfig) -> Iterator[Finding]:
    """What IPCONFIG and IPCONFIG6 say about interfaces. (ipconfig, ipconfig6: SECCLASS, OSMSECCLASS)"""
    here, coded = file.here, statement.parameters
    if "OSMSECCLASS" in coded:
        here.osm_secclass = int(coded["OSMSECCLASS"][0])
        for each in here.attachments.values():
            each.secclass = here.osm_secclass if each.osm else each.secclass
    name = fact("dynamic-xcf-names")[str(statement.version)]
    dynamic = name in here.attachments and here.attachments[name].dynamic
    if dynamic and {"NODYNAMICXCF", "DYNAMICXCF"} & set(coded):
        _remove(here, name)
    if "DYNAMICXCF" in coded:
        yield from _dynamic_xcf(here, name, statement)


def _dynamic_xcf(here: Interfaces, name: str, statement: profile.IpConfig) -> Iterator[Finding]:
    """DYNAMICXCF address mask metric | address/bits metric [SECCLASS n]: an interface with a home address."""
    words = statement.parameters["DYNAMICXCF"]
    if name in here.attachments:
        yield _conflict(
            statement.places["DYNAMICXCF"], f"DYNAMICXCF would define {name}, which is there", "remove its definition"
        )
        return
    home = words[0] if "/" in words[0] or statement.version == 6 else str(addresses.subnet(words[0], words[1]))
    secclass = int(words[words.index("SECCLASS") + 1]) if "SECCLASS" in words else DEFAULT_SECCLASS
    subnets = tuple(_subnets((home,)))
    type = "MPCPTP6" if statement.version == 6 else "MPCPTP"
    new = Attachment(
        name, type, statement.version, secclass, subnets=subnets, started=True, virtual=True, dynamic=True
    )  # fmt: skip
    here.attachments[name] = new
    yield from _add_home(here, new, (words[0],), statement.places["DYNAMICXCF"])


# ---- HOME, BEGINROUTES -----------------------------------------------------------------------------------------


def _home(file: File, statement: profile.Home) -> Iterator[Finding]:
    """The first one of a file replaces what LINKs have; dynamic XCF and INTERFACE addresses survive. (home)"""
    here = file.here
    if file.first(statement):
        here.home = [home for home in here.home if not _from_home(here, home)]
    for entry in statement.entries:
        attachment = here.attachments.get(entry.link)
        if attachment is None or not (attachment.device or entry.link == "LOOPBACK"):
            yield _no_link(here, entry)
            if fact("home-undefined-drops-rest"):
                return
        elif _reserved(entry):
            issued = messages.EZZ0617I(address=_shown(entry), name=entry.link, line=entry.where.line)
            yield _conflict(entry.where, f"{_shown(entry)} is a reserved address", "use another address", issued)
        else:
            yield from _enter(here, HomeAddress(entry.version, entry.address, entry.link), entry.where)


def _from_home(here: Interfaces, home: HomeAddress) -> bool:
    """Does the entry come from a HOME statement?"""
    if home.interface == "LOOPBACK":
        return home not in LOOPBACKS
    return bool(here.attachments[home.interface].device)


def _no_link(here: Interfaces, entry: profile.HomeEntry) -> Finding:
    links = [name for name, known in here.attachments.items() if known.device]
    hint = did_you_mean(entry.link, links, "HOME takes LINK names; an INTERFACE carries its own IPADDR")
    rest = "; the rest of the list is dropped" if fact("home-undefined-drops-rest") else ""
    return finding("undefined-name", entry.places["link"], name=entry.link, kind="a LINK", hint=hint + rest)


def _shown(entry: profile.HomeEntry) -> str:
    return addresses.text(entry.version, entry.address)


def _reserved(entry: profile.HomeEntry) -> bool:
    reserved = (addresses.prefix(word) for word in fact("home-reserved").split())
    return any(
        each.low <= entry.address <= each.high and not (entry.link == "LOOPBACK" and each.low >> 24 == 127)
        for each in reserved
    )


def _routes(file: File, statement: profile.Routes) -> Iterator[Finding]:
    """The first one of a file replaces all static routes, later ones add. (rtg)"""
    here = file.here
    if file.first(statement):
        here.routes = []
    for route in statement.routes:
        hop = HomeAddress(route.dest.version, route.next_hop or 0, "")
        if route.link not in here.attachments:
            hint = did_you_mean(route.link, here.attachments, "define the LINK or INTERFACE before BEGINROUTES")
            yield finding(
                "undefined-name", route.places["link"], name=route.link, kind="a LINK or INTERFACE", hint=hint
            )
        elif route.next_hop is not None and any(home[:2] == hop[:2] for home in here.home):
            yield _conflict(
                route.places["next hop"], f"next hop {hop} is an address of this stack", "name the next router"
            )
        else:
            here.routes.append(route)


# ---- DELETE ----------------------------------------------------------------------------------------------------


def _delete(file: File, statement: profile.Delete) -> Iterator[Finding]:
    """LINK needs a stopped device and no HOME entry, DEVICE no link, not even one deleted in the same file: DELETE
    works asynchronously. (deletestatement; the seed's steps; ezz0395i)"""
    return _delete_link(file, statement) if statement.kind == "LINK" else _delete_device(file, statement)


def _delete_link(file: File, statement: profile.Delete) -> Iterator[Finding]:
    here, name = file.here, statement.name
    link = here.attachments.get(name)
    if link is None or not link.device:
        yield _undeleted(statement, "undefined", f"LINK {name} is not defined", "see the LINK statements")
    elif link.started and not link.virtual:
        yield _undeleted(statement, "", f"device {link.device} is started", f"STOP {link.device} first")
    elif here.address_of(name, 4):
        yield _undeleted(statement, "home", f"LINK {name} has a HOME entry", "replace the HOME list first")
    else:
        file.deleted[name] = link.device
        _remove(here, name)


def _delete_device(file: File, statement: profile.Delete) -> Iterator[Finding]:
    here, name = file.here, statement.name
    links = [each.name for each in here.links_of(name)]
    if fact("delete-link-asynchronous"):
        links += [link for link, device in file.deleted.items() if device == name]
    if name not in here.devices:
        yield _undeleted(statement, "undefined", f"DEVICE {name} is not defined", "see the DEVICE statements")
    elif here.devices[name] and here.device_types.get(name) != VIRTUAL:
        yield _undeleted(statement, "", f"device {name} is started", f"STOP {name} first")
    elif links:
        hint = "DELETE the link in an OBEYFILE of its own first"
        yield _undeleted(statement, "link", f"DEVICE {name} still has LINK {links[0]}", hint)
    else:
        del here.devices[name]
        here.device_types.pop(name, None)


def _undeleted(statement: profile.Delete, reason: str, text: str, hint: str) -> Finding:
    """EZZ0395I; only its reason "is active" was seen."""
    kind, name, where = statement.kind, statement.name, statement.places["name"]
    why = fact("delete-reasons")[reason] if reason else "{kind} IS ACTIVE"
    issued = messages.EZZ0395I(kind=kind, name=name, line=where.line, reason=why.replace("{kind}", kind))
    return _conflict(where, text, hint, issued)


def _conflict(where: Where, text: str, hint: str, issued: object = "") -> Finding:
    return finding("conflict", where, str(issued), text=text, hint=hint)


EFFECTS: Mapping[type, Callable[[File, Any], Iterator[Finding]]] = {
    profile.Device: _device,
    profile.Link: _link,
    profile.Interface: _interface,
    profile.InterfaceDelete: _interface_delete,
    profile.InterfaceAddress: _interface_address,
    profile.IpConfig: _ipconfig,
    profile.Home: _home,
    profile.Routes: _routes,
    profile.Delete: _delete,
}


# ---- START, STOP -----------------------------------------------------------------------------------------------


def activate(here: Interfaces, statement: profile.Activation) -> list[Finding]:
    """START or STOP: of a DEVICE/LINK pair the DEVICE is named, else the INTERFACE. (startstatement; seed)"""
    name, where, start = statement.name, statement.places["name"], statement.action == "START"
    found = here.attachments.get(name)
    if name not in here.devices and (found is None or found.device):
        return [_not_found(here, found, statement)]
    if _is_virtual(here, name):
        return [_conflict(where, f"{statement.action} of {name}: virtual ones start by themselves", "leave it out")]
    if start and not active(here, name) and _started(here) >= fact("most-started"):
        text = f"{name} would be more than {fact('most-started')} started devices and interfaces"
        return [_conflict(where, text, "STOP another first")]
    if name in here.devices:
        here.devices[name] = start
        for attachment in here.links_of(name):
            attachment.started = start
    elif found is not None:
        found.started = start
    return []


def _not_found(here: Interfaces, found: Attachment | None, statement: profile.Activation) -> Finding:
    names = (*here.devices, *(name for name, known in here.attachments.items() if not known.device))
    hint = f"it is a LINK: name its DEVICE {found.device}" if found else did_you_mean(statement.name, names)
    issued, where = str(messages.NOT_FOUND(name=statement.name)), statement.places["name"]
    kind, hint = "a DEVICE or INTERFACE", hint or "define it first"
    return finding("undefined-name", where, issued, name=statement.name, kind=kind, hint=hint)


def active(here: Interfaces, name: str) -> bool:
    """Is the device or interface started?"""
    return here.devices[name] if name in here.devices else here.attachments[name].started


def _is_virtual(here: Interfaces, name: str) -> bool:
    if name in here.devices:
        return here.device_types.get(name) == VIRTUAL
    return here.attachments[name].virtual


def _started(here: Interfaces) -> int:
    own = [name for name, each in here.attachments.items() if not each.device]
    return sum(active(here, name) and not _is_virtual(here, name) for name in (*here.devices, *own))


def activity(here: Interfaces, statements: tuple[profile.Statement, ...]) -> Iterator[IssuedMessage]:
    """The messages of the devices and interfaces that the START and STOP statements brought where they should be."""
    for statement in statements:
        if not isinstance(statement, profile.Activation):
            continue
        name, start = statement.name, statement.action == "START"
        is_device = name in here.devices
        known = is_device or (name in here.attachments and not here.attachments[name].device)
        if known and active(here, name) == start and not _is_virtual(here, name):
            yield ACTIVITY[is_device, start](name=name)


ACTIVITY = {
    (True, True): messages.EZZ4313I,
    (True, False): messages.EZZ4315I,
    (False, True): messages.EZZ4340I,
    (False, False): messages.EZZ4341I,
}


# ---- what routing and filtering ask ----------------------------------------------------------------------------


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
