"""The TCPIP profile and OBEYFILE language: free-format words, `;` comments.

    IPCONFIG | IPCONFIG6        parameter ...
    GLOBALCONFIG | NETMONITOR   parameter ...
    IPSEC                       switches, { IPSECRule | IPSEC6Rule src dest options } ... ENDIPSEC
    INTERFace name              DEFINE type parameter ... | DELEte | ADDADDR address | DELADDR address
    DEVice name type ...        LINK name type device ...        HOME { address link } ...
    BEGINRoutes                 { ROUTE destination nexthop link MTU n options } ...  ENDRoutes
    PORT                        { number | UNRSV  TCP | UDP  job options } ...
    PORTRange                   { first count  TCP | UDP  job options } ...
    START name                  STOP name                        INCLUDE data-set
    DELEte                      DEVice | LINK name | PORT ... | PORTRange ...

`parse` returns statements in file order and findings; it goes on after a mistake: in a block at the next word that
starts an entry of it, else at the next word that starts a statement. Reading is all it does: the effect of a
statement is in `tcpip.stack`, `tcpip.interfaces` and `tcpip.ports`. A statement zsim does not model is kept as
`NotModelled`. INCLUDE is replaced by what it names; each file is read by itself, because a statement must lie wholly
in one. `print(parse(source))` is the canonical form, see `profile_statements`.

Source: z/OS Communications Server IP Configuration Reference (halz001), one topic per statement.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from zsim import addresses, messages
from zsim.addresses import AddressRange
from zsim.config.profile_ipsec import read_ipsec
from zsim.config.profile_reader import (
    COMMENT,
    Bad,
    Coded,
    Elsewhere,
    Reader,
    Table,
    excluded,
    matching,
    named,
    parameters,
    spellings,
    words,
)
from zsim.config.profile_statements import (
    DEFAULT_SECCLASS,
    UNRESERVED,
    Activation,
    Delete,
    Device,
    Home,
    HomeEntry,
    Interface,
    InterfaceAddress,
    InterfaceDelete,
    IpConfig,
    Ipsec,
    IpsecRule,
    Link,
    NotModelled,
    PortEntry,
    PortList,
    Ports,
    Route,
    Routes,
    Settings,
    Statement,
)
from zsim.config.profile_tables import (
    ANY_JOB,
    AUTHPORT,
    DEVICES,
    INTERFACE,
    INTERFACE_TYPES,
    IPCONFIG,
    IPCONFIG6,
    JOBNAME,
    MTU_WORDS,
    NOT_MODELLED,
    PORT_OF,
    PORT_OPTIONS,
    PORTRANGE_OPTIONS,
    RESERVED,
    ROUTE_OPTIONS,
    SETTINGS,
    TRANSPORTS,
    UNRSV_OPTIONS,
    PortOption,
)
from zsim.config.source import Source, Token
from zsim.facts import fact
from zsim.findings import Finding, Where, did_you_mean, finding

__all__ = [
    "DEFAULT_SECCLASS", "INTERFACE_TYPES", "Activation", "Delete", "Device", "Home", "HomeEntry", "Interface",
    "InterfaceAddress", "InterfaceDelete", "IpConfig", "Ipsec", "IpsecRule", "Link", "NotModelled", "PortEntry",
    "PortList", "Ports", "Profile", "Route", "Routes", "Settings", "Statement", "parse",
]  # fmt: skip

Include = Callable[[str, Where], "Source | Finding"]
LAST_PORT = 65535
ALIKE = 0.8  # how like the name of a statement a word must be to be taken for it
MOST_INCLUDES = 1000  # files that may include each other twice and twice again


class Profile(NamedTuple):
    """What was read. As text it is the canonical form."""

    statements: tuple[Statement, ...]
    findings: tuple[Finding, ...]
    sources: tuple[str, ...]  # every file read, in order

    def __str__(self) -> str:
        return "\n".join(map(str, self.statements))


# ---- files -----------------------------------------------------------------------------------------------------


def parse(source: Source, symbols: Mapping[str, str] | None = None, include: Include | None = None) -> Profile:
    """Read a profile or OBEYFILE. `include` gives the text an INCLUDE names, or the finding why it cannot."""
    reading = _Reading(symbols or {}, include)
    reading.open(source)
    while reading.files:
        reader = reading.files[-1]
        token = reader.peek()
        if token is None:
            _glued(reading.files.pop())
        elif (name := STATEMENTS.get(token.upper)) == "INCLUDE":
            _include(reading, reader)
        elif name is not None:
            _statement(reader, name, reading.statements)
        else:
            _unknown(reader, token)
    statements = _first_ipsec(reading.statements, reading.findings)
    return Profile(tuple(statements), tuple(_once(reading.findings)), tuple(reading.sources))


class _Reading:
    """The files that are open, an INCLUDE above the one it stands in, and what they gave so far."""

    def __init__(self, symbols: Mapping[str, str], include: Include | None) -> None:
        self.symbols, self.include = symbols, include
        self.files: list[Reader] = []
        self.statements: list[Statement] = []
        self.findings: list[Finding] = []
        self.sources: list[str] = []

    def open(self, source: Source) -> None:
        end = Where(source.name, source.text.count("\n") + 1, 1)
        self.files.append(Reader(source.name, words(source, self.symbols), end, self.findings))
        self.sources.append(source.name)


def _include(reading: _Reading, reader: Reader) -> None:
    """INCLUDE data-set: its text stands in place of the statement. A file may not include itself, at any depth."""
    where = reader.take("INCLUDE").where
    try:
        name = reader.take("a data set name")
    except Bad as bad:
        reader.report(bad)
        return
    found = reading.include(name.text, name.where) if reading.include else None
    if isinstance(found, Finding):
        reading.findings.append(found)
    elif found is None:
        reading.statements.append(NotModelled("INCLUDE", (name.text,), where))
        reader.note("not-modelled", where, what="INCLUDE", why="no files are at hand")
    elif any(found.name == open.name for open in reading.files):
        reader.note("include-loop", name.where, name=found.name)
    elif len(reading.sources) >= MOST_INCLUDES:
        reader.note("too-many", where, name="INCLUDE", count=len(reading.sources), most=MOST_INCLUDES - 1)
    else:
        reading.open(found)


def _statement(reader: Reader, name: str, statements: list[Statement]) -> None:
    """One statement; after a mistake the reader goes to the next word that starts one."""
    where = reader.take(name).where
    try:
        if name in KEPT:
            statements.append(_not_modelled(reader, name, where))
        elif (read := READERS[name](reader, where)) is not None:
            statements.append(read)
    except _Partly as partly:
        statements.append(partly.statement)
        reader.report(partly.bad)
        reader.until(_starts_statement)
    except Bad as bad:
        reader.report(bad)
        reader.until(_starts_statement)


class _Partly(Exception):
    """A list that is good up to a bad entry: z/OS drops the rest. (profsyn, with HOME as the example)"""

    def __init__(self, statement: Statement, bad: Bad) -> None:
        self.statement, self.bad = statement, bad
        bad.hint = f"{bad.hint or 'correct the entry'}; the rest of the list is dropped"


def _unknown(reader: Reader, token: Token) -> None:
    """A word that starts no statement: reported once, skipped with all that follows up to one that does."""
    hint = did_you_mean(
        token.text, STATEMENTS.values(), "correct it or put ; in front; everything up to the next statement is skipped"
    )
    bad = reader.bad(token, "a statement", hint)
    reader.report(bad, "unknown-statement", word=bad.found, language="TCPIP profile")
    reader.at += 1
    reader.until(_starts_statement)


def _starts_statement(token: Token) -> bool:
    return token.upper in STATEMENTS


def _misspelt(token: Token, names: Iterable[str] = ()) -> bool:
    """Does an unknown word look like the name of a statement, and less like one of `names`?"""
    full = set(STATEMENTS.values())
    near = difflib.get_close_matches(token.upper, {*full, *names}, n=1, cutoff=ALIKE)
    return bool(near) and near[0] in full


def _glued(reader: Reader) -> None:
    """A word with a ; in it was meant to be two; where it did no harm it is said here."""
    told = {each.where for each in reader.findings}
    for token in reader.words:
        if COMMENT in token.text and token.where not in told:
            reader.note("glued-comment", token.where, word=token.text)


def _is_statement(reader: Reader, bad: Bad, entry: Where, names: Iterable[str] = ()) -> bool:
    """Is the bad beginning of a list entry a misspelt statement? The reader is then back in front of it."""
    token = reader.words[reader.at - 1]
    if bad.where != entry or token.where != entry or not _misspelt(token, names):
        return False
    reader.at -= 1
    return True


def _ends_unread(reader: Reader) -> Callable[[Token], bool]:
    """Where a statement that is kept unread ends: at the next one, though it be misspelt at the start of a line."""
    line = reader.here.line

    def ends(token: Token) -> bool:
        nonlocal line
        first, line = token.where.line != line, token.where.line
        return _starts_statement(token) or (first and _misspelt(token))

    return ends


# ---- checks over the whole profile -----------------------------------------------------------------------------


def _first_ipsec(statements: list[Statement], findings: list[Finding]) -> list[Statement]:
    """Without the second and later IPSEC blocks, which z/OS ignores. (ezz0757i)"""
    blocks = [statement for statement in statements if isinstance(statement, Ipsec)]
    for block in blocks[1:]:
        issued = str(messages.EZZ0757I(line=block.where.line))
        findings.append(finding("second-ipsec", block.where, issued, line=blocks[0].where.line))
    return [statement for statement in statements if not isinstance(statement, Ipsec) or statement is blocks[0]]


def _once(findings: list[Finding]) -> list[Finding]:
    """Statements that are kept are reported once a name."""
    told: set[tuple[str, str]] = set()
    kept = []
    for each in findings:
        key = (each.id, each.text)
        if each.id not in ("kept", "not-modelled") or key not in told:
            kept.append(each)
        told.add(key)
    return kept


# ---- statements made of parameters -----------------------------------------------------------------------------


def _unread(reader: Reader, table: Table, statement: str) -> Callable[[Token], Bad]:
    """A word that is no parameter is a mistake; at the start of a line it is meant as a statement, unless it looks
    like a parameter."""

    def bad(token: Token) -> Bad:
        hint = did_you_mean(token.text, table.rows)
        if _misspelt(token, table.rows) or (reader.on_new_line and not hint):
            raise Elsewhere
        return Bad(token.text, token.where, f"a parameter of {statement}", hint)

    return bad


def _ipconfig(reader: Reader, where: Where) -> IpConfig | None:
    found = _coded(reader, IPCONFIG, "IPCONFIG")
    return None if excluded(reader, IPCONFIG, found, "IPCONFIG") else IpConfig(4, found.words, where, found.places)


def _ipconfig6(reader: Reader, where: Where) -> IpConfig:
    found = _coded(reader, IPCONFIG6, "IPCONFIG6")
    return IpConfig(6, found.words, where, found.places)


def _settings(statement: str) -> Callable[[Reader, Where], Settings]:
    def read(reader: Reader, where: Where) -> Settings:
        reader.note("kept", where, what=statement)
        return Settings(statement, _coded(reader, SETTINGS[statement], statement).words, where)

    return read


def _coded(reader: Reader, table: Table, statement: str) -> Coded:
    """The parameters of a statement in canonical order."""
    found, _ = parameters(reader, table, _starts_statement, _unread(reader, table, statement))
    return found._replace(words=table.sorted(found.words))


# ---- INTERFACE -------------------------------------------------------------------------------------------------

_ACTIONS = spellings(("DEFINE", "DELEte", "ADDADDR", "DELADDR"))


def _interface(reader: Reader, where: Where) -> Statement | None:
    """INTERFACE name DEFINE type parameters | DELETE | ADDADDR address | DELADDR address."""
    name, place = named(reader, "an interface name")
    action = reader.choice(_ACTIONS)
    if action == "DELETE":
        return InterfaceDelete(name, where, {"name": place})
    if action != "DEFINE":
        places = {"name": place, "address": reader.here}
        return InterfaceAddress(name, action, reader.value("an IPv6 address", _ipv6), where, places)
    token = reader.take("an interface type")
    if token.upper not in INTERFACE_TYPES:
        hint = did_you_mean(token.text, INTERFACE_TYPES, "see the INTERFACE statement for the types")
        raise reader.bad(token, "an interface type", hint)
    found = _interface_parameters(reader, INTERFACE_TYPES[token.upper].version, f"INTERFACE {name}")
    if found is None or not _complete(reader, f"INTERFACE {name}", token.upper, found, where):
        return None
    return Interface(name, token.upper, INTERFACE[4].sorted(found.words), where, {"name": place, **found.places})


def _ipv6(text: str) -> str:
    version, value = addresses.address(text)
    if version != 6:
        raise ValueError(f"{text} is not IPv6")
    return addresses.text(version, value)


def _interface_parameters(reader: Reader, version: int, statement: str) -> Coded | None:
    """None if one is bad: the interface is not defined then (a simulator choice). A word that resembles no parameter
    may be one that zsim's table lacks."""
    table = INTERFACE[version]

    def unknown(token: Token) -> Bad | None:
        if _misspelt(token, table.rows):
            raise Elsewhere
        hint = did_you_mean(token.text, table.rows)
        if hint or COMMENT in token.text or not token.text[0].isalpha():
            return Bad(token.text, token.where, f"a parameter of {statement}", hint)
        reader.note("not-modelled", token.where, what=f"{token.upper} of {statement}", why="it is not in zsim's table")
        return None

    found, good = parameters(reader, table, _starts_statement, unknown)
    for word in found.words.get("IPADDR", ()):
        good = _no_ipv4_compatible(reader, word, found.places["IPADDR"]) and good
    return found if good else None


