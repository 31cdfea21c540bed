"""The statements of a TCPIP profile that are lists.

    HOME         { address link } ...
    BEGINRoutes  { ROUTE dest/prefix | dest mask | dest HOST | DEFAULT | DEFAULT6  nexthop | =  link
                     MTU n | DEFAULTSIZE  options } ...  ENDRoutes
    PORT         { number  TCP | UDP  RESERVED | job options } ...
                 { UNRSV   TCP | UDP  job [DENY | SAF resource] [WHENLISTEN | WHENBIND] } ...
    PORTRange    { first count  TCP | UDP  RESERVED | AUTHPORT | job options } ...

A bad entry drops the rest of HOME, PORT and PORTRANGE; a bad ROUTE is left out. (halz001 stmntsynforconfigstatements,
with HOME as its example; which lists go on behind a bad entry is unconfirmed)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from zsim import addresses, messages
from zsim.addresses import AddressRange
from zsim.config.profile.reader import LONGEST_SHOWN, Bad, Reader, matching, named, parameters, spellings
from zsim.config.profile.statements import (
    UNRESERVED,
    Home,
    HomeEntry,
    PortEntry,
    PortList,
    Route,
    Routes,
    Statement,
)
from zsim.config.profile.tables import (
    ANY_JOB,
    AUTHPORT,
    JOBNAME,
    MTU_WORDS,
    PORT_OPTIONS,
    PORTRANGE_OPTIONS,
    RESERVED,
    ROUTE_OPTIONS,
    TRANSPORTS,
    UNRSV_OPTIONS,
    PortOption,
    misspelt,
    starts_statement,
)
from zsim.config.source import Token
from zsim.facts import fact
from zsim.findings import Where, did_you_mean

LAST_PORT = 65535


class Partly(Exception):
    """A list that is good up to a bad entry: z/OS drops the rest. (profsyn, with HOME as the example)"""

    def __init__(self, statement: Statement, bad: Bad) -> None:
        self.statement, self.bad = statement, bad
        bad.hint = f"{bad.hint or 'correct the entry'}; the rest of the list is dropped"


def _is_statement(reader: Reader, bad: Bad, entry: Where, names: Iterable[str] = ()) -> bool:
    """Is the bad beginning of a list entry a misspelt statement? The reader is then back in front of it."""
    token = reader.words[reader.at - 1]
    if bad.where != entry or token.where != entry or not misspelt(token, names):
        return False
    reader.at -= 1
    return True


# ---- HOME -----------------------------------------------------------------------------------------------------


def read_home(reader: Reader, where: Where) -> Home:
    """HOME { address link } ...; a bad entry drops the rest of the list."""
    entries: list[HomeEntry] = []
    while (token := reader.peek()) is not None and not starts_statement(token):
        try:
            address = reader.value("a home address", _ipv4)
            link, place = named(reader, "a link name")
        except Bad as bad:
            if _is_statement(reader, bad, token.where):
                break
            raise Partly(Home(tuple(entries), where), bad) from None
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


def read_routes(reader: Reader, where: Where) -> Routes:
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
    found, _ = parameters(reader, ROUTE_OPTIONS, _starts_route, _no_option)
    options = (word for key, words in ROUTE_OPTIONS.sorted(found.words).items() for word in (key, *words))
    return Route(dest, next_hop, link, mtu, tuple(options), where, places)


def _no_option(token: Token) -> Bad:
    return Bad(token.text, token.where, "an option of ROUTE", did_you_mean(token.text, ROUTE_OPTIONS.rows))


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


def read_ports(reader: Reader, where: Where, statement: str, delete: bool = False) -> PortList | None:
    """Entries up to the next statement; a bad one drops the rest. DENY for a named job spoils all. (ezz0146i)"""
    entries: list[PortEntry] = []
    read = _range_entry if statement == "PORTRANGE" else _port_entry
    mistake: Bad | None = None
    while not entries or ((token := reader.peek()) is not None and not starts_statement(token)):
        where_entry = reader.here
        try:
            entries.append(read(reader, where_entry))
        except Bad as bad:
            mistake = None if entries and _is_statement(reader, bad, where_entry, _OPTIONS) else bad
            bad.hint = _option_hint(bad, entries) or bad.hint
            if mistake is not None:
                _report_more(reader, read)
            break
    spoilt = [_denies_a_job(reader, entry) for entry in entries]
    found = PortList(statement, delete, tuple(entries), where) if not any(spoilt) else None
    if mistake is not None:
        raise Partly(found, mistake) if found and entries else mistake
    return found


def _report_more(reader: Reader, read: Callable[[Reader, Where], PortEntry]) -> None:
    """Entries behind a bad one are dropped with it; what is wrong in them is told all the same, a line each. z/OS has
    no message for what it drops."""
    while True:
        reader.until(lambda token: reader.on_new_line or starts_statement(token))
        token = reader.peek()
        if token is None or starts_statement(token) or (misspelt(token, _OPTIONS) and not token.text[0].isdigit()):
            return
        try:
            read(reader, token.where)
        except Bad as bad:
            hint = f"{bad.hint or 'correct the entry'}; it is dropped with the rest of the list"
            reader.note("syntax", bad.where, found=bad.found[:LONGEST_SHOWN], expected=bad.expected, hint=hint)


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