def _no_ipv4_compatible(reader: Reader, word: str, where: Where) -> bool:
    """::10.1.1.1 cannot be an address of the stack. (ezz0714i; which statements it holds for is unconfirmed)"""
    version, value = addresses.address(word.partition("/")[0])
    if version == 4 or value <= 1 or value >= 2**32:
        return True
    issued = messages.EZZ0714I(address=word, line=where.line)
    text = f"{word} is an IPv4-compatible IPv6 address"
    reader.note("conflict", where, issued, text=text, hint="use a global, unique local or link-local address")
    return False


def _complete(reader: Reader, statement: str, type: str, found: Coded, where: Where) -> bool:
    """Required parameters are there, first and in order. (ipaqidio)"""
    required = [
        PORT_OF[found.words.get("CHPIDTYPE", ("OSD",))[0]] if each == "PORTNAME" else each
        for each in INTERFACE_TYPES[type].required
    ]
    needed = [each.split("|") for each in required if each]
    missing = [" or ".join(names) for names in needed if not any(each in found.words for each in names)]
    for each in missing:
        reader.note("missing-attribute", where, statement=statement, name=each)
    if missing or type not in fact("interface-order-enforced"):
        return not missing
    wanted = [each for names in needed for each in names if each in found.words]
    late = next((each for each, due in zip(found.words, wanted, strict=False) if each != due), None)
    if late is not None:
        due = wanted[list(found.words).index(late)]
        raise Bad(late, found.places[late], due, f"the required parameters come first: {' '.join(wanted)}")
    return True


# ---- DEVICE, LINK, HOME ----------------------------------------------------------------------------------------


def _device(reader: Reader, where: Where) -> Device:
    """DEVICE name type parameters."""
    name, place = named(reader, "a device name")
    type, _ = named(reader, "a device type")
    _retired(reader, "DEVICE", "DEVICE, LINK and HOME", where)
    table = DEVICES.get(type)
    if table is None:
        parameters = tuple(word.upper for word in reader.until(_ends_unread(reader)))
    else:
        parameters = tuple(_coded(reader, table, f"DEVICE {name}").words)
    return Device(name, type, parameters, where, {"name": place})


def _retired(reader: Reader, statement: str, called: str, where: Where) -> None:
    """EZZ0717I; which statements get it at which release is unconfirmed."""
    issued = messages.EZZ0717I(statement=statement, line=where.line)
    shown = issued if statement in fact("retired-statements") else ""
    reader.note("retired", where, shown, statement=called)


def _link(reader: Reader, where: Where) -> Link | None:
    """LINK name type [number] device parameters."""
    name, place = named(reader, "a link name")
    places = {"name": place, "type": reader.here}
    type, _ = named(reader, "a link type")
    token = reader.peek()
    number = reader.take("a link number").text if token is not None and token.text.isdigit() else ""
    device, places["device"] = named(reader, "a device name")
    found = _interface_parameters(reader, 4, f"LINK {name}")
    if found is None:
        return None
    return Link(name, type, device, INTERFACE[4].sorted(found.words), where, number, {**found.places, **places})


def _home(reader: Reader, where: Where) -> Home:
    """HOME { address link } ...; a bad entry drops the rest of the list."""
    entries: list[HomeEntry] = []
    while (token := reader.peek()) is not None and not _starts_statement(token):
        try:
            address = reader.value("a home address", _ipv4)
            link, place = named(reader, "a link name")
        except Bad as bad:
            if _is_statement(reader, bad, token.where):
                break
            raise _Partly(Home(tuple(entries), where), bad) from None
        entries.append(HomeEntry(4, address, link, token.where, {"link": place}))
    return Home(tuple(entries), where)


def _ipv4(text: str) -> int:
    version, value = addresses.address(text)
    if version != 4:
        raise ValueError(f"{text} is not IPv4: an IPv6 interface has its IPADDR")
    return value


# ---- BEGINROUTES -----------------------------------------------------------------------------------------------

_ROUTE_STARTS = spellings(("ROUTE", "ENDRoutes"))
_MTU = spellings(("MTU",))
_DEFAULTS = {"DEFAULT": 4, "DEFAULT6": 6}


def _routes(reader: Reader, where: Where) -> Routes:
    """BEGINROUTES { ROUTE ... } ENDROUTES; a bad route is left out."""
    routes: list[Route] = []
    while (token := reader.peek()) is not None:
        try:
            if reader.choice(_ROUTE_STARTS) == "ENDROUTES":
                break
            routes.append(_route(reader, token.where))
        except Bad as bad:
            if token.upper == "INCLUDE":
                bad.hint = "a statement lies wholly in one file: include all from BEGINROUTES to ENDROUTES"
            reader.report(bad)
            reader.at += bad.where == token.where
            reader.until(_starts_route)
    else:
        reader.note("missing-end", where, statement="BEGINROUTES", end="ENDROUTES")
    return Routes(tuple(routes), where)


def _starts_route(token: Token) -> bool:
    return token.upper in _ROUTE_STARTS


def _route(reader: Reader, where: Where) -> Route:
    """dest/prefix | dest mask | dest HOST | DEFAULT | DEFAULT6, nexthop | =, link, MTU n, options."""
    token = reader.peek()
    dest = _destination(reader)
    places = {"next hop": reader.here}
    next_hop = _next_hop(reader, dest, token is not None and token.upper in _DEFAULTS)
    link, places["link"] = named(reader, "a link or interface name")
    reader.choice(_MTU)
    mtu = reader.keyword(MTU_WORDS) or str(reader.number("DEFAULTSIZE or a number", *fact("profile-ranges")["mtu"]))
    found, _ = parameters(reader, ROUTE_OPTIONS, _starts_route, _unread(reader, ROUTE_OPTIONS, "ROUTE"))
    options = (word for key, words in ROUTE_OPTIONS.sorted(found.words).items() for word in (key, *words))
    return Route(dest, next_hop, link, mtu, tuple(options), where, places)


def _destination(reader: Reader) -> AddressRange:
    token = reader.take("a destination")
    if token.upper in _DEFAULTS:
        return addresses.every(_DEFAULTS[token.upper])
    try:
        if "/" in token.text:
            return addresses.prefix(token.text)
        version, value = addresses.address(token.text)
    except ValueError as why:
        raise reader.bad(token, "a destination", str(why)) from None
    mask = reader.take("a subnet mask or HOST")
    if mask.upper == "HOST":
        return AddressRange(version, value, value, addresses.WIDTH[version])
    if version == 6:
        issued = messages.EZZ0737I(option=mask.upper, statement="ROUTE", line=mask.where.line)
        raise Bad(mask.text, mask.where, "HOST", "an IPv6 destination is address/prefix or address HOST", issued)
    try:
        return addresses.subnet(token.text, mask.text)
    except ValueError as why:
        raise reader.bad(mask, "a subnet mask or HOST", str(why)) from None


def _next_hop(reader: Reader, dest: AddressRange, default: bool) -> int | None:
    """`=` means directly attached; a default route cannot be. (halz001 beginroutesstatement)"""
    token = reader.take("a next hop or =")
    if token.text == "=":
        if default:
            raise reader.bad(token, "the address of a router", "a default route needs one")
        return None
    try:
        version, value = addresses.address(token.text)
        if version != dest.version:
            raise ValueError(f"the destination is IPv{dest.version}")
    except ValueError as why:
        raise reader.bad(token, "a next hop or =", str(why)) from None
    return value


# ---- PORT, PORTRANGE -------------------------------------------------------------------------------------------

_UNRSV = spellings((UNRESERVED,))
_OPTIONS = spellings([name for option in PORT_OPTIONS for name in option.names])
_USER = matching(JOBNAME, "a job name of 1 to 8 characters")


def _port(reader: Reader, where: Where) -> PortList | None:
    return _port_list(reader, where, "PORT", delete=False)


def _portrange(reader: Reader, where: Where) -> PortList | None:
    return _port_list(reader, where, "PORTRANGE", delete=False)


def _port_list(reader: Reader, where: Where, statement: str, delete: bool) -> PortList | None:
    """Entries up to the next statement; a bad one drops the rest. DENY for a named job spoils all. (ezz0146i)"""
    entries: list[PortEntry] = []
    read = _range_entry if statement == "PORTRANGE" else _port_entry
    mistake: Bad | None = None
    while not entries or ((token := reader.peek()) is not None and not _starts_statement(token)):
        where_entry = reader.here
        try:
            entries.append(read(reader, where_entry))
        except Bad as bad:
            mistake = None if entries and _is_statement(reader, bad, where_entry, _OPTIONS) else bad
            bad.hint = _option_hint(bad, entries) or bad.hint
            break
    spoilt = [_denies_a_job(reader, entry) for entry in entries]
    found = PortList(statement, delete, tuple(entries), where) if not any(spoilt) else None
    if mistake is not None:
        raise _Partly(found, mistake) if found and entries else mistake
    return found


def _option_hint(bad: Bad, entries: list[PortEntry]) -> str:
    """Why a word behind an entry is none of its options."""
    name = _OPTIONS.get(bad.found.upper())
    if name is None or not entries:
        return did_you_mean(bad.found, set(_OPTIONS.values())) if entries else ""
    if entries[-1].user in (RESERVED, AUTHPORT):
        return f"{entries[-1].user} has no options"
    return f"{name} stands out of order; the order is {', '.join(dict.fromkeys(_OPTIONS.values()))}"


def _denies_a_job(reader: Reader, entry: PortEntry) -> bool:
    if "DENY" not in entry.options or entry.user == ANY_JOB:
        return False
    issued = messages.EZZ0146I(line=entry.where.line)
    text = f"DENY needs the job name *, not {entry.user}: the whole PORT statement is ignored"
    reader.note("conflict", entry.where, issued, text=text, hint="code * or leave DENY out")
    return True


def _port_entry(reader: Reader, where: Where) -> PortEntry:
    """number TCP|UDP user options, or UNRSV TCP|UDP user options."""
    if reader.keyword(_UNRSV):
        protocol, (user,) = reader.choice(TRANSPORTS), _USER(reader)
        return PortEntry(0, 0, protocol, user, _options(reader, UNRSV_OPTIONS[protocol]), False, where)
    port = reader.number("UNRSV or a port", 1, LAST_PORT)
    protocol, (user,) = reader.choice(TRANSPORTS), _USER(reader)
    options = {} if user == RESERVED else _options(reader, PORT_OPTIONS)
    return PortEntry(port, port, protocol, user, options, False, where)


def _range_entry(reader: Reader, where: Where) -> PortEntry:
    """first count TCP|UDP user options. What lies beyond 65535 is cut off. (portrangestatement)"""
    low = reader.number("the first port", 1, LAST_PORT)
    high = low + reader.number("the number of ports", 1, LAST_PORT) - 1
    protocol, (user,) = reader.choice(TRANSPORTS), _USER(reader)
    options = {} if user in (RESERVED, AUTHPORT) else _options(reader, PORTRANGE_OPTIONS)
    if high > LAST_PORT:
        reader.note("cut-range", where, low=low, high=high, last=LAST_PORT)
    return PortEntry(low, min(high, LAST_PORT), protocol, user, options, True, where)


def _options(reader: Reader, order: tuple[PortOption, ...]) -> dict[str, str]:
    """Options in the documented order; one out of order is no option."""
    found: dict[str, str] = {}
    for option in order:
        name = reader.keyword(option.spellings)
        if name is not None:
            found[name] = option.value(reader)[0] if option.value else ""
    return found


# ---- START, STOP, DELETE ---------------------------------------------------------------------------------------


def _activation(action: str) -> Callable[[Reader, Where], Activation]:
    def read(reader: Reader, where: Where) -> Activation:
        name, place = named(reader, "a device or interface name")
        return Activation(action, name, where, {"name": place})

    return read


_DELETABLE = spellings(("DEVice", "LINK", "PORT", "PORTRange"))


def _delete(reader: Reader, where: Where) -> Statement | None:
    """DELETE DEVICE | LINK name; DELETE PORT | PORTRANGE entries, whose options are read and mean nothing."""
    kind = reader.choice(_DELETABLE)
    if kind in ("PORT", "PORTRANGE"):
        return _port_list(reader, where, kind, delete=True)
    name, place = named(reader, f"a {kind.lower()} name")
    return Delete(kind, name, where, {"name": place})


# ---- statements that are kept ----------------------------------------------------------------------------------


def _not_modelled(reader: Reader, statement: str, where: Where) -> NotModelled:
    end, why, retired = KEPT[statement]
    words = reader.until(lambda token: token.upper == end) if end else reader.until(_ends_unread(reader))
    if end and reader.peek() is None:
        reader.note("missing-end", where, statement=statement, end=end)
    elif end:
        reader.take(end)
    if retired:
        _retired(reader, statement, statement, where)
    if why:
        reader.note("not-modelled", where, what=statement, why=why)
    else:
        reader.note("kept", where, what=statement)
    return NotModelled(statement, tuple(word.text for word in words), where, end)


# ---- the statements --------------------------------------------------------------------------------------------

_SPELLED: dict[str, Callable[[Reader, Where], Statement | None]] = {
    "IPCONFig": _ipconfig,
    "IPCONFIG6": _ipconfig6,
    "GLOBALCONFig": _settings("GLOBALCONFIG"),
    "NETMONitor": _settings("NETMONITOR"),
    "IPSEC": read_ipsec,
    "INTERFace": _interface,
    "DEVice": _device,
    "LINK": _link,
    "HOME": _home,
    "BEGINRoutes": _routes,
    "PORT": _port,
    "PORTRange": _portrange,
    "START": _activation("START"),
    "STOP": _activation("STOP"),
    "DELEte": _delete,
}
READERS = {name.upper(): read for name, read in _SPELLED.items()}
KEPT = {name.upper(): kept for name, kept in NOT_MODELLED.items()}
STATEMENTS = spellings((*_SPELLED, "INCLUDE", *NOT_MODELLED))
